/** Slices long work, so that the event loop turns in between: a heartbeat must not wait for a resume of 2 MB. */
import { setImmediate as nextTurn } from 'node:timers/promises'

const SLICE_MS = 8

/** Await it between pieces of work of a few ms at most: it lets other work run when the slice of time is over. */
export type Breathe = () => Promise<void>

export function createBreathe(now: () => number = performance.now.bind(performance)): Breathe {
  let sinceMs = now()
  return async () => {
    if (now() - sinceMs < SLICE_MS) return
    await nextTurn()
    sinceMs = now()
  }
}
