/** Releases what was acquired, in the reverse order and within a deadline. A release that fails does not stop the others. */
import { performance } from 'node:perf_hooks'
import { abortable } from './lib/abortable.ts'
import type { Log } from './logging/log.ts'

export interface ReleaseReport {
  /** The names of what was not released, because it failed or took too long. */
  unreleased: string[]
  tookMs: number
}

export interface ReleaseStack {
  /**
   * Registers `release`, which is called before those that were registered earlier.
   * @param limitMs after this time the signal given to `release` aborts, and the next release begins
   * @throws Error once `release` was called
   */
  defer(what: string, release: (signal: AbortSignal) => unknown, limitMs?: number): void
  /** Never rejects. Later calls return the promise of the first one, whatever their `deadlineMs`. */
  release(deadlineMs: number): Promise<ReleaseReport>
}

const DEFAULT_LIMIT_MS = 3_000
/** A release whose turn comes after the deadline still gets this long, enough to destroy a socket. */
const LAST_CHANCE_MS = 50

/** @returns an empty stack; a release that fails or hangs is logged by its name */
export function createReleaseStack(log: Log): ReleaseStack {
  const stack: { what: string; release: (signal: AbortSignal) => unknown; limitMs: number }[] = []
  let releasing: Promise<ReleaseReport> | null = null

  async function releaseAll(deadlineMs: number): Promise<ReleaseReport> {
    const startedMs = performance.now()
    const unreleased: string[] = []
    for (const { what, release, limitMs } of stack.toReversed()) {
      const leftMs = startedMs + deadlineMs - performance.now()
      const limit = new AbortController()
      const tooLong = () => limit.abort(new Error('it takes too long'))
      // AbortSignal.timeout() would not keep the process alive: it would exit during a release that hangs, before the others.
      const timer = setTimeout(tooLong, Math.max(LAST_CHANCE_MS, Math.min(limitMs, leftMs)))
      try {
        // A release that throws synchronously must not stop the others.
        await abortable(
          Promise.resolve().then(() => release(limit.signal)),
          limit.signal,
        )
      } catch (error) {
        unreleased.push(what)
        log.warn('could not release', { what, reason: error instanceof Error ? error.message : String(error) })
      } finally {
        clearTimeout(timer)
      }
    }
    return { unreleased, tookMs: performance.now() - startedMs }
  }

  return {
    defer(what, release, limitMs = DEFAULT_LIMIT_MS) {
      if (releasing !== null) throw new Error(`${what} was acquired while everything is being released`)
      stack.push({ what, release, limitMs })
    },
    release: (deadlineMs) => (releasing ??= releaseAll(deadlineMs)),
  }
}
