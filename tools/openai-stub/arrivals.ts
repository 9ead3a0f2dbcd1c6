/** A bounded log of the requests that arrived, without their texts, for tests and audits. */

export interface Arrival {
  /** Counts from 1 since the start; entries that were dropped from the log keep their numbers. */
  n: number
  /** Epoch ms with fractions, from a clock that never goes back. */
  atMs: number
  /** The `x-request-id` of its answer. */
  id: string
  /** A hash of requirements and resume; empty when the body was not a request. */
  texts: string
  /** The text after `ref:` in the prompt. */
  ref: string | null
  /** The beginning of a hash of the request's API key. */
  key: string
  /** null while it is unanswered; 0 when the connection was cut instead of answering */
  status: number | null
  promptTokens: number
  completionTokens: number
  /** Billed tokens; 0 for an error. */
  billedTokens: number
  fault: string | null
  /** The client disconnected before the answer was sent. */
  aborted: boolean
}

/** @param capacity how many entries are kept; the oldest are dropped */
export function createArrivals(capacity: number) {
  const ring: Arrival[] = []
  const byStatus = new Map<string, number>()
  let total = 0
  let inFlight = 0
  let mostInFlight = 0
  let billed = 0

  return {
    /** Adds an arrival; the caller fills the entry in as it learns more. */
    open(entry: Omit<Arrival, 'n'>): Arrival {
      total += 1
      const arrival = { n: total, ...entry }
      ring[(total - 1) % capacity] = arrival
      inFlight += 1
      mostInFlight = Math.max(mostInFlight, inFlight)
      return arrival
    },
    /** Called once for each entry, when its answer was sent or its connection was closed. */
    close(arrival: Arrival): void {
      inFlight -= 1
      billed += arrival.billedTokens
      const name = arrival.aborted ? 'aborted' : String(arrival.status)
      byStatus.set(name, (byStatus.get(name) ?? 0) + 1)
    },
    /** @returns the entries after number `since` that are still kept, oldest first */
    entries: (since = 0): Arrival[] => {
      const first = Math.max(since, total - capacity, 0)
      const found: Arrival[] = []
      for (let n = first; n < total; n += 1) {
        const arrival = ring[n % capacity]
        if (arrival !== undefined) found.push(arrival)
      }
      return found
    },
    summary: () => ({
      arrivals: total,
      inFlight,
      mostInFlight,
      billedTokens: billed,
      byStatus: Object.fromEntries(byStatus),
    }),
  }
}

export type Arrivals = ReturnType<typeof createArrivals>
