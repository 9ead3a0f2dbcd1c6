/** Finds the lowest limits at which no request is refused and 99 % wait no longer than wanted. */
import { BUDGET_WINDOWS } from '../../src/budget/limits.ts'
import { DAY_MS, mostWithin } from './arrivals.ts'
import type { Day, Load } from './simulate.ts'
import { quantile } from './simulate.ts'

export interface Limits {
  /** null: none */
  rpm: number | null
  tpm: number | null
  rpd: number | null
}

export interface Plan {
  limits: Limits
  day: Day
  /** Whether the day meets the target; always true when every limit was searched. */
  isEnough: boolean
}

/** Runs a day; the second argument ends it as soon as it can no longer meet what was asked. */
export type Simulate = (limits: Limits, enough?: (waitMs: number | null) => boolean) => Promise<Day>

/** The relative precision to which a limit is searched. */
const PRECISION = 0.04
const STEP = 1.5 * PRECISION
/** The share of requests that may wait longer than asked. */
const LATE_PART = 0.01

const { minuteMs, dayMs, marginMs } = BUDGET_WINDOWS

/**
 * Searches the limits that are not given, one after the other: requests a day, requests a minute, tokens a minute. Each is the lowest
 * that works with the limits found before it.
 */
export async function findLimits(
  load: Load,
  given: { [Name in keyof Limits]: number | null | undefined },
  maxWaitMs: number,
  simulate: Simulate,
): Promise<Plan> {
  const { arrivals, reserved, billed, callMs, lookEveryMs } = load
  const limits: Limits = { rpm: given.rpm ?? null, tpm: given.tpm ?? null, rpd: given.rpd ?? null }
  // Tomorrow is like today: its first requests need the units that today's give back.
  if (given.rpd === undefined) limits.rpd = roundUp(mostInADay(arrivals))
  const allowed = Math.floor(arrivals.length * LATE_PART)
  const tooMany = () => {
    let late = 0
    return (waitMs: number | null) => waitMs === null || (waitMs > maxWaitMs && ++late > allowed)
  }
  const good = (day: Day) => day.refused === 0 && quantile(day.waits, 1 - LATE_PART) <= maxWaitMs
  const whole = (day: Day) => day.waits.length + day.refused === arrivals.length
  /** Days that were run, by their limits. */
  const days = new Map<string, Day>()
  const passes = async (tried: Limits) => {
    const name = JSON.stringify(tried)
    const day = days.get(name) ?? (await simulate(tried, tooMany()))
    days.set(name, day)
    return whole(day) && good(day)
  }
  // A day without limits passes always.
  const isFree = given.rpm === undefined && given.tpm === undefined && given.rpd === undefined
  if (isFree || (await passes(limits))) {
    const most = mostWithin(arrivals, minuteMs + marginMs)
    const estimate = rateFor(arrivals, maxWaitMs)
    if (given.rpm === undefined) {
      limits.rpm = await least(estimate, most, (rpm) => passes({ ...limits, rpm }))
    }
    if (given.tpm === undefined) {
      const rate = limits.rpm ?? estimate
      // A call holds what it reserves until it ends, and then what it is billed until its minute is over.
      const held = billed + (reserved - billed) * Math.min(1, (callMs + lookEveryMs / 2) / minuteMs)
      const tried = (tpm: number) => passes({ ...limits, tpm })
      limits.tpm = await least(Math.max(reserved, rate * held), Math.max(rate, most) * reserved, tried)
    }
  }
  const before = days.get(JSON.stringify(limits))
  const day = before !== undefined && whole(before) ? before : await simulate(limits)
  return { limits, day, isEnough: good(day) }
}

/**
 * @param from a first guess, better too low than too high
 * @param to a value that certainly passes
 * @returns the lowest value that passes, to PRECISION
 */
async function least(from: number, to: number, passes: (value: number) => Promise<boolean>): Promise<number> {
  let low = Math.max(1, Math.ceil(from * (1 - PRECISION)))
  let high = roundUp(from)
  while (high < to && !(await passes(high))) {
    low = high
    high = Math.min(roundUp(high * (1 + STEP)), Math.max(roundUp(to), high + 1))
  }
  while (low > 1 && (await passes(low))) {
    high = low
    low = Math.floor(low * (1 - STEP))
  }
  while (high - low > Math.max(1, high * PRECISION)) {
    const middle = roundUp((low + high) / 2)
    if (middle >= high) break
    if (await passes(middle)) high = middle
    else low = middle
  }
  return high
}

/**
 * Finds by arithmetic what `simulate` would: a unit comes back one window after it was spent.
 * @returns the least whole rate a minute at which 99 % wait no longer than `maxWaitMs`
 */
export function rateFor(arrivals: readonly number[], maxWaitMs: number): number {
  let [low, high] = [0, mostWithin(arrivals, minuteMs + marginMs)]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (isFast(arrivals, middle, maxWaitMs)) high = middle
    else low = middle
  }
  return Math.max(1, high)
}

function isFast(arrivals: readonly number[], rate: number, maxWaitMs: number): boolean {
  const granted = new Float64Array(arrivals.length)
  let late = 0
  for (const [i, arrival] of arrivals.entries()) {
    const atMs = Math.max(arrival, i < rate ? 0 : (granted[i - rate] ?? 0) + minuteMs + marginMs)
    granted[i] = atMs
    if (atMs - arrival > maxWaitMs) late++
  }
  return late <= arrivals.length * LATE_PART
}

/** The most that a rolling day holds when every day is like this one. */
function mostInADay(arrivals: readonly number[]): number {
  const seam = arrivals.filter((ms) => ms < dayMs + marginMs - DAY_MS).length
  return arrivals.length + seam
}

/** @returns the number rounded up to three significant digits */
export function roundUp(value: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, value))) - 2)
  return Math.ceil(value / unit) * unit
}
