/** What can be held and by what, and how the holds of the fleet are read and set from outside (status, metrics, pause). */
import type { Redis } from 'ioredis'
import type { FailureCode } from '../errors.ts'
import { FAILURES } from '../errors.ts'
import type { RedisKeys } from '../redis/keys.ts'

/** In the order in which a call meets them. A failure in one scope proves that the earlier scopes work. */
export const SCOPES = ['outage', 'route', 'key', 'config'] as const
export type Scope = (typeof SCOPES)[number]

/** The names of the scopes of a worker's calls. Workers with the same name for a scope share its holds. */
export type Identity = Record<Scope, string>

/** How a call that was let through went; 'unused': it was not made, or was aborted. */
export type Outcome = FailureCode | 'answered' | 'unused'

/** @returns the scope that a failure counts against, null for none */
export function blamedScope(outcome: Outcome): Scope | null {
  if (outcome === 'answered' || outcome === 'unused') return null
  const { hold } = FAILURES[outcome]
  if (hold === 'none') return null
  // When a server rate-limits every request, one probe tries it after the time that it told; the others wait.
  return hold === 'budget' ? 'outage' : hold
}

/** @returns how many of SCOPES, from the first on, an outcome proves to work */
export function provedScopes(outcome: Outcome): number {
  if (outcome === 'unused') return 0
  if (outcome === 'parameter_refused') return SCOPES.indexOf('config')
  const blamed = blamedScope(outcome)
  return blamed === null ? SCOPES.length : SCOPES.indexOf(blamed)
}

/** The longest gap between two probes is a minute. */
const ABANDONED_MS = 2 * 60_000

export interface Hold {
  /** Kind and digests, such as `key:4f0c...:91ab...`; 'operator' for the pause. */
  scope: string
  /** null for the operator's pause */
  code: FailureCode | null
  /** Of the last failure: status or error code, address and attempt; '' for none. */
  cause: string
  /** false: one request alone fails again and again, which holds no other. */
  holdsOthers: boolean
  sinceMs: number
  /** Different requests that failed, and failures in all. */
  requests: number
  failures: number
  probes: number
  /** Redis's time, ms; null when no probe is due. */
  nextProbeAtMs: number | null
  /**
   * Nobody has probed though it is long due: no worker has a request that waits for it. Whether it is still with cause is not
   * known. While the operator has paused nobody probes, and this is false.
   */
  abandoned: boolean
  /** What the operator should do. */
  remedy: string
}

/**
 * @param identity of a worker
 * @returns the holds that keep this worker's calls back: the operator's pause and the holds of its own scopes, without abandoned ones
 */
export function holdsOf(identity: Identity, holds: readonly Hold[]): Hold[] {
  const own = new Set(['operator', ...Object.values(identity)])
  return holds.filter(({ scope, holdsOthers, abandoned }) => own.has(scope) && holdsOthers && !abandoned)
}

/** @returns whether the hold lasts until somebody mends its cause; other holds end by themselves, or by the operator */
export function isForGood({ code }: Hold): boolean {
  return code !== null && ['key', 'route', 'config'].includes(FAILURES[code].hold)
}

/**
 * Needs no running worker.
 * @returns the fleet's holds as they are, the operator's pause first
 * @throws as ioredis does
 */
export async function readHolds(redis: Redis, keys: RedisKeys): Promise<Hold[]> {
  const [pause, scopes, [seconds]] = await Promise.all([
    redis.hgetall(keys.pause),
    redis.smembers(keys.holds),
    redis.time(),
  ])
  const isPaused = Object.keys(pause).length > 0
  const overdueBeforeMs = Number(seconds) * 1_000 - ABANDONED_MS
  const holds: Hold[] = isPaused ? [pauseHold(pause)] : []
  const found = await Promise.all(scopes.toSorted().map((scope) => redis.hgetall(keys.hold(scope))))
  for (const [index, fields] of found.entries()) {
    const hold = holdFrom(scopes.toSorted()[index] ?? '', fields)
    // The hash has expired and its name has not: no call has been made for an hour.
    if (hold === null) continue
    // A probe under way may wait long for the budget; its lease is renewed meanwhile.
    const dueAtMs = Math.max(Number(fields['next'] ?? 0), Number(fields['probeUntil'] ?? 0))
    holds.push({ ...hold, abandoned: hold.holdsOthers && !isPaused && dueAtMs < overdueBeforeMs })
  }
  return holds
}

/**
 * @param identity of the worker that has the request; null: none has it, and nothing fails
 * @returns why its calls fail although no call is held: it has failed in this scope, or nothing can succeed there until the cause is mended
 * @throws as ioredis does
 */
export async function failuresOf(
  redis: Redis,
  keys: RedisKeys,
  identity: Identity | null,
  id: bigint,
): Promise<Hold[]> {
  const scopes = Object.values(identity ?? {})
  const found = await Promise.all(scopes.map((scope) => redis.hgetall(keys.hold(scope))))
  return found.flatMap((fields, index) => {
    const hold = holdFrom(scopes[index] ?? '', fields)
    return hold !== null && !hold.holdsOthers && (`f:${id}` in fields || isForGood(hold)) ? [hold] : []
  })
}

/** @returns null for no fields; whether it is abandoned is not looked at */
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

/** No call of the fleet begins from now on, those under way go on. @returns false when it was paused already */
export async function pauseFleet(redis: Redis, keys: RedisKeys): Promise<boolean> {
  const [seconds] = await redis.time()
  return (await redis.hsetnx(keys.pause, 'since', Number(seconds) * 1_000)) === 1
}

/** @returns false when it was not paused */
export async function resumeFleet(redis: Redis, keys: RedisKeys): Promise<boolean> {
  return (await redis.del(keys.pause)) === 1
}
