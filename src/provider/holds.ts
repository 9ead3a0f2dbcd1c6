/** Which failures hold which calls, and how commands, probes and metrics read the fleet's holds and pause it. */
import type { Redis } from 'ioredis'
import type { FailureCode } from '../errors.ts'
import { FAILURES } from '../errors.ts'
import { clockMs } from '../redis/clock.ts'
import type { RedisKeys } from '../redis/keys.ts'

/** In the order in which a call reaches them. A failure in one scope proves that the earlier scopes work. */
export const SCOPES = ['outage', 'route', 'key', 'config'] as const
export type Scope = (typeof SCOPES)[number]

/** The names of the scopes of a worker's calls. Workers with the same name for a scope share its holds. */
export type Identity = Record<Scope, string>

/** How a call that was let through ended; 'unused': it was not made, or was aborted. */
export type CallResult = FailureCode | 'answered' | 'unused'

/** @returns the scope that a failure counts against, null for none */
export function blamedScope(result: CallResult): Scope | null {
  if (result === 'answered' || result === 'unused') return null
  const { hold } = FAILURES[result]
  if (hold === 'none') return null
  // When a server rate-limits every request, all wait, and one probes after the delay that the server asked for.
  return hold === 'budget' ? 'outage' : hold
}

/** @returns how many of SCOPES, from the first on, a result proves to work */
export function provedScopes(result: CallResult): number {
  if (result === 'unused') return 0
  if (result === 'parameter_refused') return SCOPES.indexOf('config')
  const blamed = blamedScope(result)
  return blamed === null ? SCOPES.length : SCOPES.indexOf(blamed)
}

/** A hold is abandoned when its probe is overdue for this time, ms. The longest gap between two probes is a minute. */
const ABANDONED_MS = 2 * 60_000

export interface Hold {
  /** Scope and digests, such as `key:4f0c...:91ab...`; 'operator' for the pause. */
  scope: string
  /** null for the operator's pause */
  code: FailureCode | null
  /** Cause of the last failure: status or error code, address and attempt; '' for none. */
  cause: string
  /** false: only one request fails, again and again; the others are not held. */
  holdsOthers: boolean
  sinceMs: number
  /** How many different requests failed, and how often. */
  requests: number
  failures: number
  probes: number
  /** Redis's time, ms; null when no probe is due. */
  nextProbeAtMs: number | null
  /**
   * A probe is long overdue: no worker has a request that waits for this hold, so it may be out of date. Always false while the
   * operator has paused, since then nobody probes.
   */
  abandoned: boolean
  /** What the operator should do. */
  remedy: string
}

/**
 * @param identity of a worker
 * @returns what holds this worker's calls: the operator's pause and the holds of its own scopes, without abandoned ones
 */
export function holdsOf(identity: Identity, holds: readonly Hold[]): Hold[] {
  const own = new Set(['operator', ...Object.values(identity)])
  return holds.filter(({ scope, holdsOthers, abandoned }) => own.has(scope) && holdsOthers && !abandoned)
}

/** @returns whether somebody has to repair the cause; other holds end by themselves, or with `npm run resume` */
export function needsRepair({ code }: Hold): boolean {
  return code !== null && ['key', 'route', 'config'].includes(FAILURES[code].hold)
}

/**
 * Needs no running worker.
 * @returns the fleet's current holds, the operator's pause first
 * @throws as ioredis does
 */
