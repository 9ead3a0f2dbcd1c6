/** How many calls one process has in flight at once. */
// Nothing but in-process scheduling is asked of bottleneck: its Redis clustering fails on Redis 7, and its reservoirs know
// neither several budgets at once nor the wait (the shared budget is budget.ts's).
import Bottleneck from 'bottleneck'

/**
 * @param max calls at once
 * @returns `run`, which starts `work` in the order of asking as soon as a slot is free, and gives back what it gives.
 * It rejects with the signal's reason when that aborts while queued; work that has begun is left to end by itself.
 */
export function createSlots(max: number) {
  const limiter = new Bottleneck({ maxConcurrent: max })
  const queue = new Set<() => Promise<void>>()
  /** Lanes that bottleneck has not let in yet. */
  let lanesWaiting = 0
  let running = 0

  // A job of bottleneck's passes several timers, one job after the other: by itself some 400 jobs a second. So a job is no
  // single call but a lane, which goes on for as long as there is work; a busy process starts none.
  async function lane(): Promise<void> {
    lanesWaiting--
    for (;;) {
      const [next] = queue
      if (next === undefined) return
      queue.delete(next)
      running++
      await next()
      running--
    }
  }

  function openLane(): void {
    if (lanesWaiting >= Math.min(queue.size, max)) return
    lanesWaiting++
    void limiter.schedule(lane)
  }

  async function run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    // Never rejects, or it would end its lane.
    const start = async () => {
      signal.removeEventListener('abort', onAbort)
      try {
        resolve(await work())
      } catch (error) {
        reject(error)
      }
    }
    const onAbort = () => {
      if (queue.delete(start)) reject(signal.reason as Error)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    queue.add(start)
    openLane()
    return await promise
  }

  return { run, counts: () => ({ running, queued: queue.size }) }
}
