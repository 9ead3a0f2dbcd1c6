/** The spendings of this worker that no published outcome accounts for yet. When Redis loses its data, the worker adds them again. */
import type { Spending } from './scripts.ts'

/** How long a spending is kept after its outcome was published, because a recovery may have read the outcomes just before. */
const KEEP_PUBLISHED_MS = 60_000
/** Bounds the memory; the oldest entries are dropped first. */
const MAX_ENTRIES = 20_000

/** @param now a monotonic clock, ms */
export function createJournal(now: () => number = () => performance.now()) {
  const entries = new Map<string, Spending>()
  /** When each id was published, by the clock `now`; in that order. */
  const published = new Map<string, number>()

  function granted(spending: Spending): void {
    entries.set(spending.id, spending)
    forgetPublished()
    for (const id of entries.keys()) {
      if (entries.size <= MAX_ENTRIES) break
      forget(id)
    }
  }

  /** @param tokens what was billed */
  function settled(id: string, tokens: number): void {
    const entry = entries.get(id)
    if (entry !== undefined) entry.tokens = tokens
  }

  /** The outcome that accounts for these grants is committed. */
  function markPublished(ids: string[]): void {
    for (const id of ids) {
      if (entries.has(id) && !published.has(id)) published.set(id, now())
    }
  }

  function forgetPublished(): void {
    const before = now() - KEEP_PUBLISHED_MS
    for (const [id, atMs] of published) {
      if (atMs > before) break
      forget(id)
    }
  }

  function forget(id: string): void {
    entries.delete(id)
    published.delete(id)
  }

  function spendings(): Spending[] {
    forgetPublished()
    return [...entries.values()]
  }

  return { granted, settled, published: markPublished, spendings }
}
