/** Repeats idempotent Redis operations until Redis is reachable, writable and accepts them. */
import type { Redis } from 'ioredis'
import { pause } from '../lib/abortable.ts'
import type { Log } from '../logging/log.ts'
import { refusalCode } from './refusal.ts'

const BACKOFF_MIN_MS = 50
const BACKOFF_MAX_MS = 1_000
const NO_RIGHT = "NOPERM: the user's ACL forbids it, see ops/least-rights.md"

export interface RetryOptions {
  log: Log
  redis: Redis
  /** For tests: the first and the longest pause between attempts, ms, before jitter. */
  backoffMs?: { min: number; max: number }
}

/**
 * Runs `operation`, and repeats it while Redis is away, loading, read-only, out of memory, or refuses.
 * @param what a noun for the log: "the claim"
 * @param operation idempotent: a failed attempt may have run, or may run later
 * @returns the operation's result
 * @throws the signal's reason when it aborts; the operation's error when it is a bug of ours (TypeError and its like) or
 * `disconnect()` was called
 */
export type RetryWhileAway = <T>(what: string, operation: () => Promise<T>, signal: AbortSignal) => Promise<T>

/** @returns a function for all operations of a worker: it logs each reason once per outage */
export function createRetryWhileAway(options: RetryOptions): RetryWhileAway {
  const { log, redis, backoffMs = { min: BACKOFF_MIN_MS, max: BACKOFF_MAX_MS } } = options
  /** Reason → since when, in performance.now() ms. */
  const troubles = new Map<string, number>()

  function trouble(reason: string, what: string): void {
    if (troubles.has(reason)) return
    troubles.set(reason, performance.now())
    log.warn('Redis refuses: waiting, and trying again', { what, reason })
  }

  function over(reasons: Set<string>): void {
    for (const reason of reasons) {
      const sinceMs = troubles.get(reason)
      if (sinceMs === undefined) continue
      troubles.delete(reason)
      log.info('Redis accepts commands again', { reason, waitedMs: Math.round(performance.now() - sinceMs) })
    }
  }

  return async (what, operation, signal) => {
    const met = new Set<string>()
    for (let delayMs = backoffMs.min; ; delayMs = Math.min(delayMs * 2, backoffMs.max)) {
      signal.throwIfAborted()
      try {
        const result = await operation()
        over(met)
        return result
      } catch (error) {
        if (!isAway(error) || redis.status === 'end') throw error
        const reason = refusal(error)
        // A lost connection is logged by connection.ts.
        if (reason === null) log.debug('Redis is away', { what, reason: error.message })
        else trouble(reason, what)
        if (reason !== null) met.add(reason)
      }
      // Jitter keeps the waiting messages from asking at the same instant.
      await pause(delayMs * (0.5 + Math.random() / 2), signal)
    }
  }
}

function isAway(error: unknown): error is Error {
  const ours = [TypeError, RangeError, ReferenceError, SyntaxError]
  return error instanceof Error && !ours.some((kind) => error instanceof kind)
}

/** @returns why Redis refused, or that it did not answer in time; null when the connection is down */
function refusal(error: Error): string | null {
  if (error.message === 'Command timed out') return 'no reply in time'
  if (error.name !== 'ReplyError') return null
  const code = refusalCode(error.message)
  return code === 'NOPERM' ? NO_RIGHT : (code ?? error.message.slice(0, 200))
}
