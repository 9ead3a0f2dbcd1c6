/** Lets the event loop turn between pieces of work that each take some ms. */

const waiting: (() => void)[] = []

/**
 * Resolves in a turn of the event loop of its own: of many callers each goes on after the timers, sockets and heartbeats that
 * became due during the work of the one before it.
 */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(next)
  })
}

function next(): void {
  waiting.shift()?.()
  if (waiting.length > 0) setImmediate(next)
}
