/** Runs many operations of one kind in one script call, so that they share its cost. */
import { setTimeout as sleep } from 'node:timers/promises'
import { nextTurn } from '../lib/turns.ts'

/** Most items in one call. Redis serves nobody else during a call, and all its items continue here in one turn of the event loop. */
const MAX_ITEMS = 16

/** Soon after a call with several items, the next call waits this long for more, ms: under load that saves more time than it takes. */
const LINGER_MS = 10

/**
 * How long after a call with several items more are expected, ms. Under load they come within a few ms, or within tens of them where the
 * event loop is busy. Later the load is over, and a single item would wait in vain.
 */
export const LOAD_LASTS_MS = 100

/** Decides before each call of one kind whether to wait for more items. */
export class Gathering {
  readonly #lingerMs: number
  readonly #now: () => number
  /** When the last call ended, if it held several items. */
  #severalAtMs = -Infinity

  /**
   * @param lingerMs how long a call waits for more items under load; 0 for operations with a deadline
   * @param now a clock, ms
   */
  constructor(lingerMs = LINGER_MS, now: () => number = () => performance.now()) {
    this.#lingerMs = lingerMs
    this.#now = now
  }

  /**
   * Waits until the turn of the event loop ends; soon after a call with several items, for the linger time.
   * @param hasRoom whether the next call can take more items
   */
  gathered(hasRoom = true): Promise<void> {
    const isBusy = this.#now() - this.#severalAtMs < LOAD_LASTS_MS
    return this.#lingerMs > 0 && hasRoom && isBusy ? sleep(this.#lingerMs) : nextTurn()
  }

  /** A call with so many items has ended. */
  called(count: number): void {
    this.#severalAtMs = count > 1 ? this.#now() : -Infinity
  }
}

/**
 * Calls `run` with the items that gathered during the previous call, and for as long as `gathering` says after it.
 * @param run one call for several items: returns one result for each, in their order; when it rejects, all of its items reject
 * @returns a function that takes an item and resolves with its result
 */
export function groupCommit<Item, Result>(
  run: (items: readonly Item[]) => Promise<readonly Result[]>,
  gathering = new Gathering(),
) {
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
      while (waiting.length > 0) {
        await gathering.gathered(waiting.length < MAX_ITEMS)
        const some = waiting.slice(0, MAX_ITEMS)
        waiting = waiting.slice(MAX_ITEMS)
        try {
          const results = await run(some.map(({ item }) => item))
          if (results.length !== some.length) throw new TypeError('a call gave another number of results than items')
          for (const [index, { resolve }] of some.entries()) resolve(results[index] as Result)
        } catch (error) {
          for (const { reject } of some) reject(error)
        }
        gathering.called(some.length)
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
