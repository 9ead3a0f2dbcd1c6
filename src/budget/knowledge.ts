/** What this worker has seen of the budget's data, by which it notices that data was lost. */
import type { Log } from '../logging/log.ts'
import type { createJournal } from './journal.ts'
import type { Spending, Version } from './scripts.ts'

export interface KnowledgeOptions {
  journal: Pick<ReturnType<typeof createJournal>, 'spendings'>
  log: Log
  /** Adds spendings to the budget that is open now. */
  add: (spendings: Spending[], signal: AbortSignal) => Promise<void>
  /** Shuts the budget until it is rebuilt. */
  close: (signal: AbortSignal) => Promise<void>
  onLost: () => void
}

export function createKnowledge({ journal, log, add, close, onLost }: KnowledgeOptions) {
  let known: Version | null = null
  let isLost = false

  /**
   * Takes note of the data that a reply came from. When it is other data than before, this worker's own spendings are added.
   * @param version null: the budget is lost, or was never opened
   */
  async function learn(version: Version | null, signal: AbortSignal): Promise<void> {
    if (version === null) return sayLost()
    isLost = false
    const before = known
    if (before?.generation === version.generation) {
      known = { ...before, seq: Math.max(before.seq, version.seq) }
      return
    }
    known = { generation: version.generation, seq: version.seq }
    if (before === null) return
    if (version.generation.startsWith('new')) {
      // Another worker opened the budget as a new one before any worker that knew its data noticed the loss.
      await close(signal)
      return sayLost()
    }
    const spendings = journal.spendings()
    log.warn('the budget holds other data than before: adding what this worker spent', { spendings: spendings.length })
    await add(spendings, signal)
  }

  function sayLost(): void {
    // A budget that was never opened is not lost: the start of this worker opens it.
    if (isLost || known === null) return
    isLost = true
    log.error('the budget has lost data: nothing is granted until it is rebuilt')
    onLost()
  }

  return { learn, known: () => known }
}
