/** The gate's two scripts as typed operations. */
import type { Redis } from 'ioredis'
import type { FailureCode } from '../errors.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RetryWhileAway } from '../redis/retry.ts'
import { loadScript } from '../redis/scripts.ts'
import type { Identity, Outcome, Scope } from './holds.ts'
import { SCOPES, blamedScope, provedScopes } from './holds.ts'

export interface Pass {
  /** The request's. */
  id: string
  /** null: nothing is held; else the name of the probe that it is. */
  probe: string | null
  /** Aborts when calls are held again before this one has begun: for waits between the gate and the call, not for the call. */
  held: AbortSignal
  identity: Identity
  /** Redis's time, ms. */
  startedAtMs: number
}

export interface GateTimings {
  /** A waiting worker asks Redis so often, and no oftener, ms. */
  lookMs: number
  /** A probe whose worker died is free for others after so long, ms. */
  leaseMs: number
  firstGapMs: number
  longestGapMs: number
}

export interface Look {
  state: 'open' | 'probe' | 'held' | 'paused'
  /** The name of the probe that was granted. */
  probe: string | null
  /** At the most so long until a probe is due. */
  waitMs: number
  /** Redis's time. */
  nowMs: number
  /** What is waited for; null for none, and for the pause. */
  held: { scope: Scope; code: FailureCode; cause: string } | null
}

export interface Told {
  /** Of the blamed scope: held; held just now; or just now worth a line: one request fails again and again, no other is there. */
  state: '' | 'held' | 'opened' | 'alone'
  failures: number
  successes: number
  lifted: { scope: Scope; code: string }[]
}

/** Requests that have not failed yet have so long to take a probe before those that have, ms. */
const FRESH_FIRST_MS = 1_000
/** What nobody touches is forgotten, ms. */
const FORGET_MS = 3_600_000
/** So many failures in a row, of two requests at least, open a hold. Servers fail by chance, keys and ways out do not. */
const LEAST_FAILURES: Record<Scope, number> = { outage: 3, route: 2, key: 2, config: 2 }

export interface GateScriptsOptions {
  redis: Redis
  keys: RedisKeys
  /** Unique to this process. */
  worker: string
  retry: RetryWhileAway
  timings: GateTimings
}

/** All reject with the signal's reason when it aborts, and wait while Redis is away. */
export function createGateScripts({ redis, keys, worker, retry, timings }: GateScriptsOptions) {
  const enterScript = loadScript(redis, new URL('gate-enter.lua', import.meta.url), 5)
  const reportScript = loadScript(redis, new URL('gate-report.lua', import.meta.url), 6)
  let looks = 0
  const holdKeys = (identity: Identity) => SCOPES.map((scope) => keys.hold(identity[scope]))
  const successesKey = (identity: Identity) => keys.successes(scopesOf(identity))

  /**
   * @param id of the request that would probe, '' for none
   * @param underWay the probe of this worker that is under way, whose lease is renewed; null for none
   */
  async function look(identity: Identity, id: string, underWay: string | null, signal: AbortSignal): Promise<Look> {
    // The same in all attempts at this look, so that a reply that was lost does not cost the probe.
    const probe = `${worker}:${++looks}`
    const args = [id, probe, timings.leaseMs, underWay ?? '', FRESH_FIRST_MS]
    const call = () => enterScript([keys.pause, ...holdKeys(identity)], args)
    const [state, waitMs, nowMs, number, code, cause] = (await retry('the gate', call, signal)) as [
      Look['state'],
      number,
      number,
      number,
      FailureCode | '',
      string,
    ]
    const scope = SCOPES[number - 1]
    return {
      state,
      probe: state === 'probe' ? probe : null,
      waitMs,
      nowMs,
      held: scope === undefined || code === '' ? null : { scope, code, cause },
    }
  }

  /**
   * @param failedFirst successes when the request failed first, null when it has not failed before
   * @param cause of a failure, for the log: address, status, codes; nothing personal
   * @param calls how many calls this tells of: more than one only when all were answered, and `pass` began last
   */
  async function report(
    pass: Pass,
    outcome: Outcome,
    failedFirst: number | null,
    signal: AbortSignal,
    { calls = 1, cause = '' }: { calls?: number; cause?: string } = {},
  ): Promise<Told> {
    const { identity } = pass
    const blamed = blamedScope(outcome)
    const args = [
      pass.id,
      pass.probe ?? '',
      pass.startedAtMs,
      blamed === null ? 0 : SCOPES.indexOf(blamed) + 1,
      outcome === 'unused' ? '' : outcome,
      provedScopes(outcome),
      outcome === 'answered' ? 1 : 0,
      blamed === null ? 0 : LEAST_FAILURES[blamed],
      timings.firstGapMs,
      timings.longestGapMs,
      FORGET_MS,
      failedFirst ?? -1,
      ...SCOPES.map((scope) => identity[scope]),
      calls,
      cause,
    ]
    const call = () => reportScript([...holdKeys(identity), successesKey(identity), keys.holds], args)
    const [successes, state, failures, ...rest] = (await retry('the gate', call, signal)) as [
      number,
      Told['state'],
      number,
      ...(number | string)[],
    ]
    const lifted: Told['lifted'] = []
    for (let at = 0; at < rest.length; at += 2) {
      const scope = SCOPES[Number(rest[at]) - 1]
      if (scope !== undefined) lifted.push({ scope, code: String(rest[at + 1]) })
    }
    return { state, failures, successes, lifted }
  }

  return { look, report }
}

/** One name for all scopes of a call together. */
export function scopesOf(identity: Identity): string {
  return SCOPES.map((scope) => identity[scope]).join('|')
}
