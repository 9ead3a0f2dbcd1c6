/**
 * Holds calls back, fleet-wide, while they would only burn budget: an outage, a key without credit, a way out that is refused,
 * a wrong configuration, or the operator's pause. Each hold belongs to a scope, so that workers with another key go on.
 *
 * nothing held → held: different requests fail with no success in between. One request alone never holds the others: while it is
 *   the only one that fails, it is logged, and waits for its own backoff (attempts.ts). Requests that failed while others
 *   succeeded do not prove an outage either.
 * held: one call of the fleet at a time is let through as a probe, at growing gaps of up to a minute. Each probe is made by
 *   another waiting request: one that failed goes to the end of its worker's line, behind those that have not failed yet.
 * held → nothing held: a probe proves that the scope works, or a late answer proves that the server is back.
 *
 * The probe of a worker that dies is free for others after its lease. When Redis loses the holds, new failures set them again.
 */
import type { Redis } from 'ioredis'
import type { FailureCode } from '../errors.ts'
import { FAILURES } from '../errors.ts'
import type { Log } from '../logging/log.ts'
import { abortable } from '../lib/abortable.ts'
import { groupCommit } from '../redis/group-commit.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RetryWhileAway } from '../redis/retry.ts'
import type { GateTimings, Look, Pass, Told } from './gate-scripts.ts'
import { FirstFailures } from './first-failures.ts'
import { createGateScripts, scopesOf } from './gate-scripts.ts'
import type { Identity, Outcome } from './holds.ts'
import { blamedScope } from './holds.ts'

/** What the fleet knows about a failure, for attempts.ts. */
export interface Evidence {
  /** The gate holds the calls of its scope: it paces them, no further backoff is needed. */
  held: boolean
  /** The scopes of the call; evidence of different scopes says nothing about one another. */
  scopes: string
  /** How many calls of the fleet in these scopes were answered in the last hour; all of them were other requests'. */
  successes: number
}

const TIMINGS: GateTimings = { lookMs: 500, leaseMs: 10_000, firstGapMs: 1_000, longestGapMs: 60_000 }

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

interface Waiter {
  id: string
  admit: (pass: Pass) => void
}

export interface Gate {
  /**
   * Waits until a call may begin. Every pass is to be reported, whatever becomes of it.
   * @throws the signal's reason
   */
  enter(id: string, signal: AbortSignal): Promise<Pass>
  /**
   * @param cause of a failure, for the log: address, status, codes; nothing personal
   * @throws the signal's reason while Redis is away
   */
  report(pass: Pass, outcome: Outcome, signal: AbortSignal, cause?: string): Promise<Evidence>
  /** Ends the gate's own waiting; those in `enter` end by their signals. */
  close(): void
}

