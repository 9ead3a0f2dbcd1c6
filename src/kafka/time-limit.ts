/** A time limit for operations to which kafkajs sets none. */

/** An operation took longer than its limit. It may still succeed later. */
export class TimeLimitError extends Error {
  constructor(what: string, ms: number) {
    super(`${what} took longer than ${ms} ms`)
    this.name = 'TimeLimitError'
  }
}

/**
 * Waits for `work`. The limit does not end the work itself; a later result or rejection is dropped.
 * @returns what `work` gives
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
