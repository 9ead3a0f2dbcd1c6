/**
 * Waits that end when it is the waiter's turn, or when its signal aborts. The order is fair: users take turns, and one user's
 * waiters keep the order in which they came. Urgent waiters go before all others.
 */

/** One who waits. The owner of the line takes it out with `serve` or `remove`, and then ends its wait. */
export interface Waiter<Demand, Outcome> {
  readonly demand: Demand
  readonly user: string
  readonly urgent: boolean
  readonly signal: AbortSignal
  readonly resolve: (outcome: Outcome) => void
  readonly reject: (reason: unknown) => void
}

export interface Precedence {
  /** Whose turn the waiter takes; waiters that all name the same user keep the order of arrival. */
  user?: string
  urgent?: boolean
}

/** All methods but `next` and `rejectAll` take constant time, however many wait. */
export class WaitingLine<Demand, Outcome = void> {
  readonly #urgent = new Set<Waiter<Demand, Outcome>>()
  /** The first user has the next turn. */
  readonly #byUser = new Map<string, Set<Waiter<Demand, Outcome>>>()
  /** One listener for each signal: adding a listener to a signal takes time linear in its listeners. */
  readonly #bySignal = new Map<AbortSignal, { waiters: Set<Waiter<Demand, Outcome>>; onAbort: () => void }>()
  readonly #onLeft: (waiter: Waiter<Demand, Outcome>) => void
  #length = 0

  /** @param onLeft called after a waiter has left because its signal aborted */
  constructor(onLeft: (waiter: Waiter<Demand, Outcome>) => void = () => {}) {
    this.#onLeft = onLeft
  }

  get length(): number {
    return this.#length
  }

  /** How many users wait, apart from urgent waiters. */
  get users(): number {
    return this.#byUser.size
  }

  /**
   * Waits until the owner of the line ends the wait.
   * @throws the signal's reason when it aborts first; what the owner rejects the wait with
   */
  async wait(demand: Demand, signal: AbortSignal, { user = '', urgent = false }: Precedence = {}): Promise<Outcome> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
    const waiter = { demand, user, urgent, signal, resolve, reject }
    this.#groupOf(waiter).add(waiter)
    this.#listen(signal).add(waiter)
    this.#length++
    return await promise
  }

  /** @returns the next waiters, at most `count`; they stay in the line */
  next(count: number): Waiter<Demand, Outcome>[] {
    const found = [...this.#urgent].slice(0, count)
    let turns = [...this.#byUser.values()].slice(0, count).map((waiters) => waiters.values())
    while (found.length < count && turns.length > 0) {
      const going: typeof turns = []
      for (const waiters of turns) {
        const { value, done } = waiters.next()
        if (done === true) continue
        if (found.length < count) found.push(value)
        going.push(waiters)
      }
      turns = going
    }
    return found
  }

  /**
   * Takes the waiter out, and ends its user's turn; an urgent waiter takes no turn of its user.
   * @returns false when it has left the line already
   */
  serve(waiter: Waiter<Demand, Outcome>): boolean {
    if (!this.remove(waiter)) return false
    const others = waiter.urgent ? undefined : this.#byUser.get(waiter.user)
    if (others !== undefined) {
      this.#byUser.delete(waiter.user)
      this.#byUser.set(waiter.user, others)
    }
    return true
  }

  /**
   * Takes the waiter out; its user keeps the turn.
   * @returns false when it has left the line already
   */
  remove(waiter: Waiter<Demand, Outcome>): boolean {
    const { user, urgent } = waiter
    const group = urgent ? this.#urgent : this.#byUser.get(user)
    if (group?.delete(waiter) !== true) return false
    if (!urgent && group.size === 0) this.#byUser.delete(user)
    this.#length--
    this.#unlisten(waiter)
    return true
  }

  /** Ends all waits. */
  rejectAll(reason: unknown): void {
    for (const waiter of this.next(this.#length)) if (this.remove(waiter)) waiter.reject(reason)
  }

  /** @returns the group in which the waiter stands: the urgent ones, or those of its user, which the user's first waiter begins */
  #groupOf({ user, urgent }: Waiter<Demand, Outcome>): Set<Waiter<Demand, Outcome>> {
    if (urgent) return this.#urgent
    const known = this.#byUser.get(user)
    if (known !== undefined) return known
    const group = new Set<Waiter<Demand, Outcome>>()
    this.#byUser.set(user, group)
    return group
  }

  #listen(signal: AbortSignal): Set<Waiter<Demand, Outcome>> {
    const known = this.#bySignal.get(signal)
    if (known !== undefined) return known.waiters
    const waiters = new Set<Waiter<Demand, Outcome>>()
    const onAbort = () => {
      for (const waiter of waiters) {
        this.remove(waiter)
        waiter.reject(signal.reason)
        this.#onLeft(waiter)
      }
    }
    signal.addEventListener('abort', onAbort, { once: true })
    this.#bySignal.set(signal, { waiters, onAbort })
    return waiters
  }

  /** Forgets the signal with its last waiter: a signal may outlive the line, and a line may outlive many signals. */
  #unlisten(waiter: Waiter<Demand, Outcome>): void {
    const { signal } = waiter
    const listening = this.#bySignal.get(signal)
    listening?.waiters.delete(waiter)
    if (listening?.waiters.size !== 0) return
    this.#bySignal.delete(signal)
    signal.removeEventListener('abort', listening.onAbort)
  }
}
