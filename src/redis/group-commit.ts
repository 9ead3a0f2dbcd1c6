/** Many operations of the same kind as one script call: the cost of a call is shared by all that wait for it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { nextTurn } from '../lib/turns.ts'

/** How many items one call takes. Redis serves nobody else meanwhile; and all of them go on together here, in one turn of the event loop. */
const MAX_ITEMS = 16

/**
 * While several items come together, a call waits so long for more of them: under load that saves more time than it takes. A single
 * item never waits for others.
 */
export const LINGER_MS = 10

/**
 * Waits for what comes in the same turn of the event loop, or for `lingerMs`.
 * @param isBusy several items have come together, and there is room for more
 */
export const untilGathered = (lingerMs: number, isBusy: boolean): Promise<void> =>
  lingerMs > 0 && isBusy ? sleep(lingerMs) : nextTurn()

export interface GroupCommitOptions {
  /** How long calls wait for more items under load, ms; 0 for what a deadline hangs on. */
  lingerMs: number
}

/**
 * Runs `run` for what has gathered in one turn of the event loop, while its last call was under way, and under load for `LINGER_MS`
 * more.
 * @param run one call for several items; gives one result for each, in their order; what it rejects with, all of its items reject with
 * @returns a function that hands in an item and gives its result
 */
export function groupCommit<Item, Result>(
  run: (items: readonly Item[]) => Promise<readonly Result[]>,
  { lingerMs }: GroupCommitOptions = { lingerMs: LINGER_MS },
) {
  interface Waiting {
    item: Item
    resolve: (result: Result) => void
    reject: (error: unknown) => void
  }
  let waiting: Waiting[] = []
  let running = false
  /** Items of the last call. */
  let lastCount = 0

  async function drain(): Promise<void> {
    running = true
    try {
      while (waiting.length > 0) {
        await untilGathered(lingerMs, lastCount > 1 && waiting.length < MAX_ITEMS)
        const some = waiting.slice(0, MAX_ITEMS)
        waiting = waiting.slice(MAX_ITEMS)
        lastCount = some.length
        try {
          const results = await run(some.map(({ item }) => item))
          if (results.length !== some.length) throw new TypeError('a call gave another number of results than items')
          for (const [index, { resolve }] of some.entries()) resolve(results[index] as Result)
        } catch (error) {
          for (const { reject } of some) reject(error)
        }
      }
    } finally {
      running = false
    }
  }

  return (item: Item): Promise<Result> => {
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    waiting.push({ item, resolve, reject })
    if (!running) void drain()
    return promise
  }
}
