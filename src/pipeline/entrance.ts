/**
 * Bounds how many requests are claimed, prepared and asked about at once. All others wait here, where a request costs little more
 * memory than its bytes, so users take turns among far more requests than are prepared. With fair turns as many again may enter, from
 * users with less than an equal share inside, so that one user's many requests do not keep the others out.
 */
import { WaitingLine } from '../lib/waiting-line.ts'

export interface EntranceOptions {
  /** The most requests inside at once; with `isFair`, as many again from users with less than an equal share inside. */
  most: number
  /** Whether users take turns; false: in the order of arrival. */
  isFair: boolean
}

/** When room becomes free, at most this many waiting requests are checked for one that may enter. */
const CANDIDATES = 16

export class Entrance {
  readonly #options: EntranceOptions
  /** A waiter's demand is the user whose request waits. The line's own `user` is empty where users do not take turns. */
  readonly #line = new WaitingLine<string>()
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
    await this.#line.wait(user, signal, { user: this.#options.isFair ? user : '' })
  }

  /** Takes one of this user's requests out, and lets in the first waiting one for which there is room, in the order of turns. */
  leave(user: string): void {
    this.#inside--
    const left = (this.#insideOf.get(user) ?? 1) - 1
    if (left > 0) this.#insideOf.set(user, left)
    else this.#insideOf.delete(user)
    const next = this.#line.next(CANDIDATES).find(({ demand }) => this.#hasRoomFor(demand))
    if (next === undefined) return
    this.#line.serve(next)
    this.#admit(next.demand)
    next.resolve()
  }

  /** @returns how many requests wait here */
  waiting(): number {
    return this.#line.length
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
}
