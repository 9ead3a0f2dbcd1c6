/** Decides which fault each request gets. */
import type { Fault, FaultName, FaultOptions } from './faults.ts'
import { FAULTS } from './faults.ts'

/** A period with a fault. It ends when any of its bounds is reached; without bounds it lasts until it is lifted. */
export interface Spell extends FaultOptions {
  fault: FaultName
  /** How many requests it affects. */
  count?: number
  /** How long it lasts from now, ms. */
  forMs?: number
  /** Only requests whose texts contain this. */
  match?: string
  /** Only requests with this key. */
  key?: string
  /** Only every nth of those. */
  every?: number
}

export interface Trouble {
  name: string
  fault: Fault
  options: FaultOptions
}

/** The facts of a request that decide which fault it gets. */
export interface Suspect {
  /** All texts of its prompt. */
  texts: readonly string[]
  /** The hash of its texts, by which its attempts are counted. */
  hash: string
  key: string
  /** The fault that the prompt asks for: `[[stub:...]]`. */
  wish: { fault: string; attempts: number } | null
}

/** How many requests that ask for a fault are remembered, with their attempts. */
const REMEMBERED = 10_000

/** @param now ms of a clock that never goes back */
export function createMisbehaviour(now: () => number) {
  let spells: (Spell & { id: number; endsAtMs: number; left: number; seen: number })[] = []
  const attempts = new Map<string, number>()
  let lastId = 0

  const wished = ({ wish, hash }: Suspect): Trouble | null => {
    const fault = wish === null ? undefined : FAULTS[wish.fault]
    if (wish === null || fault === undefined) return null
    const attempt = (attempts.get(hash) ?? 0) + 1
    attempts.delete(hash)
    attempts.set(hash, attempt)
    const oldest = attempts.keys().next()
    if (attempts.size > REMEMBERED && oldest.done === false) attempts.delete(oldest.value)
    return attempt <= wish.attempts ? { name: wish.fault, fault, options: {} } : null
  }

  const concerns = (spell: Spell, { texts, key }: Suspect) =>
    (spell.key === undefined || spell.key === key) &&
    (spell.match === undefined || texts.some((text) => text.includes(spell.match ?? '')))

  return {
    /** @returns a number by which the spell can be lifted */
    start: (spell: Spell): number => {
      lastId += 1
      const endsAtMs = spell.forMs === undefined ? Number.POSITIVE_INFINITY : now() + spell.forMs
      spells.push({ ...spell, id: lastId, endsAtMs, left: spell.count ?? Number.POSITIVE_INFINITY, seen: 0 })
      return lastId
    },
    /** Lifts one spell, or all. */
    lift: (id?: number): void => {
      spells = id === undefined ? [] : spells.filter((spell) => spell.id !== id)
    },
    active: () => spells.map(({ id, fault, match, left, seen }) => ({ id, fault, match, left, seen })),
    /**
     * Finds and counts the fault of a request: the one that its prompt asks for, else that of the oldest matching spell.
     * @param applies tells whether a fault can apply to the request; a spell whose fault cannot does not count the request
     * @returns the fault; null for none
     */
    meet: (suspect: Suspect, applies: (trouble: Trouble) => boolean): Trouble | null => {
      const own = wished(suspect)
      if (own !== null && applies(own)) return own
      if (spells.length === 0) return null
      const nowMs = now()
      spells = spells.filter(({ endsAtMs, left }) => endsAtMs > nowMs && left > 0)
      for (const spell of spells) {
        const fault = FAULTS[spell.fault]
        if (fault === undefined || !concerns(spell, suspect)) continue
        const trouble: Trouble = { name: spell.fault, fault, options: spell }
        if (!applies(trouble)) continue
        spell.seen += 1
        if (spell.seen % (spell.every ?? 1) !== 0) continue
        spell.left -= 1
        return trouble
      }
      return null
    },
  }
}

export type Misbehaviour = ReturnType<typeof createMisbehaviour>
