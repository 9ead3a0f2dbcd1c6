/** Waits that end with their signal. */
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Waits for `promise`, whose work goes on in any case.
 * @throws the signal's reason when that comes first, else what the promise rejects with
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
    // It rejects with an AbortError of its own.
    signal.throwIfAborted()
    throw error
  }
}

/**
 * Runs `work` with a signal that aborts with `outer`, or after `ms`.
 *
 * Not `AbortSignal.any([outer, AbortSignal.timeout(ms)])`: while nobody listens to the composite, Node may collect the timeout,
 * which then never fires.
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
