/** Waits that end when a signal aborts. */
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Waits for `promise`. The work behind it goes on after an abort.
 * @throws the signal's reason when it aborts first; otherwise what the promise rejects with
 */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason as Error)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/**
 * @param ms how long to wait
 * @throws the signal's reason when it aborts first
 */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal })
  } catch (error) {
    // The timer rejects with its own AbortError; callers expect the reason of the signal.
    signal.throwIfAborted()
    throw error
  }
}

/**
 * Runs `work` with a signal that aborts when `outer` does, or after `ms`.
 *
 * `AbortSignal.any([outer, AbortSignal.timeout(ms)])` would not do: while nobody listens to the composite signal, Node may
 * garbage-collect the timeout, which then never fires.
 */
export async function bounded<T>(
  outer: AbortSignal,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(new Error(`not done within ${ms} ms`)), ms)
  const onAbort = () => limit.abort(outer.reason)
  outer.addEventListener('abort', onAbort, { once: true })
  if (outer.aborted) onAbort()
  try {
    return await work(limit.signal)
  } finally {
    clearTimeout(timer)
    outer.removeEventListener('abort', onAbort)
  }
}
