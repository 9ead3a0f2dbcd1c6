/** What a seed has go wrong in a life, and at which step. */
import { createDice } from '../chaos/dice.ts'

/** After so many steps all goes well. */
export const TROUBLED_STEPS = 600

/** Departures from "what was asked first is carried out, and its reply arrives". */
export type Deviation =
  | { kind: 'later'; pick: number }
  | { kind: 'crash'; carriedOut: boolean }
  | { kind: 'lose'; carriedOut: boolean }
  | { kind: 'freeze'; steps: number }
  | { kind: 'rebalance' }
  | { kind: 'slow'; ms: number }
  | { kind: 'stop' }

/** Deviations by the number of the step. */
export type Plan = ReadonlyMap<number, Deviation>

/** @returns the deviations that the seed proposes; not all of them meet a step at which they make sense */
export function planOf(seed: number): Plan {
  const dice = createDice(seed)
  const plan = new Map<number, Deviation>()
  const [disorder, trouble] = [dice.between(5, 40) / 100, dice.between(0, 25) / 1_000]
  for (let step = 0; step < TROUBLED_STEPS; step++) {
    if (dice.chance(trouble)) {
      const deviation = dice.pick<Deviation>([
        [3, { kind: 'crash', carriedOut: dice.chance(0.5) }],
        [4, { kind: 'lose', carriedOut: dice.chance(0.7) }],
        [2, { kind: 'freeze', steps: dice.between(5, 150) }],
        [3, { kind: 'rebalance' }],
        [2, { kind: 'slow', ms: dice.between(50, 15_000) }],
        [1, { kind: 'stop' }],
      ])
      plan.set(step, deviation)
    } else if (dice.chance(disorder)) plan.set(step, { kind: 'later', pick: dice.between(1, 9) })
  }
  return plan
}
