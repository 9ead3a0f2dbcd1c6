/** How `status` looks. */
import type { BudgetStatus } from '../budget/status.ts'
import type { Hold } from '../provider/holds.ts'
import type { Backlog, Status } from './fleet-status.ts'
import { duration, section, table, time } from './text.ts'

type BacklogTime = { ms: number | null; axis: string | null; tokensEach: number; partitions: { ms: number | null }[] }

/** @param times null when the backlog is not known */
export function statusLines(status: Status, backlog: Backlog | { error: string }, times: BacklogTime | null): string[] {
  const { versions, workers, reviews, claims } = status
  return [
    ...budgetLines(status.budget),
    ...section('holds', status.holds.map(holdLine)),
    ...adaptationLines(status.adaptation),
    ...('error' in backlog ? [`backlog: unknown. ${backlog.error}`] : backlogLines(backlog, times)),
    ...workerLines(workers),
    reviewLine(reviews),
    `claims: ${claims.status ?? 'no state in Redis yet'}`,
    `versions: this command ${versions.command}, Redis ${versions.redis ?? 'unknown'}`,
  ]
}

function adaptationLines(adaptation: Status['adaptation']): string[] {
  if (adaptation === null) return ['server: nothing is known yet of the requests that it takes']
  const { instead, sinceMs } = adaptation
  if (instead.length === 0) return ['server: it takes requests in their usual form']
  return [
    `server: adapted to since ${time(sinceMs)} (\`npm run forget -- --adaptations\` asks it anew)`,
    ...instead.map((line) => `  ${line}`),
  ]
}

const NAMES: Record<string, string> = {
  requestsPerMinute: 'requests/minute',
  requestsPerDay: 'requests/day',
  tokensPerMinute: 'tokens/minute',
  tokensPerDay: 'tokens/day',
}

function budgetLines(budget: BudgetStatus & { name: string }): string[] {
  const { name, open, axes, waiting, heldForMs, closedForMs } = budget
  const rows = axes.map(({ axis, limit, used, usedElsewhere, free, nextFreeInMs }) => {
    const next = nextFreeInMs === null ? null : duration(nextFreeInMs)
    return [NAMES[axis] ?? axis, limit ?? 'none', used, usedElsewhere, limit === null ? 'any' : free, next]
  })
  return [
    `budget "${name}": ${open ? `open, workers in line: ${waiting}` : 'shut (never used, or lost and not rebuilt yet): nothing is granted'}`,
    ...table(['axis', 'limit', 'used', 'elsewhere', 'free', 'next free in'], rows).map((line) => `  ${line}`),
    ...(heldForMs > 0 ? [`  held by the provider's retry-after for ${duration(heldForMs)}`] : []),
    ...(closedForMs > 0 ? [`  closed after lost data for ${duration(closedForMs)}`] : []),
  ]
}

/** @returns what is held since when, why, and what to do about it */
export function holdLine({
  scope,
  code,
  holdsOthers,
  sinceMs,
  requests,
  failures,
  probes,
  nextProbeAtMs,
  abandoned,
  remedy,
}: Hold): string {
  if (code === null) return `paused by the operator since ${time(sinceMs)}: \`npm run resume\` ends it`
  const what = holdsOthers ? `calls of ${scope} are held` : `one request fails at ${scope}, no other is held`
  const next = nextProbeAtMs === null ? '' : `, next at ${time(nextProbeAtMs)}`
  const counts = `${failures} failures of ${requests} requests, ${probes} probes${next}`
  const nobody = abandoned ? ' No request waits for it.' : ''
  return `${what} since ${time(sinceMs)}: ${code} (${counts}).${nobody} ${remedy}`.trimEnd()
}

function backlogLines(backlog: Backlog, times: BacklogTime | null): string[] {
  const { topic, group, groupState, members, partitions, waiting } = backlog
  const rows = partitions.map(({ partition, committed, high, waiting: here }, index) => {
    const ms = times?.partitions[index]?.ms ?? null
    return [partition, committed ?? 'none', high, here, ms === null ? null : duration(ms)]
  })
  const all = times === null || times.ms === null ? 'unknown while the budget is shut' : duration(times.ms)
  const bound = times?.axis == null ? '' : `, bound by ${NAMES[times.axis] ?? times.axis}`
  return [
    `backlog of ${group} on ${topic}: at most ${waiting} messages; the budget takes ${all}${bound}`,
    `  (reckoned with ${times?.tokensEach ?? '?'} tokens each, none of them answered from the cache)`,
    ...table(['partition', 'committed', 'end', 'waiting', 'budget takes'], rows).map((line) => `  ${line}`),
    `  consumer group: ${groupState}, ${members} ${members === 1 ? 'member' : 'members'}`,
  ]
}

/** So many ids are shown, all of them by `--json`. */
const REVIEWS_SHOWN = 10

/** @param ids of results that a person should look at, newest first */
export function reviewLine(ids: string[]): string {
  if (ids.length === 0) return 'to be reviewed: nothing'
  const more = ids.length > REVIEWS_SHOWN ? `, and ${ids.length - REVIEWS_SHOWN} before` : ''
  return `to be reviewed: ${ids.length}, newest first ${ids.slice(0, REVIEWS_SHOWN).join(', ')}${more}`
}

function workerLines(workers: Status['workers']): string[] {
  const lines = workers.map(({ worker, ...facts }) => {
    const shown = Object.entries(facts).map(([name, value]) => `${name} ${String(value) === '' ? '-' : String(value)}`)
    return `${worker}: ${shown.join(', ')}`
  })
  return section('workers', lines, 'none alive')
}
