/** Lets a request that is suspected of killing its worker run with nothing else in flight in the process. */
import { abortable } from '../lib/abortable.ts'

/**
 * A lock with many sharers and one excluder. An excluder waits for the sharers that are inside, and later comers wait for it,
 * so that it cannot be starved.
 * @returns `share` and `exclude`, which run `work` under the lock and give back what it gives; both reject with the
 * signal's reason when it aborts before the work began
 */
export function createAloneLock() {
  let sharers = 0
  let excluders = 0
  /** Settles when every excluder so far is through. */
  let exclusion: Promise<unknown> = Promise.resolve()
  let onIdle: () => void = () => {}

  async function share<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    // Asked again after each wait: the check and the entry must not have an await between them.
    while (excluders > 0) await abortable(exclusion, signal)
    sharers++
    try {
      return await work()
    } finally {
      sharers--
      if (sharers === 0) onIdle()
    }
  }

  async function exclude<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const before = exclusion
    const { promise: own, resolve } = Promise.withResolvers<void>()
    exclusion = Promise.all([before, own])
    excluders++
    try {
      await abortable(before, signal)
      const idle = Promise.withResolvers<void>()
      onIdle = idle.resolve
      if (sharers > 0) await abortable(idle.promise, signal)
      return await work()
    } finally {
      excluders--
      resolve()
    }
  }

  return { share, exclude }
}
