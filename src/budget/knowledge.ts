/** Notices that the budget lost data, by comparing each reply with what this worker has seen before. */
import type { Log } from '../logging/log.ts'
import type { createJournal } from './journal.ts'
import type { Spending, Version } from './scripts.ts'

export interface KnowledgeOptions {
  journal: Pick<ReturnType<typeof createJournal>, 'spendings'>
  log: Log
  /** Adds spendings to the budget that is in use now. */
  add: (spendings: Spending[], signal: AbortSignal) => Promise<void>
  /** Shuts the budget until it is rebuilt. */
  shut: (signal: AbortSignal) => Promise<void>
  onLost: () => void
}

export function createKnowledge({ journal, log, add, shut, onLost }: KnowledgeOptions) {
  let known: Version | null = null
  let isLost = false
  /** A generation that was created as new in place of the known one. */
  let distrusted: string | null = null

  /**
   * Compares a reply's data with what was seen before. Adds this worker's own spendings to other data than before, but shuts a budget
   * that was created as new in place of the known one.
   * @param version of the data that the reply came from; null: the budget is lost, or was never created
   * @returns whether what the reply grants may be used
   */
  async function learn(version: Version | null, signal: AbortSignal): Promise<boolean> {
    if (version === null) {
      sayLost()
      return false
    }
    isLost = false
    const before = known
    if (before?.generation === version.generation) {
      known = { ...before, seq: Math.max(before.seq, version.seq) }
      return version.generation !== distrusted
    }
    known = { generation: version.generation, seq: version.seq }
    if (before === null) return true
    if (version.generation.startsWith('new')) {
      // Another worker created the budget as new before a worker that had seen its data noticed the loss.
      distrusted = version.generation
      await shut(signal)
      sayLost()
      return false
    }
    const spendings = journal.spendings()
    log.warn('the budget holds other data than before: adding what this worker spent', { spendings: spendings.length })
    await add(spendings, signal)
    return true
  }

  function sayLost(): void {
    // A budget that was never created is not lost: the start of this worker creates it.
    if (isLost || known === null) return
    isLost = true
    log.error('the budget has lost data: nothing is granted until it is rebuilt')
    onLost()
  }

  return { learn, known: () => known }
}
