/**
 * The budget that all workers of one name share: one atomic reservation in all axes at once or nothing, by Redis's clock.
 *
 * Within a process only the first in line asks; the first of each process stand in the fleet's line (line.lua), in the order
 * in which they asked. The line is strict: nobody is granted what those ahead need, so a large request is not overtaken, and
 * after a grant the worker's next request joins at the end, so the workers take turns.
 *
 *   reserve → granted → sent before sendByMs → settle to what was billed → published (the outcome is committed)
 *           → refused: its turn is further away than maxWaitMs
 */
import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Config } from '../config.ts'
import type { Log } from '../logging/log.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RetryWhileAway } from '../redis/retry.ts'
import { createJournal } from './journal.ts'
import { BUDGET_WINDOWS, isTooLong, paceOf } from './limits.ts'
import type { BudgetLimits, BudgetWindows } from './limits.ts'
import { createKnowledge } from './knowledge.ts'
import { createAlarm, createLine } from './line.ts'
import type { RateHeaders } from './rate-headers.ts'
import { isLess, remainingOf } from './rate-headers.ts'
import { createRebuild } from './rebuild.ts'
import type { Published } from './rebuild.ts'
import { budgetScripts } from './scripts.ts'
import type { Reply, Used } from './scripts.ts'
import { readStatus } from './status.ts'

/** While the budget is lost, asked again so often: the message that it is open may be lost as well. */
const ASK_WHILE_LOST_MS = 1_000

export interface Grant {
  kind: 'granted'
  id: string
  /** Reserved. */
  tokens: number
  /** On performance.now()'s clock; not sent by then, the grant is spent and void. */
  sendByMs: number
  /** From asking to the grant. */
  waitedMs: number
  /** On Redis's clock, ms since the epoch. */
  atMs: number
  seq: number
  used: Used
}

/** `waitMs`: when it would be admitted, as things stand. */
export type Reservation = Grant | { kind: 'refused'; waitMs: number } | { kind: 'too_long' }

export interface BudgetOptions {
  redis: Redis
  retryWhileAway: RetryWhileAway
  /** redis/keys.ts: budget(name). */
  prefix: string
  /** redis/keys.ts: state. */
  sentinel: string
  limits: BudgetLimits
  /** null: no even spacing. */
  burst: number | null
  /** A request is held while its turn is at most so far away. */
  maxWaitMs: number
  /** Unique among all workers, now and before. */
  worker: string
  log: Log
  /** Calls back with each message of a channel until the returned function is called. Messages are hints, and may be lost. */
  subscribe: (channel: string, onMessage: (message: string) => void) => () => void
  /** Told once when the budget's data is missing, or older than it was: somebody has to rebuild it. */
  onLost: () => void
  /** Shorter ones in tests. */
  windows?: BudgetWindows
}

export type Budget = ReturnType<typeof createBudget>

/** @returns the options that follow from the settings: equal for all that share a budget */
export function budgetSettings({ name, burst, maxWaitMs, ...limits }: Config['budget'], keys: RedisKeys) {
  return { prefix: keys.budget(name), sentinel: keys.state, limits, burst, maxWaitMs }
}

