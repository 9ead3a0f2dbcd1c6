/**
 * Holds calls back, fleet-wide, while they would only burn budget: an outage, a key without credit, a refused route, a wrong
 * configuration, or the operator's pause. A hold belongs to one scope, so workers with another key, for example, go on.
 *
 * closed (calls pass) → held: different requests fail with no success in between. One request alone never holds the others: while
 *   only that one fails, the failure is logged and the request waits for its own backoff (attempts.ts). Requests that failed while
 *   others succeeded do not prove an outage either.
 * held: one call of the fleet at a time is let through as a probe, at growing gaps of up to a minute. Each probe is another
 *   waiting request: one that failed goes to the end of its worker's line, behind those that have not failed yet.
 * held → closed: a probe proves that the scope works, or a late answer proves that the server is back.
 *
 * The probe of a worker that dies passes to others when its lease ends. When Redis loses the holds, new failures set them again.
 */
import type { Redis } from 'ioredis'
import type { Log } from '../logging/log.ts'
import { abortable } from '../lib/abortable.ts'
import { createAlarm } from '../lib/alarm.ts'
import { WaitingLine } from '../lib/waiting-line.ts'
import { groupCommit } from '../redis/group-commit.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RetryWhileAway } from '../redis/retry.ts'
import type { FleetEvidence } from './gate-reports.ts'
import { createGateReports, holdFields } from './gate-reports.ts'
import type { GateState, GateTimings, Pass, Reported } from './gate-scripts.ts'
import { createGateScripts, scopesOf } from './gate-scripts.ts'
import type { CallResult, Identity } from './holds.ts'

const TIMINGS: GateTimings = { checkMs: 500, leaseMs: 10_000, firstGapMs: 1_000, longestGapMs: 60_000 }

export interface GateOptions {
  redis: Redis
  keys: RedisKeys
  /** Unique to this process. */
  worker: string
  identity: () => Promise<Identity>
  retry: RetryWhileAway
  log: Log
  timings?: Partial<GateTimings>
}

export interface Gate {
  /**
   * Waits until a call may begin. The caller must report every pass, whatever becomes of the call.
   * @throws the signal's reason when it aborts first
   */
  enter(id: string, signal: AbortSignal): Promise<Pass>
  /**
   * @param cause of a failure, for the log: address, status, codes; nothing personal
   * @throws the signal's reason when it aborts while Redis is away
   */
  report(pass: Pass, result: CallResult, signal: AbortSignal, cause?: string): Promise<FleetEvidence>
  /** Stops the gate's background work; callers of `enter` stop by their own signals. */
  close(): void
}

