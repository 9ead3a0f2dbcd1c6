/**
 * Bounds how many grants may wait to be sent. A grant lapses within half a second of being asked for, and what it took from the budget
 * is then wasted. In that time an idle machine sends hundreds of calls, a starved one that has just started only a few. So the bound
 * adapts: each call that is sent early raises it by one, and each that is not sent in time halves it.
 */

const FIRST = 8
const LEAST = 4
const MOST = 64
/** A call counts as early when it is sent in the first half of its grant's time. */
const EARLY = 0.5

/** How long a grant is valid, performance.now() ms: from when it was asked for until the call must be sent. */
export interface GrantTime {
  askedMs: number
  sendByMs: number
}

export class SendPace {
  readonly #now: () => number
  readonly #limit: number
  #most: number
  #unsent = 0

  /** @param first the bound at first; Infinity: no bound */
  constructor(first: number = FIRST, now: () => number = () => performance.now()) {
    this.#most = first
    this.#limit = Math.max(first, MOST)
    this.#now = now
  }

  /** Calls that are granted and not sent yet. */
  get unsent(): number {
    return this.#unsent
  }

  /** How many more may be granted now. */
  get room(): number {
    return Math.max(0, this.#most - this.#unsent)
  }

  /** @returns a function to call when the call is sent or has ended unsent; a second call does nothing and returns false */
  granted({ askedMs, sendByMs }: GrantTime): (isSent: boolean) => boolean {
    this.#unsent++
    let isUnsent = true
    return (isSent) => {
      if (!isUnsent) return false
      isUnsent = false
      this.#unsent--
      const atMs = this.#now()
      if (atMs > sendByMs) this.lapsed()
      else if (isSent && atMs - askedMs < (sendByMs - askedMs) * EARLY)
        this.#most = Math.min(this.#limit, this.#most + 1)
      return true
    }
  }

  /** A grant lapsed before it could be used. */
  lapsed(): void {
    this.#most = Math.max(LEAST, Math.floor(this.#most / 2))
  }
}
