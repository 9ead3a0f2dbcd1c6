/**
 * How many calls may be granted and not sent yet. A grant lapses half a second after it was asked for, and what it took from the
 * budget is lost then. In that time an idle machine sends hundreds of calls, and a starved one that has just started a few. So the
 * number follows what is seen: it grows by one with each call that is sent early, and is halved by each that is not sent in time.
 */

const FIRST = 8
const LEAST = 4
const MOST = 64
/** A call is early that is sent in the first half of its grant's time. */
const EARLY = 0.5

/** The time that a grant is good for, on performance.now()'s clock: from when it was asked for until the call has to be sent. */
export interface GrantTime {
  askedMs: number
  sendByMs: number
}

export class SendPace {
  readonly #now: () => number
  readonly #limit: number
  #most: number
  #unsent = 0

  /** @param first how many calls may be unsent at first; Infinity: there is no bound */
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

  /** @returns what to call once, when the call is sent or has ended unsent; called again it does nothing and returns false */
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

  /** A grant could not be used in time. */
  lapsed(): void {
    this.#most = Math.max(LEAST, Math.floor(this.#most / 2))
  }
}
