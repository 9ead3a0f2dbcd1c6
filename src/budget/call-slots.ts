/** How many calls one process has in flight: a slot is taken with the grant of a call, and given back when the call has ended. */
export class CallSlots {
  readonly most: number
  #taken = 0
  #calls = 0
  #onFreed: () => void = () => {}

  /** @param most calls at once */
  constructor(most: number) {
    this.most = most
  }

  get free(): number {
    return this.most - this.#taken
  }

  /** Calls in flight. */
  get running(): number {
    return this.#calls
  }

  /** @returns how many slots a call needs: all of them when nothing else may be in flight meanwhile */
  needs(alone: boolean): number {
    return alone ? this.most : 1
  }

  take(alone: boolean): void {
    this.#taken += this.needs(alone)
    this.#calls++
  }

  release(alone: boolean): void {
    this.#taken -= this.needs(alone)
    this.#calls--
    this.#onFreed()
  }

  /** Has `listener` called after each release; there is one listener. */
  onFreed(listener: () => void): void {
    this.#onFreed = listener
  }
}
