/** Shares one reading among many readers, so that they cost what one costs. */

/**
 * @param read should take less than `freshMs`: after that, the next caller begins another reading
 * @returns a function that gives the last reading while it is younger than `freshMs`, and reads again after that
 */
export function createReading<T>(freshMs: number, read: () => Promise<T>, now: () => number = () => performance.now()) {
  let last: { atMs: number; value: Promise<T> } | null = null
  return (): Promise<T> => {
    if (last !== null && now() - last.atMs < freshMs) return last.value
    const value = read()
    const reading = { atMs: now(), value }
    last = reading
    // The callers get the failure; this handler only prevents an unhandled rejection.
    value.catch(() => {
      if (last === reading) last = null
    })
    // The reading's age counts from its answer, however long that took.
    void value.then(() => (reading.atMs = now())).catch(() => {})
    return value
  }
}
