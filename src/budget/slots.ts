/** How many calls one process has in flight at once. */
// Nothing but in-process scheduling is asked of bottleneck: its Redis clustering fails on Redis 7, and its reservoirs know
// neither several budgets at once nor the wait (shared budget: budget.ts).
import Bottleneck from 'bottleneck'

/**
 * @param max calls at once
 * @returns `run`, which starts `work` in the order of asking as soon as a slot is free, and gives back what it gives.
 * It rejects with the signal's reason when that aborts while queued; work that has begun is left to end by itself.
 */
export function createSlots(max: number) {
  const limiter = new Bottleneck({ maxConcurrent: max })

  async function run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const onAbort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    // Always fulfils: the slot is free again whatever `work` does, and an aborted one gives it back untouched.
    const scheduled = limiter.schedule(async () => {
      if (signal.aborted) return
      signal.removeEventListener('abort', onAbort)
      await work().then(resolve, reject)
    })
    scheduled.catch(reject)
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  return {
    run,
    /** Calls running, and requests queued (those that gave up among them until their turn). */
    counts() {
      const { RECEIVED, QUEUED, RUNNING, EXECUTING } = limiter.counts()
      return { running: RUNNING + EXECUTING, queued: RECEIVED + QUEUED }
    },
  }
}