/** Redis is not touched before the first use; `close` ends the subscription. */
export function createBudget(options: BudgetOptions) {
  const { redis, prefix, sentinel, limits, worker, log, retryWhileAway, windows = BUDGET_WINDOWS } = options
  const pace = paceOf(limits, options.burst, windows)
  const scripts = budgetScripts({ redis, prefix, sentinel, limits, windows, pace })
  const line = createLine()
  const alarm = createAlarm()
  const journal = createJournal()
  const closing = new AbortController()
  const close = (signal: AbortSignal) => hold(0, 'closed', signal)
  const rebuilding = createRebuild({ scripts, retryWhileAway })
  const { known, learn } = createKnowledge({ journal, log, add: rebuilding.add, close, onLost: options.onLost })
  let hasNarrowed = false
  /** Of the reservation that is being asked for. */
  let asking = ''
  let reservations = 0
  /** When the first in line will be admitted, performance.now() ms, as Redis told it last; null while it need not wait. */
  let turnAtMs: number | null = null

  const unsubscribe = options.subscribe(`${prefix}wake`, (message) => {
    if (message === asking) return alarm.ring()
    if (message !== 'opened') return
    alarm.ring()
    const { signal } = closing
    retryWhileAway('the budget', () => scripts.version(), signal)
      .then((version) => learn(version, signal))
      .catch((error: Error) => log.debug('the budget was not looked at', { reason: error.message }))
  })

  /** Asks until granted or refused. Only one at a time, in the order of `line`. */
  async function asFirst(tokens: number, signal: AbortSignal): Promise<Grant | { kind: 'refused'; waitMs: number }> {
    const sinceMs = performance.now()
    asking = nextId()
    let askedMs = sinceMs
    const ask = () => {
      askedMs = performance.now()
      return scripts.reserve(asking, tokens, options.maxWaitMs, known())
    }
    try {
      for (;;) {
        alarm.reset()
        const reply = await retryWhileAway('the reservation', ask, signal)
        turnAtMs = reply.kind === 'wait' ? performance.now() + reply.waitMs : null
        await learn(reply.kind === 'lost' ? null : reply, signal)
        if (reply.kind === 'refused') return { kind: 'refused', waitMs: reply.waitMs }
        if (reply.kind === 'granted') {
          const grant = take(reply, tokens, askedMs, sinceMs)
          if (grant !== null) return grant
          asking = nextId()
          continue
        }
        // A timer may be a little early, and would only be told to wait for 1 ms more.
        await alarm.sleep(reply.kind === 'wait' ? reply.askAgainMs + 1 : ASK_WHILE_LOST_MS, signal)
      }
    } catch (error) {
      leave(asking)
      throw error
    }
  }

  const nextId = () => `${worker}:${reservations++}`

  /** @returns null when the grant came too late to be sent: it is spent */
  function take(reply: Reply & { kind: 'granted' }, tokens: number, askedMs: number, sinceMs: number): Grant | null {
    const { atMs, seq, used, ageMs } = reply
    journal.granted({ id: asking, atMs, requests: 1, tokens })
    const nowMs = performance.now()
    const sendByMs = askedMs + pace.sendWithinMs - ageMs
    if (nowMs < sendByMs)
      return { kind: 'granted', id: asking, tokens, sendByMs, waitedMs: nowMs - sinceMs, atMs, seq, used }
    log.warn('a grant came too late to be sent and is spent', { lateMs: Math.round(nowMs - sendByMs) })
    return null
  }

  /** In the background: the lease ends by itself soon, should it fail. */
  function leave(id: string): void {
    scripts
      .leave(id)
      .catch((error: Error) => log.debug('a place in the line is left to expire', { reason: error.message }))
  }

  async function hold(ms: number, why: 'hold' | 'closed', signal: AbortSignal): Promise<void> {
    await retryWhileAway('the hold', () => scripts.hold(ms, why), signal)
  }

  return {
    /** Whether `reserve` would answer that so many tokens are too long. */
    neverFits: (tokens: number) => isTooLong(tokens, limits),

    /**
     * Reserves one request and `tokens` (the most it can be billed), in the order of asking.
     * @returns the grant, which must be sent by its `sendByMs`; or a refusal, decided when it is the first in this
     * process's line; or too long: it never fits, and nothing was spent
     * @throws the signal's reason when it aborts before
     */
    async reserve({ tokens }: { tokens: number }, signal: AbortSignal): Promise<Reservation> {
      if (isTooLong(tokens, limits)) return { kind: 'too_long' }
      const next = await line.enter(signal)
      try {
        return await asFirst(Math.ceil(tokens), signal)
      } finally {
        asking = ''
        turnAtMs = null
        next()
      }
    },

    /**
     * Corrects a grant to what was billed, which may be more than was reserved.
     * @param billedTokens null: not known, so that the reservation stays
     */
    async settle(grant: Grant, billedTokens: number | null, signal: AbortSignal): Promise<void> {
      if (billedTokens !== null) journal.settled(grant.id, billedTokens)
      const settle = () => scripts.settle(grant.id, grant.atMs, billedTokens)
      await learn(await retryWhileAway('the settlement', settle, signal), signal)
    },

    /** The outcome that tells of these grants (by id) is committed: recovery would count them from there. */
    published: (ids: string[]) => journal.published(ids),

    /** Nothing is granted to any worker for so long; a longer hold stays. */
    holdFor: (ms: number, signal: AbortSignal) => hold(ms, 'hold', signal),

    /** The same because data was lost, for a minute at least, and until `rebuild` is done. */
    closeFor: (ms: number, signal: AbortSignal) => hold(ms, 'closed', signal),

    /** Takes over what the answer to a granted request says of the provider's limits, where that is less than is known here. */
    async narrow(grant: Grant, headers: RateHeaders, signal: AbortSignal): Promise<void> {
      const said = remainingOf(headers)
      const narrows = isLess('requests', said, grant.used, limits) || isLess('tokens', said, grant.used, limits)
      // One that says that all is well is of use only to lift what this worker was told before.
      if (!narrows && !hasNarrowed) return
      hasNarrowed = narrows
      await learn(await retryWhileAway('the budget', () => scripts.narrow(said, grant), signal), signal)
    },

    /**
     * Opens a budget that nobody has used before; does nothing to one that is there. To be called when Redis is trusted.
     * @returns false when the sentinel does not say so, or the budget's own data is lost: it stays shut until it is rebuilt
     */
    async open(signal: AbortSignal): Promise<boolean> {
      const version = await retryWhileAway('the budget', () => scripts.open(`new-${randomUUID()}`, 'new'), signal)
      await learn(version, signal)
      return version !== null
    },

    /**
     * Makes good what the budget lost, and opens it; does nothing to one that is open. It stays closed for a minute from when
     * the loss was found, and live workers add what nobody has published yet. Several may do it at once.
     * @param published what outcomes tell of the last day (later than what the budget still knows is enough)
     */
    async rebuild(published: Iterable<Published>, signal: AbortSignal): Promise<void> {
      await learn(await rebuilding.rebuild(published, signal), signal)
    },

    /** @throws when Redis is away */
    status: async () => readStatus(await scripts.status(), limits),

    /** When the first in this process's line will be admitted, ms from now, as things stand; null while nobody waits. */
    nextTurnInMs: () => (turnAtMs === null ? null : Math.max(0, turnAtMs - performance.now())),

    /** Requests in this process's line. */
    waiting: () => line.length(),

    close(): void {
      closing.abort(new Error('the budget is closed'))
      unsubscribe()
    },
  }
}
