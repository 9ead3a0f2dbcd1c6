/** Waits that end: by their limit, by a signal. */
import { setTimeout as sleepFor } from 'node:timers/promises'

/**
 * Waits `ms`.
 * @throws the signal's reason when it aborts
 */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleepFor(ms, undefined, { signal })
  } catch {
    // It rejects with an AbortError of its own.
    signal.throwIfAborted()
  }
}

/** Something took longer than its limit; whether it happens later is unknown. */
export class TimeLimitError extends Error {
  constructor(what: string, ms: number) {
    super(`${what} took longer than ${ms} ms`)
    this.name = 'TimeLimitError'
  }
}

/**
 * @returns what `work` gives; it is not ended by the limit, its later result or rejection is dropped
 * @throws what `work` rejects with; TimeLimitError after `ms`
 */
export async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  const { promise: limit, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new TimeLimitError(what, ms)), ms)
  try {
    return await Promise.race([work, limit])
  } finally {
    clearTimeout(timer)
  }
}
