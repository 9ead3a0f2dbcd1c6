/** Reads the timestamps of records. They should be ms since the epoch, but Kafka accepts whatever producers write. */

/** Stands for a timestamp that is missing (-1) or that is no plausible date in any unit. */
export const NO_TIME = 0

/**
 * The units are told apart by the number's size: each range below is the years from 2001 to 2286 in one unit, and the ranges do not
 * overlap.
 */
const UNITS = [
  { from: 1e9, toMs: (value: bigint) => Number(value) * 1_000 },
  { from: 1e12, toMs: Number },
  { from: 1e15, toMs: (value: bigint) => Number(value / 1_000n) },
  { from: 1e18, toMs: (value: bigint) => Number(value / 1_000_000n) },
]

/**
 * @param timestamp of a record, as in the log
 * @returns ms since the epoch, or NO_TIME; equal inputs give equal results
 */
export function timestampMsOf(timestamp: string): number {
  const value = BigInt(timestamp)
  const unit = UNITS.find(({ from }) => value >= BigInt(from) && value < BigInt(from) * 10n)
  return unit === undefined ? NO_TIME : unit.toMs(value)
}
