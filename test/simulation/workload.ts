/** The work of a seed's life: which requests are sent, within which budget, and how the model behaves. */
import { createDice } from '../chaos/dice.ts'

/** What each call reserves, tokens. */
export const RESERVED_TOKENS = 100

export interface Workload {
  requestsPerMinute: number | null
  tokensPerMinute: number | null
  /** A request whose turn is further away is refused, ms. */
  maxWaitMs: number
  /** How long a call takes, ms: in some lives longer than a lease that is not renewed. */
  modelMs: number
  ids: string[]
  /** Requests in the order in which they are sent; an id may come twice. */
  sends: { partition: number; id: string }[]
  /** @returns what the next call is billed, tokens; at most what it reserved */
  nextBill: () => number
}

const FOREVER_MS = 86_400_000
const MODEL_MS: readonly (readonly [number, number])[] = [
  [4, 700],
  [1, 15_000],
]

export function workloadOf(seed: number): Workload {
  const dice = createDice(seed ^ 0x5f3759df)
  const requestsPerMinute = dice.chance(0.25) ? dice.between(1, 4) : null
  const tokensPerMinute = dice.chance(0.25) ? dice.between(1, 4) * RESERVED_TOKENS : null
  const isLimited = requestsPerMinute !== null || tokensPerMinute !== null
  const maxWaitMs = isLimited && dice.chance(0.4) ? dice.between(1, 90) * 1_000 : FOREVER_MS
  const ids = Array.from({ length: dice.between(2, 5) }, (_, index) => String(101 + index))
  const sends = ids.flatMap((id) =>
    Array.from({ length: dice.chance(0.3) ? 2 : 1 }, () => ({ partition: dice.between(0, 1), id })),
  )
  const bills = createDice(seed ^ 0x2545f491)
  return {
    requestsPerMinute,
    tokensPerMinute,
    maxWaitMs,
    modelMs: dice.pick(MODEL_MS),
    ids,
    sends,
    nextBill: () => bills.between(RESERVED_TOKENS / 10, RESERVED_TOKENS),
  }
}
