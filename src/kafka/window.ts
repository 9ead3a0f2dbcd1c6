/** Bounds how many messages and bytes one worker works on at once, and shares this window fairly among its partitions. */

export interface WindowLimits {
  messages: number
  bytes: number
}

/** One partition's share of the window. */
export interface Seat {
  /** @returns whether the message may be started now; if not, `wake` is called when there may be room */
  enter(bytes: number): boolean
  leave(bytes: number): void
  /** Removes this partition with all its messages from the window. */
  close(): void
}

/**
 * A quarter of the window's messages (not of its bytes) is reserved for the partitions in equal parts, so that a partition full of
 * waiting messages cannot shut the others out; the rest goes to whoever asks first. A partition with nothing in the window may always
 * start one message of any size.
 */
export function createWindow(limits: WindowLimits) {
  const seats = new Set<{ messages: number; bytes: number; refused: boolean; wake: () => void }>()
  const total = { messages: 0, bytes: 0 }

  const reserve = () => Math.max(1, Math.floor(limits.messages / 4 / Math.max(1, seats.size)))

  function wakeRefused(): void {
    // Each woken seat goes to the end of the set, so that all take turns.
    for (const seat of [...seats].filter(({ refused }) => refused)) {
      seat.refused = false
      seats.delete(seat)
      seats.add(seat)
      seat.wake()
    }
  }

  function join(wake: () => void): Seat {
    const seat = { messages: 0, bytes: 0, refused: false, wake }
    seats.add(seat)

    function admits(bytes: number): boolean {
      if (seat.messages === 0) return true
      if (total.bytes + bytes > limits.bytes) return false
      const kept = reserve()
      if (seat.messages < kept) return true
      const keptForOthers = [...seats].reduce(
        (sum, each) => sum + Math.max(0, each === seat ? 0 : kept - each.messages),
        0,
      )
      return total.messages + keptForOthers < limits.messages
    }

    function release(messages: number, bytes: number): void {
      seat.messages -= messages
      seat.bytes -= bytes
      total.messages -= messages
      total.bytes -= bytes
      wakeRefused()
    }

    return {
      enter(bytes) {
        if (!admits(bytes)) {
          seat.refused = true
          return false
        }
        seat.messages++
        seat.bytes += bytes
        total.messages++
        total.bytes += bytes
        return true
      },
      leave: (bytes) => release(1, bytes),
      close() {
        if (!seats.delete(seat)) return
        release(seat.messages, seat.bytes)
      },
    }
  }

  return { join, used: () => ({ ...total }) }
}

export type Window = ReturnType<typeof createWindow>
