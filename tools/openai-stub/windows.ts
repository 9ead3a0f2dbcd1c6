/** Counts arrivals in rolling windows, as a provider does: to enforce limits, and to report the maximum to an audit. */
import type { Axis } from './problems.ts'

/** The enforced limits; null or absent: no limit. */
export interface Limits {
  rpm?: number | null
  rpd?: number | null
  /** Billed tokens: prompt and answer. */
  tpm?: number | null
  /** Requests in any one second, as some providers enforce their minute. */
  rps?: number | null
}

/**
 * Makes a rolling window: a weight that arrived at t counts until t + windowMs.
 * @param stepMs weights that arrive within one step count as one entry, at the time of the last one: this bounds the memory,
 *   and makes the window up to one step too strict
 */
export function createWindow(windowMs: number, stepMs: number) {
  let times: number[] = []
  let weights: number[] = []
  let opened: number[] = []
  let head = 0
  let sum = 0
  let most = 0

  const expire = (nowMs: number) => {
    while (head < times.length && (times[head] ?? 0) + windowMs <= nowMs) {
      sum -= weights[head] ?? 0
      head += 1
    }
    if (head < 4_096 || head * 2 < times.length) return
    times = times.slice(head)
    weights = weights.slice(head)
    opened = opened.slice(head)
    head = 0
  }

  return {
    /** @param atMs never before an earlier call's */
    add(atMs: number, weight: number): void {
      expire(atMs)
      const last = times.length - 1
      if (last >= head && atMs - (opened[last] ?? 0) < stepMs) {
        times[last] = atMs
        weights[last] = (weights[last] ?? 0) + weight
      } else {
        times.push(atMs)
        opened.push(atMs)
        weights.push(weight)
      }
      sum += weight
      most = Math.max(most, sum)
    },
    /** @returns the weight that is in the window now */
    used(nowMs: number): number {
      expire(nowMs)
      return sum
    },
    /** @returns the most that was ever in the window at once */
    most: () => most,
    /** @returns ms until `weight` fits under `limit`; Infinity when it never does */
    fitsInMs(nowMs: number, weight: number, limit: number): number {
      expire(nowMs)
      if (weight > limit) return Number.POSITIVE_INFINITY
      let over = sum + weight - limit
      if (over <= 0) return 0
      for (let i = head; i < times.length; i += 1) {
        over -= weights[i] ?? 0
        if (over <= 0) return (times[i] ?? 0) + windowMs - nowMs
      }
      return windowMs
    },
    /** @returns ms until the window is empty */
    emptyInMs: (nowMs: number): number => (head < times.length ? (times.at(-1) ?? 0) + windowMs - nowMs : 0),
  }
}

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

export interface Refusal {
  axis: Axis
  limit: number
  used: number
  requested: number
  /** Infinity: it never fits */
  waitMs: number
}

export interface AxisStatus {
  limit: number | null
  used: number
  most: number
}

/** The limit that headers show when none is enforced: more than any client sends. */
const BOUNDLESS = { requests: 1_000_000, tokens: 1_000_000_000 }

/** All axes of one server. Times are ms of one clock that does not go back. */
export function createLimits(initial: Limits) {
  let limits = initial
  const second = createWindow(1_000, 0)
  const minute = createWindow(MINUTE_MS, 1)
  const day = createWindow(DAY_MS, 100)
  const tokens = createWindow(MINUTE_MS, 1)

  const axes = () =>
    [
      { axis: 'requests', window: second, limit: limits.rps ?? null, weighsTokens: false },
      { axis: 'requests', window: minute, limit: limits.rpm ?? null, weighsTokens: false },
      { axis: 'day', window: day, limit: limits.rpd ?? null, weighsTokens: false },
      { axis: 'tokens', window: tokens, limit: limits.tpm ?? null, weighsTokens: true },
    ] as const

  return {
    set(next: Limits): void {
      limits = next
    },
    /**
     * Asks whether a request may be answered, before it is counted.
     * @returns the refusal that takes longest to end, or null
     */
    refusal(nowMs: number, requestTokens: number): Refusal | null {
      let worst: Refusal | null = null
      for (const { axis, window, limit, weighsTokens } of axes()) {
        if (limit === null) continue
        const requested = weighsTokens ? requestTokens : 1
        const waitMs = window.fitsInMs(nowMs, requested, limit)
        if (waitMs <= (worst?.waitMs ?? 0)) continue
        worst = { axis, limit, used: window.used(nowMs), requested, waitMs }
      }
      return worst
    },
    /** Counts an arrival, answered or refused: the provider counts both. */
    countRequest(nowMs: number): void {
      for (const window of [second, minute, day]) window.add(nowMs, 1)
    },
    countTokens: (nowMs: number, billed: number): void => tokens.add(nowMs, billed),
    /** @returns what `x-ratelimit-*` headers tell: per kind the tighter axis, and ms until it is empty again */
    remaining(nowMs: number) {
      const requests = [
        { limit: limits.rpm ?? BOUNDLESS.requests, window: minute },
        ...(limits.rpd === undefined || limits.rpd === null ? [] : [{ limit: limits.rpd, window: day }]),
      ].map(({ limit, window }) => ({ limit, left: Math.max(0, limit - window.used(nowMs)), window }))
      const tightest = requests.reduce((tight, other) => (other.left < tight.left ? other : tight))
      const tokenLimit = limits.tpm ?? BOUNDLESS.tokens
      return {
        requests: { limit: tightest.limit, left: tightest.left, resetMs: tightest.window.emptyInMs(nowMs) },
        tokens: {
          limit: tokenLimit,
          left: Math.max(0, tokenLimit - tokens.used(nowMs)),
          resetMs: tokens.emptyInMs(nowMs),
        },
      }
    },
    /** For audits: the present and the highest weight of each window, enforced or not. */
    status(nowMs: number): Record<'perSecond' | 'perMinute' | 'perDay' | 'tokensPerMinute', AxisStatus> {
      const of = (window: ReturnType<typeof createWindow>, limit: number | null | undefined) => ({
        limit: limit ?? null,
        used: window.used(nowMs),
        most: window.most(),
      })
      return {
        perSecond: of(second, limits.rps),
        perMinute: of(minute, limits.rpm),
        perDay: of(day, limits.rpd),
        tokensPerMinute: of(tokens, limits.tpm),
      }
    },
  }
}
