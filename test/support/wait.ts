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
