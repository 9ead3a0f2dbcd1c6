/** The order within a process: only the first in line asks Redis. */

/** A line in the order of arrival. */
export function createLine() {
  const waiting = new Set<() => void>()
  let taken = false

  /**
   * Waits until those before are through.
   * @returns what to call, once, to let the next one in
   * @throws the signal's reason when it aborts before
   */
  async function enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    if (taken) await turn(signal)
    taken = true
    return () => {
      const [next] = waiting
      if (next === undefined) taken = false
      else {
        // `taken` stays: nobody may slip in between the leaving one and the next.
        waiting.delete(next)
        next()
      }
    }
  }

  async function turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onAbort = () => {
      // Called already: it is its turn, and it goes on.
      if (waiting.delete(resolve)) reject(signal.reason as Error)
    }
    waiting.add(resolve)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  return { enter, length: () => waiting.size + (taken ? 1 : 0) }
}

/** A sleep that can be cut short; a ring while nobody sleeps ends the next sleep at once. */
export function createAlarm() {
  let rung = false
  let wake: () => void = () => {}

  /**
   * @param ms at most so long
   * @throws the signal's reason when it aborts
   */
  async function sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onAbort = () => reject(signal.reason as Error)
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', onAbort, { once: true })
    wake = resolve
    if (rung) resolve()
    try {
      await promise
    } finally {
      rung = false
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
  }

  function ring(): void {
    rung = true
    wake()
  }

  return { sleep, ring, reset: () => void (rung = false) }
}
