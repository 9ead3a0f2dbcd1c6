/** Lets the event loop turn between pieces of work that take a few ms each. */

/** While something is urgent, one of this many turns of the event loop goes to the callers that wait here. */
const TURNS_WHILE_URGENT = 4

/**
 * Gives each caller a turn of the event loop of its own, so that timers, sockets and heartbeats that became due during the previous
 * caller's work run first.
 */
export class Turns {
  readonly #isUrgent: () => boolean
  readonly #waiting: (() => void)[] = []
  #passed = 0

  /** @param isUrgent whether other work of this process is urgent; asked in each turn */
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

/** Resolves in a turn of its own, even while something is urgent. */
export const turn = (): Promise<void> => turns.next()

let shared: Promise<void> | null = null

/** Resolves in the next turn of the event loop, for all callers of this turn together. */
export function nextTurn(): Promise<void> {
  shared ??= new Promise((resolve) => {
    setImmediate(() => {
      shared = null
      resolve()
    })
  })
  return shared
}
