/**
 * Many lives from a seed on, side by side in threads. In most of its steps a life waits for Redis, so there may be more threads than
 * cores; each has a process's clocks and the product's modules for itself.
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** What a thread is told: to live each `step`-th life, from that with the number `database` on; life n has the seed `seed` + n. */
export interface Assignment {
  redisSocket: string
  /** The thread's number, and that of its database. */
  database: number
  seed: number
  step: number
  lives: number
  /** Date.now()'s; Infinity: no limit. */
  endsAtMs: number
}

/** What a thread tells of a life. */
export interface Lived {
  steps: number
  deviations: number
  modelCalls: number
  outcomes: number
  /** What to read when the life failed; null: it did not. */
  failure: string | null
}

export interface Summary {
  lives: number
  steps: number
  deviations: number
  modelCalls: number
  outcomes: number
  failure: string | null
}

/** Each thread has a database, and Redis has 16 unless it is told otherwise. */
const THREADS = 4

/**
 * Lives `lives` lives, with the seeds from `seed` on, or until `withinMs` have passed; ends at the first that fails.
 * @param redisSocket the Unix socket of a Redis of the simulation's own: its databases are emptied before
 * each life
 */
export async function simulate(
  redisSocket: string,
  seed: number,
  lives: number,
  withinMs = Infinity,
): Promise<Summary> {
  const summary: Summary = { lives: 0, steps: 0, deviations: 0, modelCalls: 0, outcomes: 0, failure: null }
  const endsAtMs = Date.now() + withinMs
  const threads = Array.from({ length: Math.min(THREADS, lives) }, (_, database) => {
    const workerData: Assignment = { redisSocket, database, seed, step: THREADS, lives, endsAtMs }
    return new Worker(new URL('./thread.ts', import.meta.url), { workerData })
  })
  const { promise: failed, resolve: onFailed } = Promise.withResolvers<void>()
  for (const thread of threads) {
    thread.on('message', ({ failure, ...counts }: Lived) => {
      summary.lives++
      for (const name of ['steps', 'deviations', 'modelCalls', 'outcomes'] as const) summary[name] += counts[name]
      summary.failure ??= failure
      if (failure !== null) onFailed()
    })
  }
  try {
    await Promise.race([failed, Promise.all(threads.map((thread) => once(thread, 'exit')))])
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()))
  }
  return summary
}
