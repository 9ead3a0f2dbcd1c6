/** Gives back what was acquired: last in, first out, every release attempted, all within a deadline. */
import { performance } from 'node:perf_hooks'
import { abortable } from './lib/abortable.ts'
import type { Log } from './logging/log.ts'

export interface ReleaseReport {
  /** What did not release: it failed, or took too long. */
  unreleased: string[]
  tookMs: number
}

export interface ReleaseStack {
  /**
   * Has `release` called when the stack is released, before what was deferred earlier.
   * @param limitMs after so long the next release begins anyway; the signal that `release` gets aborts then
   * @throws Error when the stack was released already
   */
  defer(what: string, release: (signal: AbortSignal) => unknown, limitMs?: number): void
  /** Never rejects. Called again, it gives the first call's promise, whatever `deadlineMs` says then. */
  release(deadlineMs: number): Promise<ReleaseReport>
}

const DEFAULT_LIMIT_MS = 3_000
/** A release whose turn comes after the deadline may still do what needs no waiting, such as destroying a socket. */
const LAST_CHANCE_MS = 50

/** @returns an empty stack; what fails or hangs at the release is logged by its name */
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
      // Not AbortSignal.timeout(): its timer keeps no process alive, and one that hangs would end before the rest is released.
      const timer = setTimeout(tooLong, Math.max(LAST_CHANCE_MS, Math.min(limitMs, leftMs)))
      try {
        // Within the promise: a release that throws at once must not keep the others from their turn.
        await abortable(
          Promise.resolve().then(() => release(limit.signal)),
          limit.signal,
        )
      } catch (error) {
        unreleased.push(what)
        log.warn('not released', { what, reason: error instanceof Error ? error.message : String(error) })
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
