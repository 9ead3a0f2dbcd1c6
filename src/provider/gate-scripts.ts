/** The gate's two scripts as typed operations. */
import type { Redis } from 'ioredis'
import type { FailureCode } from '../errors.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RetryWhileAway } from '../redis/retry.ts'
import { loadScript } from '../redis/scripts.ts'
import type { Identity, CallResult, Scope } from './holds.ts'
import { SCOPES, blamedScope, provedScopes } from './holds.ts'

export interface Pass {
  /** The request's. */
  id: string
  /** The probe's name, if this call is a probe; null: an ordinary call, let through while the gate was closed. */
  probe: string | null
  /** Aborts when calls are held again, but never for a probe. It ends waits between the gate and the call, not the call. */
  held: AbortSignal
  identity: Identity
  /** When the call was let through, on Redis's clock, ms. */
  startedAtMs: number
}

export interface GateTimings {
  /** How often a waiting worker asks Redis, ms. */
  checkMs: number
  /** A probe whose worker died passes to others after this time, ms. */
  leaseMs: number
  /** The first and the longest gap between probes, ms. */
  firstGapMs: number
  longestGapMs: number
}

export interface GateState {
  /** `closed`: calls are let through. `probe`: calls are held, and this request is to probe. */
  state: 'closed' | 'probe' | 'held' | 'paused'
  /** The probe's name; null unless `state` is `probe`. */
  probe: string | null
  /** A probe is due after this time at the latest, ms. */
  waitMs: number
  /** Redis's time, ms. */
  nowMs: number
  /** The hold to wait for; null: there is none, or the operator has paused. */
  held: { scope: Scope; code: FailureCode; cause: string } | null
}

export interface Reported {
  /**
   * State of the blamed scope. `newly_held`: held since this report. `one_request`: only one request fails, again and again; returned once,
   * so that it is logged once.
   */
  state: '' | 'held' | 'newly_held' | 'one_request'
  failures: number
  successes: number
  lifted: { scope: Scope; code: string }[]
}

/** How long a due probe is reserved for requests that have not failed yet, ms. */
const FRESH_FIRST_MS = 1_000
/** Redis forgets failures, holds and counts that have not changed for this time, ms. */
const FORGET_MS = 3_600_000
/** This many failures in a row, of at least two requests, set a hold. Servers fail by chance; keys and routes do not. */
const LEAST_FAILURES: Record<Scope, number> = { outage: 3, route: 2, key: 2, config: 2 }

export interface GateScriptsOptions {
  redis: Redis
  keys: RedisKeys
  /** Unique to this process. */
  worker: string
  retry: RetryWhileAway
  timings: GateTimings
}

/** Both operations wait while Redis is away, and reject with the signal's reason when it aborts. */
export function createGateScripts({ redis, keys, worker, retry, timings }: GateScriptsOptions) {
  const enterScript = loadScript(redis, new URL('gate-enter.lua', import.meta.url), 5)
  const reportScript = loadScript(redis, new URL('gate-report.lua', import.meta.url), 6)
  let checks = 0
  const holdKeys = (identity: Identity) => SCOPES.map((scope) => keys.hold(identity[scope]))
  const successesKey = (identity: Identity) => keys.successes(scopesOf(identity))

  /**
   * @param id of the request that would probe, '' for none
   * @param underWay this worker's probe that is under way: its lease is renewed; null for none
   */
  async function check(
    identity: Identity,
    id: string,
    underWay: string | null,
    signal: AbortSignal,
  ): Promise<GateState> {
    // Retries use the same name, so that a lost reply does not lose the probe.
    const probe = `${worker}:${++checks}`
    const args = [id, probe, timings.leaseMs, underWay ?? '', FRESH_FIRST_MS]
    const call = () => enterScript([keys.pause, ...holdKeys(identity)], args)
    const [state, waitMs, nowMs, number, code, cause] = (await retry('the gate', call, signal)) as [
      GateState['state'],
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
   * @param failedFirst how many calls had been answered when the request first failed; null: it has not failed before
   * @param cause of a failure, for the log: address, status, codes; nothing personal
   * @param calls how many calls are reported: several only when all were answered; `pass` is then the one that began last
   */
  async function report(
    pass: Pass,
    result: CallResult,
    failedFirst: number | null,
    signal: AbortSignal,
    { calls = 1, cause = '' }: { calls?: number; cause?: string } = {},
  ): Promise<Reported> {
    const { identity } = pass
    const blamed = blamedScope(result)
    const args = [
      pass.id,
      pass.probe ?? '',
      pass.startedAtMs,
      blamed === null ? 0 : SCOPES.indexOf(blamed) + 1,
      result === 'unused' ? '' : result,
      provedScopes(result),
      result === 'answered' ? 1 : 0,
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
    return readReport(await retry('the gate', call, signal))
  }

  return { check, report }
}

export type GateScripts = ReturnType<typeof createGateScripts>

/** @param reply of gate-report.lua */
function readReport(reply: unknown): Reported {
  const [successes, state, failures, ...rest] = reply as [number, Reported['state'], number, ...(number | string)[]]
  const lifted: Reported['lifted'] = []
  for (let at = 0; at < rest.length; at += 2) {
    const scope = SCOPES[Number(rest[at]) - 1]
    if (scope !== undefined) lifted.push({ scope, code: String(rest[at + 1]) })
  }
  return { state, failures, successes, lifted }
}

/** @returns one name for all scopes of a call together */
export function scopesOf(identity: Identity): string {
  return SCOPES.map((scope) => identity[scope]).join('|')
}
