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
