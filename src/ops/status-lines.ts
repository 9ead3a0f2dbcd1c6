/** Renders the fleet's status for people. */
import type { Block, BudgetStatus } from '../budget/status.ts'
import { blocksOf } from '../budget/status.ts'
import { clockTime, counted, duration, section, table, time } from '../lib/text.ts'
import type { Hold } from '../provider/holds.ts'
import type { Difference, LiveWorker } from './fleet.ts'
import type { Backlog, BacklogTime, FleetStatus, RedisHalf, Unread } from './fleet-status.ts'

/** @returns the lines of `status` @param times null when budget or backlog is unknown */
export function statusLines(status: FleetStatus, times: BacklogTime): string[] {
  const { redis, backlog, reviews } = status
  return [
    ...('error' in redis ? [`budget, holds and workers: unknown. ${redis.error}`] : redisLines(redis)),
    ...('error' in redis ? [] : [reviewLine(reviews)]),
    ...('error' in backlog ? [`backlog: unknown. ${backlog.error}`] : backlogLines(backlog, times)),
    ...unreportedLines(redis, backlog),
  ]
}

/** Workers that use another Redis, or another part of it, would otherwise look as if none lived. */
function unreportedLines(redis: FleetStatus['redis'], backlog: FleetStatus['backlog']): string[] {
  if ('error' in redis || 'error' in backlog || redis.workers.length > 0 || backlog.members === 0) return []
  const { group, members } = backlog
  return section('WARNING: no worker reports to this Redis', [
    `Kafka's group ${group} has ${counted(members, 'member')}:`,
    'check REDIS_HOST, REDIS_PORT, REDIS_DB and REDIS_KEY_PREFIX,',
    'unless it has started or died within the last minute',
  ])
}

function redisLines(redis: RedisHalf): string[] {
  const { settings, workers, claims, current, old, skipped, differences } = redis
  const whose = workers.some((each) => each.settings !== null) ? 'the living workers' : 'this machine; no worker lives'
  return [
    `model ${settings.model} at ${settings.address}, ${settings.prompt} (${whose})`,
    ...budgetLines(redis.budget),
    ...section('holds', current.map(holdLine)),
    ...(old.length === 0 ? [] : section('old holds, which keep back no living worker', old.map(holdLine))),
    ...adaptationLines(redis.adaptation),
    ...workerLines(workers),
    ...skippedLines(skipped),
    ...differenceLines(differences),
    `claims: ${claims.status === null ? 'no state in Redis yet' : (CLAIMS[claims.status] ?? claims.status)}`,
    `versions: this machine ${redis.version}, Redis ${redis.redisVersion ?? 'unknown'}`,
  ]
}

/** By the status of the claims in Redis. */
const CLAIMS: Record<string, string> = {
  open: 'complete',
  lost: 'Redis lost data; a worker will rebuild them',
  recovering: 'Redis lost data; they are being rebuilt',
}

function adaptationLines(adaptation: RedisHalf['adaptation']): string[] {
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
  const { name, open, axes, waiting } = budget
  const rows = axes.map(({ axis, limit, used, usedElsewhere, free, nextFreeInMs }) => {
    const next = nextFreeInMs === null ? null : duration(nextFreeInMs)
    return [NAMES[axis] ?? axis, limit ?? 'none', used, usedElsewhere, limit === null ? 'any' : free, next]
  })
  return [
    `budget "${name}": ${open ? `open, workers in line: ${waiting}` : blockReason({ kind: 'shut' })}`,
    ...indented(table(['axis', 'limit', 'used', 'other', 'free', 'next in'], rows)),
    ...indented(blocksOf(budget).flatMap((block) => (OF_TABLE.has(block.kind) ? [] : [blockLine(block, Date.now())]))),
  ]
}

/** The budget's first line and its table show these already. */
const OF_TABLE: ReadonlySet<Block['kind']> = new Set(['shut', 'spent'])

/** @returns why the budget grants nothing */
export function blockReason(block: Block): string {
  if (block.kind === 'spent') return `its ${NAMES[block.axis] ?? block.axis} are spent`
  return REASONS[block.kind]
}

const REASONS: Record<Exclude<Block['kind'], 'spent'>, string> = {
  shut: 'it is shut until a worker creates it (when it is new) or rebuilds it (when Redis lost it)',
  held: "the provider's retry-after holds it",
  closed: 'it is closed, since Redis does not know what the last minute took (data lost, or a new REDIS_KEY_PREFIX)',
}

