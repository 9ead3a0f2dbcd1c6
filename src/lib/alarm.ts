/** A sleep that `ring` ends early. A ring while nobody sleeps ends the next sleep at once. */
export function createAlarm() {
  let rung = false
  let wake: () => void = () => {}

  /**
   * @param ms how long to sleep at most
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
