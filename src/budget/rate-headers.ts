/** Reads what a provider's headers say about its limits. A header that cannot be read counts as absent. */
import type { BudgetLimits } from './limits.ts'
import type { Remaining, Used } from './scripts.ts'

/** `retry-after`, `retry-after-ms`, `x-ratelimit-*` and `date` as they came, names in lower case. */
export type RateHeaders = Readonly<Record<string, string>>

/** The longest wait that is believed: a longer one is cut to a day. */
const MAX_MS = 24 * 3_600_000

const UNIT_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Reads `6m0s`, `1h2m3.5s`, `12ms`; a bare number is seconds.
 * @returns ms rounded up, at most a day; null for anything else (`-1`, garbage)
 */
export function parseDuration(text: string): number | null {
  const bare = text.trim()
  if (/^\d+(\.\d+)?$/.test(bare)) return capped(Number(bare) * 1_000)
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(bare)) return null
  let ms = 0
  for (const [, value, unit] of bare.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g))
    ms += Number(value) * (UNIT_MS[unit ?? ''] ?? 0)
  return capped(ms)
}

// Subtracts a little before rounding up, because 16.1 s is 16,100.000000000002 ms in floating point.
const capped = (ms: number) => Math.min(Math.max(0, Math.ceil(ms - 1e-6)), MAX_MS)

/**
 * `retry-after-ms`, else `retry-after` in seconds or as a date (RFC 9110, against the answer's own `date` where it has one).
 * @returns ms to wait, 0 to a day; null when nothing is said
 */
export function retryAfterMs(headers: RateHeaders): number | null {
  const ms = headers['retry-after-ms']?.trim() ?? ''
  if (/^\d+(\.\d+)?$/.test(ms)) return capped(Number(ms))
  const after = headers['retry-after']?.trim() ?? ''
  const seconds = parseDuration(after)
  if (seconds !== null) return seconds
  // A date has letters; without that check Date.parse takes "-1" for a year.
  const until = /^[A-Za-z]/.test(after) ? Date.parse(after) : Number.NaN
  if (Number.isNaN(until)) return null
  const now = Date.parse(headers['date'] ?? '')
  return capped(Math.max(0, until - (Number.isNaN(now) ? Date.now() : now)))
}

/** @returns what `x-ratelimit-remaining-*` and `x-ratelimit-reset-*` say together; null when one of the two is absent or unreadable */
export function remainingOf(headers: RateHeaders): { requests: Remaining | null; tokens: Remaining | null } {
  const one = (axis: 'requests' | 'tokens'): Remaining | null => {
    const remaining = headers[`x-ratelimit-remaining-${axis}`]?.trim() ?? ''
    const resetMs = parseDuration(headers[`x-ratelimit-reset-${axis}`] ?? '')
    return /^\d{1,15}$/.test(remaining) && resetMs !== null ? { units: Number(remaining), resetMs } : null
  }
  return { requests: one('requests'), tokens: one('tokens') }
}

/**
 * @returns whether the provider reports less left than this worker expects, or nothing left of a limit that the budget does not have.
 * Only a first check: told.lua decides with newer data
 * @param used what the windows held when the answered request was granted
 */
export function isLess(
  axis: 'requests' | 'tokens',
  remaining: Record<'requests' | 'tokens', Remaining | null>,
  used: Used,
  limits: BudgetLimits,
): boolean {
  const said = remaining[axis]
  if (said === null) return false
  const [minute, day] = [limits[`${axis}PerMinute`], limits[`${axis}PerDay`]]
  if (said.units === 0 && (minute === null || day === null)) return true
  const isBelow = (limit: number | null, known: number) => limit !== null && said.units < limit - known
  return isBelow(minute, used.minute[axis]) || isBelow(day, used.day[axis])
}