/** Long, because everything in it shares the waiting requests and the passes. */
export function createGate(options: GateOptions): Gate {
  const { identity, log } = options
  const timings = { ...TIMINGS, ...options.timings }
  const scripts = createGateScripts({ ...options, timings })
  /** First come, first served; a request that comes back after a failure is last. */
  const line = new WaitingLine<string, Pass>()
  const passes = new Map<Pass, AbortController>()
  const closing = new AbortController()
  const reports = createGateReports(scripts, log, closing.signal)
  /** Ends the pause between two checks. */
  const alarm = createAlarm()
  let watching = false
  let logged: GateState['state'] = 'closed'

  async function check(who: Identity, id: string, signal: AbortSignal): Promise<GateState> {
    const probe = [...passes.keys()].find((pass) => pass.probe !== null)?.probe ?? null
    const seen = await scripts.check(who, probe === null ? id : '', probe, signal)
    const now = seen.state === 'probe' ? 'held' : seen.state
    if (now !== logged) logState(log, seen, who)
    logged = now
    return seen
  }

  function admit(id: string, who: Identity, { probe, nowMs }: GateState): Pass {
    const controller = new AbortController()
    const pass = { id, identity: who, startedAtMs: nowMs, probe, held: controller.signal }
    passes.set(pass, controller)
    void watch()
    return pass
  }

  /** One check for all requests that arrive while an earlier check is under way. A probe goes to the first of them. */
  const checkTogether = groupCommit(async (ids: readonly string[]) => {
    const who = await identity()
    const seen = await check(who, ids[0] ?? '', closing.signal)
    const others: GateState = seen.state === 'probe' ? { ...seen, state: 'held', probe: null } : seen
    return ids.map((_, index) => ({ who, seen: index === 0 ? seen : others }))
  })

  async function enter(id: string, signal: AbortSignal): Promise<Pass> {
    const checking = checkTogether(id)
    const { who, seen } = await abortable(checking, signal).catch((error: unknown) => {
      // The check goes on without this request. If it returns a probe, give the probe back at once for others to use.
      checking
        .then((late) =>
          late.seen.state === 'probe' ? report(admit(id, late.who, late.seen), 'unused', closing.signal) : null,
        )
        .catch((reason: Error) =>
          log.debug('could not give back an unused probe: it expires by itself', { reason: reason.message }),
        )
      throw error
    })
    if (seen.state === 'closed' || seen.state === 'probe') return admit(id, who, seen)
    const waiting = line.wait(id, signal)
    void watch()
    return await waiting
  }

  /** Checks for all waiting requests and all passes whose call has not ended; stops when there are none. */
  async function watch(): Promise<void> {
    if (watching) return
    watching = true
    try {
      let waitMs = timings.checkMs
      while ((line.length > 0 || passes.size > 0) && !closing.signal.aborted) {
        await alarm.sleep(waitMs, closing.signal)
        waitMs = await checkForAll()
      }
    } catch (error) {
      // Only close() or a bug ends up here; after a bug, the next `enter` starts the watch again.
      if (!closing.signal.aborted) {
        log.error('checking for holds failed: waiting requests wait until the next one arrives', {
          reason: (error as Error).message,
        })
      }
    } finally {
      watching = false
    }
  }

  /** @returns when to check again, ms */
  async function checkForAll(): Promise<number> {
    const { checkMs } = timings
    const who = await identity()
    const [first] = line.next(1)
    const seen = await check(who, first?.demand ?? '', closing.signal)
    if (seen.state === 'closed') {
      for (const waiter of line.next(line.length)) {
        if (line.serve(waiter)) waiter.resolve(admit(waiter.demand, who, seen))
      }
      return checkMs
    }
    if (seen.state === 'probe' && first !== undefined) {
      const pass = admit(first.demand, who, seen)
      // The waiter may have left in the meantime; then give the probe back for another request.
      if (line.serve(first)) first.resolve(pass)
      else await report(pass, 'unused', closing.signal)
      return checkMs
    }
    turnBack()
    return seen.state === 'held' ? Math.max(1, Math.min(checkMs, seen.waitMs)) : checkMs
  }

  /** Sends back to the gate the requests that have a pass and still wait for the budget; probes stay. */
  function turnBack(): void {
    const reason = new Error('calls are held')
    for (const [pass, controller] of passes) if (pass.probe === null) controller.abort(reason)
  }

  async function report(pass: Pass, result: CallResult, signal: AbortSignal, cause = ''): Promise<FleetEvidence> {
    if (result === 'unused' && pass.probe === null) {
      passes.delete(pass)
      return { held: false, scopes: scopesOf(pass.identity), successes: 0 }
    }
    let reported: Reported & { evidence: FleetEvidence }
    try {
      reported = await reports.send(pass, result, signal, cause)
    } finally {
      // Only now: the watch renews the lease of a probe for as long as its pass is listed.
      passes.delete(pass)
    }
    if (reported.evidence.held) turnBack()
    if (reported.state === 'newly_held' || reported.lifted.length > 0) alarm.ring()
    return reported.evidence
  }

  function close(): void {
    closing.abort(new Error('the gate was closed'))
  }

  return { enter, report, close }
}

function logState(log: Log, { state, held }: GateState, who: Identity): void {
  if (state === 'closed') log.info('calls are let through again')
  else if (state === 'paused') log.warn('paused by the operator: no call begins until `npm run resume`')
  else if (held !== null) log.error('calls are held', holdFields(held, who[held.scope]))
}
