/**
 * Bounds how many requests are claimed, prepared and waiting for the budget at once. All others wait here, where a request costs
 * little more memory than its bytes, so users take turns among far more requests than are prepared. A second room of the same size
 * is reserved for users with less than an equal share inside, so nobody waits behind another user's many requests.
 */
import { createFairLine } from '../budget/line.ts'

export interface EntranceOptions {
  /** The most requests inside at once; as many more may come from users with less than an equal share inside. */
  most: number
  /** Whether users take turns; false: in the order of arrival. */
  isFair: boolean
}

/** When room becomes free, at most this many waiting requests are checked for one that may enter. */
const CANDIDATES = 16

interface Waiter {
  user: string
  admit: () => void
  turnAway: (reason: unknown) => void
}

export class Entrance {
  readonly #options: EntranceOptions
  readonly #line = createFairLine<Waiter>()
  /** Waiters by signal, with one listener each: adding a listener to a signal takes time linear in its listeners. */
  readonly #bySignal = new Map<AbortSignal, Set<Waiter>>()
  /** How many requests are inside, by user. */
  readonly #insideOf = new Map<string, number>()
  #inside = 0

  constructor(options: EntranceOptions) {
    this.#options = options
  }

  /** @returns whether there was room and the request has entered; then the caller must call `leave` */
  enterAtOnce(user: string): boolean {
    const hasRoom = this.#hasRoomFor(user)
    if (hasRoom) this.#admit(user)
    return hasRoom
  }

  /**
   * Waits until there is room for one of this user's requests and enters it. The caller must call `leave` afterwards.
   * @throws the signal's reason when it aborts during the wait
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

  /** Takes one of this user's requests out, and lets in the next one, of the user who has waited longest for a turn. */
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

  /** @returns how many requests wait here */
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
