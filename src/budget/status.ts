/** The state of a budget, for people and metrics. */
import type { BudgetLimits } from './limits.ts'

export type Axis = keyof BudgetLimits

export interface AxisStatus {
  axis: Axis
  /** null: no limit. What is used is counted all the same. */
  limit: number | null
  used: number
  /** What the provider counts beyond this budget's own spendings: other users of the key, or a lower limit. */
  usedElsewhere: number
  free: number | null
  /** Until some of what is used is free again; null when nothing is used. */
  nextFreeInMs: number | null
}

export interface BudgetStatus {
  /** In use. false: never created, or lost and not rebuilt yet. Then nothing is granted, and the other fields are empty. */
  open: boolean
  axes: AxisStatus[]
  /** Workers that wait for their turn. */
  waiting: number
  /** Until the hold that the provider asked for is over; 0: there is none. */
  heldForMs: number
  /** How long the budget stays closed after lost data; 0: it is not closed. */
  closedForMs: number
}

/** In the order of status.lua's reply. */
const AXES: readonly Axis[] = ['requestsPerMinute', 'tokensPerMinute', 'requestsPerDay', 'tokensPerDay']

/** @param reply status.lua's */
export function readStatus(reply: (string | number)[], limits: BudgetLimits): BudgetStatus {
  const open = reply[0] === 'ok'
  const at = (index: number) => (open ? Number(reply[index]) : 0)
  const axes = AXES.map((axis, index): AxisStatus => {
    const first = 5 + 3 * index
    const [used, usedElsewhere, limit] = [at(first), at(first + 2), limits[axis]]
    const free = limit === null || !open ? null : Math.max(0, limit - used - usedElsewhere)
    const nextFreeInMs = open && at(first + 1) >= 0 ? at(first + 1) : null
    return { axis, limit, used, usedElsewhere, free, nextFreeInMs }
  })
  return { open, axes, waiting: at(2), heldForMs: at(3), closedForMs: at(4) }
}

/** What keeps the budget from granting anything now, and for how long as things stand. `shut`: lost or new; `closed`: after lost data. */
export type Block =
  { kind: 'shut' } | { kind: 'closed' | 'held'; forMs: number } | { kind: 'spent'; axis: Axis; forMs: number }

/** @returns everything that blocks the budget, the longest last; none when it could grant a small call */
export function blocksOf({ open, axes, heldForMs, closedForMs }: BudgetStatus): Block[] {
  if (!open) return [{ kind: 'shut' }]
  const spent = axes.filter(({ free }) => free === 0)
  const blocks: Exclude<Block, { kind: 'shut' }>[] = [
    ...spent.map(({ axis, nextFreeInMs }) => ({ kind: 'spent' as const, axis, forMs: nextFreeInMs ?? 0 })),
    ...(heldForMs > 0 ? [{ kind: 'held' as const, forMs: heldForMs }] : []),
    ...(closedForMs > 0 ? [{ kind: 'closed' as const, forMs: closedForMs }] : []),
  ]
  return blocks.toSorted((a, b) => a.forMs - b.forMs)
}

const WINDOW_MS: Record<Axis, number> = {
  requestsPerMinute: 60_000,
  tokensPerMinute: 60_000,
  requestsPerDay: 86_400_000,
  tokensPerDay: 86_400_000,
}

/**
 * How long the budget needs for a backlog, to show to people. It assumes that each limit is spread evenly over its window.
 * @param tokensEach billed tokens of a request
 * @returns ms, and the axis that binds (null when none does); null ms when the budget is not open
 */
export function timeForBacklog(status: BudgetStatus, requests: number, tokensEach: number) {
  if (!status.open) return { ms: null, axis: null }
  let longest: { ms: number; axis: Axis | null } = { ms: Math.max(status.heldForMs, status.closedForMs), axis: null }
  for (const { axis, limit, free } of status.axes) {
    if (limit === null || free === null) continue
    const missing = requests * (axis.startsWith('tokens') ? tokensEach : 1) - free
    const ms = Math.ceil((missing / limit) * WINDOW_MS[axis])
    if (missing > 0 && ms > longest.ms) longest = { ms, axis }
  }
  return longest
}
