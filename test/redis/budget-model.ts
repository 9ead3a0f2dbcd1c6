/** The budget as plain lists that are searched from end to end, to compare the scripts with. Times in ms. */
import type { BudgetLimits, BudgetWindows, Pace } from '../../src/budget/limits.ts'

interface Spent {
  id: string
  atMs: number
  tokens: number
}

interface Waiting {
  id: string
  tokens: number
  place: number
  lease: number
}

interface AxisModel {
  window: 'minute' | 'day'
  kind: 'requests' | 'tokens'
  limit: number | null
  /** Taken off the limit until then, by the answer to the request with this seq. */
  over: { units: number; until: number; seq: number } | null
}

export interface ModelOptions {
  limits: BudgetLimits
  windows: BudgetWindows
  pace: Pace
  renewalMs: number
}

/** Long, because everything in it shares the lists. */
export function createModel({ limits, windows, pace, renewalMs }: ModelOptions) {
  const length = { minute: windows.minuteMs + windows.marginMs, day: windows.dayMs + windows.marginMs }
  const axes: AxisModel[] = [
    { window: 'minute', kind: 'requests', limit: limits.requestsPerMinute, over: null },
    { window: 'minute', kind: 'tokens', limit: limits.tokensPerMinute, over: null },
    { window: 'day', kind: 'requests', limit: limits.requestsPerDay, over: null },
    { window: 'day', kind: 'tokens', limit: limits.tokensPerDay, over: null },
  ]
  const spent: Spent[] = []
  let line: Waiting[] = []
  let [hold, tat, places, seq] = [0, 0, 0, 0]

  const backAt = (axis: AxisModel, atMs: number) => {
    const tick = Math.ceil(length[axis.window] / 65_534)
    return (Math.floor(atMs / tick) + 1) * tick + length[axis.window]
  }
  const units = (axis: AxisModel, one: { tokens: number }) => (axis.kind === 'requests' ? 1 : one.tokens)
  const used = (axis: AxisModel, now: number, all: Spent[] = spent) =>
    all.filter(({ atMs }) => backAt(axis, atMs) > now).reduce((sum, one) => sum + units(axis, one), 0)

  function fits(tokens: number, now: number, all: Spent[]): boolean {
    return axes.every((axis) => {
      if (axis.limit === null) return true
      const over = axis.over !== null && axis.over.until > now ? axis.over.units : 0
      return used(axis, now, all) + units(axis, { tokens }) <= axis.limit - over
    })
  }

  /** When the last of `queue` is admitted, by trying every moment at which anything changes. */
  function admittedAt(queue: Waiting[], now: number): number {
    const all = [...spent]
    let [at, nextTat] = [Math.max(now, hold), tat]
    for (const { id, tokens } of queue) {
      if (pace.spacingMs > 0) at = Math.max(at, Math.ceil(nextTat - pace.aheadMs))
      const moments = axes.flatMap((axis) => [axis.over?.until ?? 0, ...all.map(({ atMs }) => backAt(axis, atMs))])
      at =
        [at, ...moments.filter((moment) => moment > at).toSorted((a, b) => a - b)].find((t) => fits(tokens, t, all)) ??
        NaN
      all.push({ id, atMs: at, tokens })
      nextTat = Math.max(nextTat, at) + pace.spacingMs
    }
    return at
  }

  function reserve(id: string, tokens: number, patienceMs: number, now: number) {
    const mine = line.find((one) => one.id === id) ?? { id, tokens, place: ++places, lease: 0 }
    line = line.filter((one) => one.id !== id && one.lease >= now)
    const ahead = line.filter((one) => one.place < mine.place)
    const at = admittedAt([...ahead, mine], now)
    if (at <= now) {
      spent.push({ id, atMs: now, tokens })
      seq++
      tat = Math.max(tat, now) + pace.spacingMs
      return { kind: 'granted' as const, atMs: now, seq }
    }
    if (at - now > patienceMs) return { kind: 'refused' as const, waitMs: at - now }
    const leases = ahead.map((one) => one.lease + 1)
    const askAgain = Math.max(now + 1, Math.min(at, now + renewalMs, ...leases))
    line = [...line, { ...mine, lease: askAgain + windows.marginMs }].toSorted((a, b) => a.place - b.place)
    return { kind: 'wait' as const, waitMs: at - now, askAgainMs: askAgain - now }
  }

  return {
    reserve,
    /** The command that got this grant comes once more. */
    reserveAgain(atMs: number, now: number) {
      line = line.filter((one) => one.lease >= now)
      return { kind: 'granted' as const, atMs, seq }
    },
    settle(id: string, billed: number) {
      const one = spent.find((each) => each.id === id)
      if (one !== undefined) one.tokens = billed
    },
    leave(id: string, now: number) {
      line = line.filter((one) => one.id !== id && one.lease >= now)
    },
    hold(untilMs: number) {
      hold = Math.max(hold, untilMs)
    },
    narrow(kind: 'requests' | 'tokens', said: { remaining: number; resetMs: number }, grant: Narrowing, now: number) {
      const isMinute =
        said.resetMs <= length.minute || axes.find((a) => a.window === 'day' && a.kind === kind)?.limit === null
      const axis = axes.find((one) => one.kind === kind && one.window === (isMinute ? 'minute' : 'day'))
      if (axis?.limit === null && said.remaining === 0) hold = Math.max(hold, now + said.resetMs)
      if (axis === undefined || axis.limit === null) return
      if (axis.over !== null && axis.over.until > now && axis.over.seq > grant.seq) return
      const foreign = axis.limit - Math.max(used(axis, now), grant.used[axis.window][kind]) - said.remaining
      axis.over = foreign > 0 && said.resetMs > 0 ? { units: foreign, until: now + said.resetMs, seq: grant.seq } : null
    },
    /** By axis: requests and tokens of the minute, then of the day. */
    used: (now: number) => axes.map((axis) => used(axis, now)),
  }
}

export interface Narrowing {
  seq: number
  used: Record<'minute' | 'day', Record<'requests' | 'tokens', number>>
}
