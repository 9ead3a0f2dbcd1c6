/**
 * Bounds how many requests are worked on at once: claimed, made ready and waiting for their turn in the budget. All others wait here,
 * where each costs little more memory than its text, so that users take turns among far more requests than are made ready. As much
 * room again is kept for users who have less than an equal share inside, so that nobody waits behind another user's many requests.
 */
import { createFairLine } from '../budget/line.ts'

export interface EntranceOptions {
  /** Requests inside at once, and as many again of users who have less than an equal share of them. */
  most: number
  /** Users take turns; off: the order of arrival. */
  isFair: boolean
}

/** At most this many waiting requests are checked, in the order of their turns, for one that may enter. */
const CANDIDATES = 16

interface Waiter {
  user: string
  admit: () => void
  turnAway: (reason: unknown) => void
}

export class Entrance {
  readonly #options: EntranceOptions
  readonly #line = createFairLine<Waiter>()
  /** One listener per signal for all who wait with it: adding a listener to thousands of others takes linear time. */
  readonly #bySignal = new Map<AbortSignal, Set<Waiter>>()
  /** By user: how many are inside. */
  readonly #insideOf = new Map<string, number>()
  #inside = 0

  constructor(options: EntranceOptions) {
    this.#options = options
  }

  /** @returns whether there is room for one of this user's requests, which has entered then and is to `leave` */
  enterAtOnce(user: string): boolean {
    const hasRoom = this.#hasRoomFor(user)
    if (hasRoom) this.#admit(user)
    return hasRoom
  }

  /**
   * Waits until there is room for one of this user's requests. A caller that has entered must call `leave`.
   * @throws the signal's reason when it aborts before
   */
  async enter(user: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.enterAtOnce(user)) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiter: Waiter = { user, admit: resolve, turnAway: reject }
    this.#waitersWith(signal).add(waiter)
    this.#line.add(waiter, this.#options.isFair ? user : '', false)
    await promise.finally(() => this.#bySignal.get(signal)?.delete(waiter))
  }

  /** Ends the stay of one of this user's requests, and lets in the next one, whose user has waited longest for a turn. */
  leave(user: string): void {
    this.#inside--
    const left = (this.#insideOf.get(user) ?? 1) - 1
    if (left > 0) this.#insideOf.set(user, left)
    else this.#insideOf.delete(user)
    const next = this.#line.next(CANDIDATES).find((waiter) => this.#hasRoomFor(waiter.user))
    if (next === undefined) return
    this.#line.served(next)
    this.#admit(next.user)
    next.admit()
  }

  /** Requests that wait here. */
  waiting(): number {
    return this.#line.length()
  }

  #hasRoomFor(user: string): boolean {
    const { most, isFair } = this.#options
    if (this.#inside < most) return true
    const own = this.#insideOf.get(user) ?? 0
    const users = this.#insideOf.size + (own === 0 ? 1 : 0)
    return isFair && this.#inside < 2 * most && own < most / users
  }

  #admit(user: string): void {
    this.#inside++
    this.#insideOf.set(user, (this.#insideOf.get(user) ?? 0) + 1)
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
}
