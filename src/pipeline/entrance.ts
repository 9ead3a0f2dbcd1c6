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

interface Waiter {
  admit: () => void
  turnAway: (reason: unknown) => void
}

export class Entrance {
  readonly #options: EntranceOptions
  readonly #line = createFairLine<Waiter>()
  /** One listener for all that wait with a signal: adding one more to thousands takes the longer the more there are. */
  readonly #bySignal = new Map<AbortSignal, Set<Waiter>>()
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
    const waiter: Waiter = { admit: resolve, turnAway: reject }
    this.#waitersWith(signal).add(waiter)
    this.#line.add(waiter, this.#options.isFair ? user : '', false)
    await promise.finally(() => this.#bySignal.get(signal)?.delete(waiter))
  }

  /** Lets the next one in, whose user has waited longest for a turn. */
  leave(): void {
    const [next] = this.#line.next(1)
    if (next === undefined) {
      this.#inside--
      return
    }
    this.#line.served(next)
    next.admit()
  }

  #waitersWith(signal: AbortSignal): Set<Waiter> {
    const known = this.#bySignal.get(signal)
    if (known !== undefined) return known
    const waiters = new Set<Waiter>()
    this.#bySignal.set(signal, waiters)
    const onAbort = () => {
      this.#bySignal.delete(signal)
      for (const waiter of waiters) if (this.#line.remove(waiter)) waiter.turnAway(signal.reason)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    return waiters
  }

  /** Requests that wait here. */
  waiting(): number {
    return this.#line.length()
  }
}
