/** Runs many operations of one kind in one script call, so that they share its cost. */
import { setTimeout as sleep } from 'node:timers/promises'
import { nextTurn } from '../lib/turns.ts'

/** Most items in one call. Redis serves nobody else during a call, and all its items continue here in one turn of the event loop. */
const MAX_ITEMS = 16

/** After a call with several items, the next call waits this long for more, ms: under load that saves more time than it takes. */
export const LINGER_MS = 10

/**
 * Waits until the turn of the event loop ends, or for `lingerMs`.
 * @param isBusy the last call held several items, and there is room for more
 */
export const untilGathered = (lingerMs: number, isBusy: boolean): Promise<void> =>
  lingerMs > 0 && isBusy ? sleep(lingerMs) : nextTurn()

export interface GroupCommitOptions {
  /** In place of `LINGER_MS`, ms; 0 for operations with a deadline. */
  lingerMs: number
}

/**
 * Calls `run` with the items that gathered in one turn of the event loop, during the previous call and, after a call with several items,
 * for `lingerMs` more.
 * @param run one call for several items: returns one result for each, in their order; when it rejects, all of its items reject
 * @returns a function that takes an item and resolves with its result
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
  /** Number of items in the last call. */
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