export function createGate(options: GateOptions): Gate {
  const { identity, log } = options
  const timings = { ...TIMINGS, ...options.timings }
  const scripts = createGateScripts({ ...options, timings })
  /** First come, first let through; a request that comes back after a failure is last. */
  const waiters: Waiter[] = []
  const passes = new Map<Pass, AbortController>()
  const closing = new AbortController()
  const failedFirst = new FirstFailures()
  let watching = false
  let wake = () => {}
  let said: Look['state'] = 'open'

  async function look(who: Identity, id: string, signal: AbortSignal): Promise<Look> {
    const probe = [...passes.keys()].find((pass) => pass.probe !== null)?.probe ?? null
    const seen = await scripts.look(who, probe === null ? id : '', probe, signal)
    const now = seen.state === 'probe' ? 'held' : seen.state
    if (now !== said) {
      if (now === 'open') log.info('calls go on')
      else if (now === 'paused') log.warn('paused by the operator: no call begins until `npm run resume`')
      else if (seen.held !== null) log.error('calls are held', holdFields(seen.held, who[seen.held.scope]))
    }
    said = now
    return seen
  }

  function admit(id: string, who: Identity, { probe, nowMs }: Look): Pass {
    const controller = new AbortController()
    const pass = { id, identity: who, startedAtMs: nowMs, probe, held: controller.signal }
    passes.set(pass, controller)
    void watch()
    return pass
  }

  /** One look for all that come while an earlier one is under way. Where one may probe, it is the first. */
  const lookTogether = groupCommit(async (ids: readonly string[]) => {
    const who = await identity()
    const seen = await look(who, ids[0] ?? '', closing.signal)
    const others: Look = seen.state === 'probe' ? { ...seen, state: 'held', probe: null } : seen
    return ids.map((_, index) => ({ who, seen: index === 0 ? seen : others }))
  })

  /** Calls that were answered are told together; those of one identity are one report, as of the call that began last. */
  const tellAnswered = groupCommit(async (answered: readonly Pass[]) => {
    const told = new Map<Pass, Told>()
    for (const group of Map.groupBy(answered, ({ identity: who }) => scopesOf(who)).values()) {
      const last = group.reduce((latest, pass) => (pass.startedAtMs > latest.startedAtMs ? pass : latest))
      const reply = await scripts.report(last, 'answered', null, closing.signal, { calls: group.length })
      for (const pass of group) told.set(pass, pass === last ? reply : { ...reply, lifted: [] })
    }
    return answered.map((pass) => told.get(pass) as Told)
  })

  async function enter(id: string, signal: AbortSignal): Promise<Pass> {
    const looking = lookTogether(id)
    const { who, seen } = await abortable(looking, signal).catch((error: unknown) => {
      // A probe that was granted all the same is for others.
      looking
        .then((late) =>
          late.seen.state === 'probe' ? report(admit(id, late.who, late.seen), 'unused', closing.signal) : null,
        )
        .catch((reason: Error) => log.debug('a probe is left to expire', { reason: reason.message }))
      throw error
    })
    if (seen.state === 'open' || seen.state === 'probe') return admit(id, who, seen)
    const { promise, resolve, reject } = Promise.withResolvers<Pass>()
    const waiter = { id, admit: resolve }
    const leave = () => {
      remove(waiters, waiter)
      reject(signal.reason as Error)
    }
    signal.addEventListener('abort', leave, { once: true })
    if (signal.aborted) leave()
    else waiters.push(waiter)
    void watch()
    return await promise.finally(() => signal.removeEventListener('abort', leave))
  }

  /** One look for all that wait here and all that have not begun their call; ends when there are none. */
  async function watch(): Promise<void> {
    if (watching) return
    watching = true
    try {
      let waitMs = timings.lookMs
      while ((waiters.length > 0 || passes.size > 0) && !closing.signal.aborted) {
        await pause(waitMs)
        waitMs = await lookForAll()
      }
    } catch (error) {
      // Only by close(), or a fault of ours: then the next to enter watches again.
      if (!closing.signal.aborted) log.error('the gate cannot look', { reason: (error as Error).message })
    } finally {
      watching = false
    }
  }

  function pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, ms)
    wake = resolve
    return promise.finally(() => clearTimeout(timer))
  }

  /** @returns when to look again, ms */
  async function lookForAll(): Promise<number> {
    const { lookMs } = timings
    const who = await identity()
    const first = waiters[0]
    const seen = await look(who, first?.id ?? '', closing.signal)
    if (seen.state === 'open') {
      for (const waiter of waiters.splice(0)) waiter.admit(admit(waiter.id, who, seen))
      return lookMs
    }
    if (seen.state === 'probe' && first !== undefined) {
      const pass = admit(first.id, who, seen)
      // It may have left in the meantime; then another one probes.
      if (remove(waiters, first)) first.admit(pass)
      else await report(pass, 'unused', closing.signal)
      return lookMs
    }
    turnBack()
    return seen.state === 'held' ? Math.max(1, Math.min(lookMs, seen.waitMs)) : lookMs
  }

  /** Those that have a pass and wait for the budget come back to the gate. */
  function turnBack(): void {
    const reason = new Error('calls are held')
    for (const [pass, controller] of passes) if (pass.probe === null) controller.abort(reason)
  }

  async function report(pass: Pass, outcome: Outcome, signal: AbortSignal, cause = ''): Promise<Evidence> {
    const { identity: who } = pass
    const blamed = blamedScope(outcome)
    const scopes = scopesOf(who)
    if (outcome === 'unused' && pass.probe === null) {
      passes.delete(pass)
      return { held: false, scopes, successes: 0 }
    }
    let told: Told
    try {
      told =
        outcome === 'answered' && pass.probe === null
          ? await abortable(tellAnswered(pass), signal)
          : await scripts.report(pass, outcome, failedFirst.successes(pass.id, scopes), signal, { cause })
    } finally {
      // Until then a probe's lease is renewed.
      passes.delete(pass)
    }
    if (told.state === 'alone' && blamed !== null) {
      const fields = { ...holdFields({ code: outcome as FailureCode, cause }, who[blamed]), failures: told.failures }
      log.error('one request fails again and again, and no other is answered', fields)
    }
    for (const { scope, code } of told.lifted) log.info('a hold is lifted', { scope: who[scope], code })
    const held = told.state === 'held' || told.state === 'opened'
    if (held) turnBack()
    if (told.state === 'opened' || told.lifted.length > 0) wake()
    if (blamed === null) failedFirst.forget(pass.id)
    else failedFirst.remember(pass.id, scopes, told.successes)
    return { held, scopes, successes: told.successes }
  }

  function close(): void {
    closing.abort(new Error('the gate was closed'))
    wake()
  }

  return { enter, report, close }
}

function holdFields({ code, cause }: { code: FailureCode; cause: string }, scope: string) {
  return { scope, code, ...(cause === '' ? {} : { cause }), todo: FAILURES[code].remedy }
}

function remove<T>(list: T[], item: T): boolean {
  const at = list.indexOf(item)
  if (at >= 0) list.splice(at, 1)
  return at >= 0
}
