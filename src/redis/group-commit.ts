/** Many operations of the same kind as one script call: the cost of a call is shared by all that wait for it. */

import { nextTurn } from '../lib/turns.ts'

/** How many items one call takes: Redis serves nobody else meanwhile, some 10 µs for each item. */
const MAX_ITEMS = 64

/**
 * Runs `run` with what has gathered while its last call was under way, or else in one turn of the event loop: replies of other
 * calls that came together are carried on together.
 * @param run one call for several items; gives one result for each, in their order; what it rejects with, all of its items reject with
 * @returns a function that hands in an item and gives its result
 */
export function groupCommit<Item, Result>(run: (items: readonly Item[]) => Promise<readonly Result[]>) {
  interface Waiting {
    item: Item
    resolve: (result: Result) => void
    reject: (error: unknown) => void
  }
  let waiting: Waiting[] = []
  let running = false

  async function drain(): Promise<void> {
    running = true
    try {
      await nextTurn()
      while (waiting.length > 0) {
        const some = waiting.slice(0, MAX_ITEMS)
        waiting = waiting.slice(MAX_ITEMS)
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
