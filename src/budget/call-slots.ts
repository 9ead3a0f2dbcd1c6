/**
 * Bounds how many calls one process has at once, and how many of them wait to be sent. A slot is taken with the grant of a call, and
 * given back when the call has ended.
 */
import type { GrantTime } from './send-pace.ts'
import { SendPace } from './send-pace.ts'

/** The slot of one call. */
export interface Slot {
  /** The request is being written. */
  sent(): void
  /** The call has ended, sent or not. Called again it does nothing. */
  release(): void
}

export class CallSlots {
  readonly most: number
  readonly #pace: SendPace
  #taken = 0
  #calls = 0
  #onRoom: () => void = () => {}

  /** @param most calls at once */
  constructor(most: number, pace: SendPace = new SendPace()) {
    this.most = most
    this.#pace = pace
  }

  get free(): number {
    return this.most - this.#taken
  }

  /** Calls that hold a slot: granted, and not ended yet. */
  get running(): number {
    return this.#calls
  }

  /** How many more calls can be granted now and still be sent in time. */
  get sendable(): number {
    return this.#pace.room
  }

  /** Whether a granted call has not been sent yet. */
  get isSending(): boolean {
    return this.#pace.unsent > 0
  }

  /** @returns how many slots a call needs: all of them when nothing else may be in flight meanwhile */
  needs(alone: boolean): number {
    return alone ? this.most : 1
  }

  take(alone: boolean, time: GrantTime): Slot {
    const needed = this.needs(alone)
    this.#taken += needed
    this.#calls++
    let isHeld = true
    const told = this.#pace.granted(time)
    return {
      sent: () => {
        if (told(true)) this.#onRoom()
      },
      release: () => {
        if (!isHeld) return
        isHeld = false
        told(false)
        this.#taken -= needed
        this.#calls--
        this.#onRoom()
      },
    }
  }

  /** A grant came too late to be sent; it takes no slot. */
  lapsed(): void {
    this.#pace.lapsed()
  }

  /** Sets the one listener. It is called when there may be room again: a call was sent, or has ended. */
  onRoom(listener: () => void): void {
    this.#onRoom = listener
  }
}
