/** Reads something for whoever asks, at most once in a while: many readers cost what one costs. */

/**
 * @param read never runs twice at once
 * @returns a function that gives what was read last while that is younger than `freshMs`
 */
export function createReading<T>(freshMs: number, read: () => Promise<T>, now: () => number = () => performance.now()) {
  let last: { atMs: number; value: Promise<T> } | null = null
  return (): Promise<T> => {
    if (last !== null && now() - last.atMs < freshMs) return last.value
    const value = read()
    const reading = { atMs: now(), value }
    last = reading
    // What failed is for those who asked for it.
    value.catch(() => {
      if (last === reading) last = null
    })
    // The time counts from the answer, however long that took.
    void value.then(() => (reading.atMs = now())).catch(() => {})
    return value
  }
}
