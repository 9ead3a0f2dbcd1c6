/** A counting semaphore: first come, first served; a wait ends with its signal. */

interface Waiter {
  permits: number
  admit: () => void
}

/**
 * Whoever asks for more permits than are free waits, and later comers wait behind: nobody is overtaken, so that one who asks for
 * all permits is not starved.
 */
export class Semaphore {
  readonly #most: number
  #free: number
  #holders = 0
  readonly #waiting = new Set<Waiter>()

  /** @param permits how many there are */
  constructor(permits: number) {
    this.#most = permits
    this.#free = permits
  }

  /** How many hold permits, and how many wait for them. */
  get counts(): { running: number; queued: number } {
    return { running: this.#holders, queued: this.#waiting.size }
  }

  /**
   * Runs `work` as soon as `permits` (all of them when there are fewer) are free, and gives them back when it has ended.
   * @returns what `work` returns
   * @throws the signal's reason when it aborts while waiting; what `work` rejects with. Work that has begun is left to end by itself
   */
  async run<T>(work: () => Promise<T>, signal: AbortSignal, permits = 1): Promise<T> {
    const taken = Math.min(permits, this.#most)
    await this.#enter(taken, signal)
    try {
      return await work()
    } finally {
      this.#free += taken
      this.#holders--
      this.#admit()
    }
  }

  async #enter(permits: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiter = { permits, admit: resolve }
    const onAbort = () => {
      // Already admitted: it runs, and its permits come back by themselves.
      if (!this.#waiting.delete(waiter)) return
      reject(signal.reason as Error)
      this.#admit()
    }
    this.#waiting.add(waiter)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#admit()
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  #admit(): void {
    for (const waiter of this.#waiting) {
      if (waiter.permits > this.#free) return
      this.#waiting.delete(waiter)
      this.#free -= waiter.permits
      this.#holders++
      waiter.admit()
    }
  }
}

/** For `run`: all permits there are, so that nothing else runs meanwhile. */
export const ALONE = Number.POSITIVE_INFINITY
