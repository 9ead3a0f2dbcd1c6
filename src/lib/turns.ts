/** Lets the event loop turn between pieces of work that each take some ms. */

/** While something is urgent, only one of so many turns of the event loop is given to what waits here. */
const TURNS_WHILE_URGENT = 4

/**
 * Gives each of many callers a turn of the event loop of its own: it goes on after the timers, sockets and heartbeats that became
 * due during the work of the one before it.
 */
export class Turns {
  readonly #isUrgent: () => boolean
  readonly #waiting: (() => void)[] = []
  #passed = 0

  /** @param isUrgent whether there is other work in this process that has to be done soon; it is asked in each turn */
  constructor(isUrgent: () => boolean = () => false) {
    this.#isUrgent = isUrgent
  }

  next(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#waiting.push(resolve) === 1) setImmediate(this.#turn)
    })
  }

  readonly #turn = (): void => {
    if (!this.#isUrgent() || ++this.#passed >= TURNS_WHILE_URGENT) {
      this.#passed = 0
      this.#waiting.shift()?.()
    }
    if (this.#waiting.length > 0) setImmediate(this.#turn)
  }
}

const turns = new Turns()

/** Resolves in a turn of the event loop of its own, whatever is urgent. */
export const turn = (): Promise<void> => turns.next()

let shared: Promise<void> | null = null

/** Resolves in the next turn of the event loop, for all that ask for it in this one at the same time. */
export function nextTurn(): Promise<void> {
  shared ??= new Promise((resolve) => {
    setImmediate(() => {
      shared = null
      resolve()
    })
  })
  return shared
}
