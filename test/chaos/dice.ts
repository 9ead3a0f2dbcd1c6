/** Repeatable random numbers: the same seed gives the same sequence. */

export type Dice = ReturnType<typeof createDice>

/** @param seed any whole number (mulberry32 takes its lower 32 bits) */
export function createDice(seed: number) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    /** @returns from 0 to below 1 */
    fraction: next,
    chance: (probability: number) => next() < probability,
    /** @returns a whole number, both ends included */
    between: (least: number, most: number) => least + Math.floor(next() * (most - least + 1)),
    /** @returns one of the items by their weights, the first numbers of the pairs */
    pick<T>(weighted: readonly (readonly [number, T])[]): T {
      let left = next() * weighted.reduce((sum, [weight]) => sum + weight, 0)
      for (const [weight, item] of weighted) {
        left -= weight
        if (left < 0) return item
      }
      throw new RangeError('nothing to pick from')
    },
  }
}
