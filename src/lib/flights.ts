/** One question for many who ask the same at the same time. */
import { abortable } from './abortable.ts'

export interface FlightParts<T> {
  /** @returns what is known already; null when it has to be asked */
  known: () => Promise<T | null>
  /** Asks; rejects only when it is given up before its end (a partition taken away, a stop). */
  ask: () => Promise<T>
}

/** @returns a function that asks once for all calls with the same key that overlap */
export function createFlights() {
  /** Resolves to whether the question was asked to its end. */
  const flights = new Map<string, Promise<boolean>>()

  /**
   * Takes what is known, or waits while another asks the same, or asks. When the other's answer is none that others may take,
   * each asks for itself at once: none waits twice.
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
    let asked = false
    try {
      const answer = await ask()
      asked = true
      return answer
    } finally {
      flights.delete(key)
      resolve(asked)
    }
  }
}
