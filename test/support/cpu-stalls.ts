/** How long a piece of work keeps the event loop from turning, in a measure that other processes on the machine do not change. */
import { setImmediate as nextTurn } from 'node:timers/promises'

/** @returns the longest stretch without a turn of the event loop while `work` ran, in ms of this thread's own CPU time */
export async function longestStallMs(work: () => Promise<unknown>): Promise<number> {
  let [longest, isDone] = [0, false]
  let before = process.threadCpuUsage()
  const end = work().finally(() => (isDone = true))
  while (!isDone) {
    await nextTurn()
    const now = process.threadCpuUsage()
    longest = Math.max(longest, now.user + now.system - before.user - before.system)
    before = now
  }
  await end
  return longest / 1_000
}
