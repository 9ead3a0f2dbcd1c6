/** Asks once when several callers ask the same question at the same time. */
import { abortable } from './abortable.ts'

export interface FlightParts<T> {
  /** @returns the known answer; null when the question must be asked */
  known: () => Promise<T | null>
  /** Asks the question. Rejects only when the asking is given up (partition revoked, worker stopping). */
  ask: () => Promise<T>
}

/** @returns a function that asks once for all overlapping calls with the same key */
export function createFlights() {
  /** The questions being asked; each resolves to whether an answer came. */
  const flights = new Map<string, Promise<boolean>>()

  /**
   * Returns the known answer, or waits while another caller asks, or asks. If the other caller's answer may not be shared, each waiting
   * caller asks for itself at once, so that none waits twice. If the other caller gives up, one of the waiting callers asks for all.
   * @throws the signal's reason when it aborts a wait; what `known` and `ask` reject with
   */
  return async function once<T>(key: string, { known, ask }: FlightParts<T>, signal: AbortSignal): Promise<T> {
    for (;;) {
      const found = await known()
      if (found !== null) return found
      const flight = flights.get(key)
      if (flight === undefined) break
      if (await abortable(flight, signal)) return (await known()) ?? (await ask())
    }
    const { promise, resolve } = Promise.withResolvers<boolean>()
    flights.set(key, promise)
    let isAnswered = false
    try {
      const answer = await ask()
      isAnswered = true
      return answer
    } finally {
      flights.delete(key)
      resolve(isAnswered)
    }
  }
}
