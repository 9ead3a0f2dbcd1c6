/** What the fleet's tokens cost, at a price that the user names. */
import type { BacklogTime, FleetStatus } from './fleet-status.ts'

/** In the currency of the price. */
export interface Cost {
  /** Of a million tokens, the average for prompts and answers: Redis keeps only their sum. */
  price: number
  /** Of the last 24 hours, by whoever shares the budget. */
  lastDay: number
  /** Of the messages that wait in Kafka; null when their number is unknown. */
  backlog: number | null
}

const MILLION = 1_000_000

/** @returns null when the budget cannot be read, or is not in use */
export function costOf({ redis, backlog }: FleetStatus, times: BacklogTime, price: number): Cost | null {
  // Nothing is known of a budget that is lost, and nothing was spent of a new one.
  if ('error' in redis || !redis.budget.open) return null
  const used = redis.budget.axes.find(({ axis }) => axis === 'tokensPerDay')?.used ?? 0
  const waiting = times === null || 'error' in backlog ? null : Number(backlog.waiting) * times.tokensEach
  return { price, lastDay: (used * price) / MILLION, backlog: waiting === null ? null : (waiting * price) / MILLION }
}

/** @returns a line for people */
export function costLine({ price, lastDay, backlog }: Cost): string {
  const ahead = backlog === null ? '' : `, of the backlog about ${money(backlog)}`
  return `cost of the last day ${money(lastDay)}${ahead} (at ${price} a million tokens)`
}

/** With two digits after the point; an amount below a hundredth with two significant digits. */
function money(amount: number): string {
  return amount === 0 || amount >= 0.01 ? amount.toFixed(2) : amount.toPrecision(2)
}