export async function readHolds(redis: Redis, keys: RedisKeys): Promise<Hold[]> {
  const [pause, scopes, nowMs] = await Promise.all([
    redis.hgetall(keys.pause),
    redis.smembers(keys.holds),
    clockMs(redis),
  ])
  const isPaused = Object.keys(pause).length > 0
  const overdueBeforeMs = nowMs - ABANDONED_MS
  const holds: Hold[] = isPaused ? [pauseHold(pause)] : []
  const found = await Promise.all(scopes.toSorted().map((scope) => redis.hgetall(keys.hold(scope))))
  for (const [index, fields] of found.entries()) {
    const hold = holdFrom(scopes.toSorted()[index] ?? '', fields)
    // The hash has expired and its name has not: no report has changed the hold for an hour.
    if (hold === null) continue
    // A probe may wait long for the budget; its worker renews its lease meanwhile.
    const dueAtMs = Math.max(Number(fields['next'] ?? 0), Number(fields['probeUntil'] ?? 0))
    holds.push({ ...hold, abandoned: hold.holdsOthers && !isPaused && dueAtMs < overdueBeforeMs })
  }
  return holds
}

/**
 * @param identity of the worker that has the request; null: no worker has it
 * @returns why the request's calls fail although none is held: it failed itself in these scopes, or the cause needs repair
 * @throws as ioredis does
 */
export async function failuresOf(
  redis: Redis,
  keys: RedisKeys,
  identity: Identity | null,
  id: bigint,
): Promise<Hold[]> {
  const isItsOwn = (hold: Hold, fields: Record<string, string>) => `f:${id}` in fields || needsRepair(hold)
  return await loneFailures(redis, keys, Object.values(identity ?? {}), isItsOwn)
}

/**
 * A request's text may be to blame at some gateways, so the first failure holds nobody; a person wants to know of it at once.
 * @param scopes of workers
 * @returns where somebody probably has to repair something, though only one request has failed yet
 * @throws as ioredis does
 */
export async function readFirstFailures(redis: Redis, keys: RedisKeys, scopes: readonly string[]): Promise<Hold[]> {
  return await loneFailures(redis, keys, scopes, needsRepair)
}

/** @returns the scopes in which calls fail and none is held, as far as `concerns` is true of the hold and its fields in Redis */
async function loneFailures(
  redis: Redis,
  keys: RedisKeys,
  scopes: readonly string[],
  concerns: (hold: Hold, fields: Record<string, string>) => boolean,
): Promise<Hold[]> {
  const found = await Promise.all(scopes.map((scope) => redis.hgetall(keys.hold(scope))))
  return found.flatMap((fields, index) => {
    const hold = holdFrom(scopes[index] ?? '', fields)
    return hold !== null && !hold.holdsOthers && concerns(hold, fields) ? [hold] : []
  })
}

/** @returns the hold, not yet checked for being abandoned; null for a hash without fields */
function holdFrom(scope: string, fields: Record<string, string>): Hold | null {
  const code = fields['code'] as FailureCode | undefined
  if (code === undefined) return null
  const count = (name: string) => Number(fields[name] ?? 0)
  return {
    scope,
    code,
    cause: fields['cause'] ?? '',
    holdsOthers: 'held' in fields,
    sinceMs: count('since'),
    requests: count('requests'),
    failures: count('failures'),
    probes: count('probes'),
    nextProbeAtMs: 'next' in fields ? count('next') : null,
    abandoned: false,
    remedy: FAILURES[code].remedy ?? '',
  }
}

function pauseHold(fields: Record<string, string>): Hold {
  return {
    scope: 'operator',
    code: null,
    cause: '',
    holdsOthers: true,
    sinceMs: Number(fields['since'] ?? 0),
    requests: 0,
    failures: 0,
    probes: 0,
    nextProbeAtMs: null,
    abandoned: false,
    remedy: 'paused by the operator: npm run resume',
  }
}

/** No call of the fleet begins from now on; calls in flight go on. @returns false when it was paused already */
export async function pauseFleet(redis: Redis, keys: RedisKeys): Promise<boolean> {
  const [seconds] = await redis.time()
  return (await redis.hsetnx(keys.pause, 'since', Number(seconds) * 1_000)) === 1
}

/** @returns false when it was not paused */
export async function resumeFleet(redis: Redis, keys: RedisKeys): Promise<boolean> {
  return (await redis.del(keys.pause)) === 1
}
