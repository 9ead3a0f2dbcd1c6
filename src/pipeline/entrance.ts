/**
 * How many requests are worked on at once: claimed, made ready and waiting for their turn in the budget. Those beyond wait here,
 * where each costs little more than its text, so that users take turns among far more requests than are made ready.
 */
import { createFairLine } from '../budget/line.ts'

export interface EntranceOptions {
  /** Requests inside at once. */
  most: number
  /** Users take turns; off: the order of arrival. */
  isFair: boolean
}

export class Entrance {
  readonly #options: EntranceOptions
  readonly #line = createFairLine<() => void>()
  #inside = 0

  constructor(options: EntranceOptions) {
    this.#options = options
  }

  /**
   * Waits until there is room for one of this user's requests. Whoever has entered is to `leave`.
   * @throws the signal's reason when it aborts before
   */
  async enter(user: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#inside < this.#options.most) {
      this.#inside++
      return
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onAbort = () => {
      if (this.#line.remove(resolve)) reject(signal.reason as Error)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    this.#line.add(resolve, this.#options.isFair ? user : '', false)
    await promise.finally(() => signal.removeEventListener('abort', onAbort))
  }

  /** Lets the next one in, whose user has waited longest for a turn. */
  leave(): void {
    const [next] = this.#line.next(1)
    if (next === undefined) {
      this.#inside--
      return
    }
    this.#line.served(next)
    next()
  }

  /** Requests that wait here. */
  waiting(): number {
    return this.#line.length()
  }
}
