/**
 * The requests of this worker that wait for the budget, in a fair order: users take turns, and one user's requests keep the order in
 * which they came. Urgent requests go before all others.
 */

export interface FairLine<T> {
  /** @param user whose turn the item takes; with one user for all items they keep the order of arrival */
  add(item: T, user: string, urgent: boolean): void
  /** @returns whether it was in the line */
  remove(item: T): boolean
  /** @returns the next items, at most `count`; they stay in the line */
  next(count: number): T[]
  /**
   * Takes the item out, and ends its user's turn.
   * @returns whether it was in the line
   */
  served(item: T): boolean
  length(): number
  /** @returns how many users have items in the line */
  users(): number
}

/** @returns an empty line; adding, removing and serving take constant time */
export function createFairLine<T>(): FairLine<T> {
  const urgent = new Set<T>()
  /** Items by user; the first user has the next turn. */
  const byUser = new Map<string, Set<T>>()
  const userOf = new Map<T, string>()

  function remove(item: T): boolean {
    if (urgent.delete(item)) return true
    const user = userOf.get(item)
    if (user === undefined) return false
    userOf.delete(item)
    const items = byUser.get(user)
    items?.delete(item)
    if (items?.size === 0) byUser.delete(user)
    return true
  }

  return {
    add(item, user, isUrgent) {
      if (isUrgent) {
        urgent.add(item)
        return
      }
      userOf.set(item, user)
      const items = byUser.get(user)
      if (items === undefined) byUser.set(user, new Set([item]))
      else items.add(item)
    },
    remove,
    next(count) {
      const found = [...urgent].slice(0, count)
      let turns = [...byUser.values()].slice(0, count).map((items) => items.values())
      while (found.length < count && turns.length > 0) {
        const going: typeof turns = []
        for (const items of turns) {
          const { value, done } = items.next()
          if (done === true) continue
          if (found.length < count) found.push(value)
          going.push(items)
        }
        turns = going
      }
      return found
    },
    served(item) {
      const user = userOf.get(item)
      const wasThere = remove(item)
      const items = user === undefined ? undefined : byUser.get(user)
      if (user !== undefined && items !== undefined) {
        byUser.delete(user)
        byUser.set(user, items)
      }
      return wasThere
    },
    length: () => urgent.size + userOf.size,
    users: () => byUser.size,
  }
}
