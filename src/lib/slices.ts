/** Long work in slices, between which the event loop gets its turn: a heartbeat must not wait for 2 MB of somebody's resume. */
import { setImmediate as nextTurn } from 'node:timers/promises'

const SLICE_MS = 8

/** Awaited between two pieces of work, of some milliseconds each at the most: lets others run when a slice of time is over. */
export type Breathe = () => Promise<void>

export function createBreathe(now: () => number = performance.now.bind(performance)): Breathe {
  let sinceMs = now()
  return async () => {
    if (now() - sinceMs < SLICE_MS) return
    await nextTurn()
    sinceMs = now()
  }
}
