import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Waits until `done` holds, asking every 25 ms.
 * @throws Error with `explain()` when that takes longer than `limitMs`
 */
export async function waitUntil(
  done: () => boolean | Promise<boolean>,
  limitMs: number,
  explain: () => string,
): Promise<void> {
  const endAt = performance.now() + limitMs
  while (!(await done())) {
    if (performance.now() > endAt) throw new Error(`after ${limitMs} ms: ${explain()}`)
    await sleep(25)
  }
}

/** For `vi.waitFor`, whose own limit of a second is short for a busy machine. */
export const PATIENTLY = { timeout: 20_000, interval: 5 }

/** How often an operation is tried, with a second in between. */
const MOST_TRIES = 60

/** Repeats an operation that fails while the broker is away: the client's own retries end after some seconds. */
export async function patiently(operation: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await operation()
      return
    } catch (error) {
      if (tries === MOST_TRIES) throw error
      await sleep(1_000)
    }
  }
}