/** @returns why the budget grants nothing, and until when */
export function blockLine(block: Block, nowMs: number): string {
  if (block.kind === 'shut') return blockReason(block)
  return `until ${clockTime(nowMs + block.forMs, nowMs)} (${duration(block.forMs)}): ${blockReason(block)}`
}

/** @returns a line that says what is held, since when, why, and what to do about it */
export function holdLine(hold: Hold): string {
  const { scope, code, cause, holdsOthers, sinceMs, requests, failures, probes, nextProbeAtMs, abandoned, remedy } =
    hold
  if (code === null) return `paused by the operator since ${time(sinceMs)}: \`npm run resume\` ends it`
  const what = holdsOthers ? `calls of ${scope} are held` : `one request fails at ${scope}, no other is held`
  const next = nextProbeAtMs === null ? '' : `, next at ${time(nextProbeAtMs)}`
  const counts = `${counted(failures, 'failure')} of ${counted(requests, 'request')}, ${counted(probes, 'probe')}${next}`
  const nobody = abandoned ? ' No request waits for it.' : ''
  const last = cause === '' ? '' : `; last: ${cause}`
  return `${what} since ${time(sinceMs)}: ${code} (${counts}${last}).${nobody} ${remedy}`.trimEnd()
}

function backlogLines(backlog: Backlog, times: BacklogTime): string[] {
  const { topic, group, groupState, members, partitions, waiting } = backlog
  const rows = partitions.map(({ partition, committed, high, waiting: here }, index) => {
    const ms = times?.partitions[index]?.ms ?? null
    return [partition, committed ?? 'none', high, here, ms === null ? null : duration(ms)]
  })
  return [
    `backlog of ${group} on ${topic}: at most ${counted(waiting, 'message')}`,
    ...indented(waiting === 0n ? [] : budgetTakes(times)),
    ...indented(table(['partition', 'committed', 'end', 'waiting', 'budget takes'], rows)),
    // Kafka calls a group dead that it does not know.
    `  consumer group: ${groupState === 'Dead' ? 'none yet' : groupState}, ${counted(members, 'member')}`,
  ]
}

/** @returns how long the budget takes for the backlog, and how that is reckoned; nothing when the budget cannot be read */
function budgetTakes(times: BacklogTime): string[] {
  if (times === null) return []
  const { ms, axis, tokensEach, isAssumed } = times
  if (ms === null) return ['how long the budget takes is not known while it is shut']
  const bound = axis === null ? '' : `, bound by ${NAMES[axis] ?? axis}`
  const why = isAssumed ? 'assumed: nothing was billed in the last day' : 'the average of the last day'
  return [`the budget takes about ${duration(ms)}${bound},`, `at ${tokensEach} tokens each (${why})`]
}

function workerLines(workers: readonly LiveWorker[]): string[] {
  const lines = workers.flatMap((each) => {
    const { worker, version, settings, partitions, inFlight, window, held } = each
    const model = settings === null ? '' : `, model ${settings.model}, prompt ${settings.prompt}`
    return [
      worker,
      `  version ${version}${model}`,
      `  partitions ${partitions.join(',') || 'none'}, calls in flight ${inFlight}, messages held ${window}`,
      ...(held === '' ? [] : [`  held: ${held}`]),
    ]
  })
  return section('workers', lines, 'none alive')
}

/** Most ids that are shown; `--json` shows all. */
const REVIEWS_SHOWN = 10

/** @param ids of results that a person should look at, newest first */
export function reviewLine(ids: readonly string[]): string {
  if (ids.length === 0) return 'to be reviewed: nothing'
  const more = ids.length > REVIEWS_SHOWN ? `, and ${ids.length - REVIEWS_SHOWN} before` : ''
  return `to be reviewed: ${ids.length}, newest first ${ids.slice(0, REVIEWS_SHOWN).join(', ')}${more}`
}

function skippedLines(skipped: [string, number][]): string[] {
  if (skipped.length === 0) return []
  return section(
    'skipped by the living workers, since their key is not new_request',
    table(
      ['key', 'messages'],
      skipped.map(([key, count]) => [key, count]),
    ),
  )
}

function differenceLines(found: readonly Difference[]): string[] {
  if (found.length === 0) return []
  return section(
    'WARNING: this machine has other settings than the living workers',
    found.map(({ setting, here, fleet }) => `${setting}: ${here} here, ${fleet.join(' and ')} there`),
  )
}

const indented = (lines: string[]) => lines.map((line) => `  ${line}`)

/** @returns the reason why a half could not be read, in place of that half */
export const unread = (error: unknown): Unread => ({ error: error instanceof Error ? error.message : String(error) })
