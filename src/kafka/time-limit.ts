/** Bounds what kafkajs does not bound. */

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
