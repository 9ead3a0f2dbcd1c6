/** What goes wrong in the life of a seed, and at which step. */
import { createDice } from '../chaos/dice.ts'

/** From this step on nothing goes wrong. */
export const TROUBLED_STEPS = 400

/** Departures from "what was asked first is carried out, and its reply arrives". */
export type Deviation =
  /** Another operation than the oldest is carried out. */
  | { kind: 'later'; pick: number }
  /** The oldest operation reaches its service only this many steps later. */
  | { kind: 'delay'; steps: number }
  /** The connection is lost; the request arrives this many steps later (0: now), or never (null). */
  | { kind: 'lose'; arrivesAfter: number | null }
  | { kind: 'crash'; carriedOut: boolean }
  | { kind: 'freeze'; steps: number }
  | { kind: 'rebalance' }
  /** The consumer of the operation's worker ends, and the worker makes another, which is another member of the group. */
  | { kind: 'consumer ends' }
  /** The next commit is on its way for this many steps, and meanwhile the group assigns its partitions anew. */
  | { kind: 'handover'; steps: number }
  | { kind: 'slow'; ms: number }
  | { kind: 'stop' }
  /** Redis loses all its data. */
  | { kind: 'flush' }

/** Deviations by the number of the step. */
export type Plan = ReadonlyMap<number, Deviation>

/** The share of lives in which nothing goes wrong and only the order is another. */
const ORDERLY_LIVES = 0.15

/** @returns the deviations that the seed proposes; not all of them meet a step at which they make sense */
export function planOf(seed: number): Plan {
  const dice = createDice(seed)
  const plan = new Map<number, Deviation>()
  const disorder = dice.between(5, 40) / 100
  const trouble = dice.chance(ORDERLY_LIVES) ? 0 : dice.between(5, 40) / 1_000
  for (let step = 0; step < TROUBLED_STEPS; step++) {
    if (dice.chance(trouble)) {
      const arrival = dice.pick([
        [3, null],
        [5, 0],
        [3, dice.between(1, 40)],
      ])
      const deviation = dice.pick<Deviation>([
        [3, { kind: 'crash', carriedOut: dice.chance(0.5) }],
        [4, { kind: 'lose', arrivesAfter: arrival }],
        [3, { kind: 'delay', steps: dice.between(1, 40) }],
        [2, { kind: 'freeze', steps: dice.between(5, 150) }],
        [2, { kind: 'rebalance' }],
        [2, { kind: 'consumer ends' }],
        [3, { kind: 'handover', steps: dice.between(1, 20) }],
        [2, { kind: 'slow', ms: dice.between(50, 15_000) }],
        [1, { kind: 'stop' }],
        [0.3, { kind: 'flush' }],
      ])
      plan.set(step, deviation)
    } else if (dice.chance(disorder)) plan.set(step, { kind: 'later', pick: dice.between(1, 9) })
  }
  return plan
}
