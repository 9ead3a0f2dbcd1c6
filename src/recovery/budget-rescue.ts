/** Rebuilds a budget that is lost while the rest of Redis is there: recovery.ts then has nothing to do, or another budget's name. */
import { pause } from '../abortable.ts'
import type { Budget } from '../budget/budget.ts'
import type { FleetState } from '../redis/state.ts'
import type { OutcomeRecord } from './outcomes.ts'
import { createSpendingSums, readRecord } from './outcomes.ts'

/** Recovery is given so long to notice, and to make the budget good with all the rest. */
const PATIENCE_MS = 15_000
const DAY_MS = 86_400_000

export interface BudgetRescueParts {
  budget: Pick<Budget, 'status' | 'rebuild'>
  state: Pick<FleetState, 'isTrusted'>
  /** Reads the notifications topic, read committed, from `sinceMs` to its end. */
  readOutcomes: (options: {
    sinceMs: number
    onOutcome: (record: OutcomeRecord) => Promise<void>
    signal: AbortSignal
  }) => Promise<void>
  signal: AbortSignal
}

/**
 * @returns a function to be called when the budget is found lost: it waits for the recovery, and puts back what the last day's
 * outcomes tell when that has left the budget shut. It rejects with the signal's reason, or when Kafka or Redis fail.
 */
export function createBudgetRescue({ budget, state, readOutcomes, signal }: BudgetRescueParts) {
  return async (): Promise<void> => {
    await state.isTrusted(signal)
    await pause(PATIENCE_MS, signal)
    if ((await budget.status()).open) return
    const sums = createSpendingSums()
    const onOutcome = async (record: OutcomeRecord) => {
      const { spending } = readRecord(record)
      if (spending !== null) sums.add(spending)
    }
    await readOutcomes({ sinceMs: Date.now() - DAY_MS, onOutcome, signal })
    await budget.rebuild(sums.list(), signal)
  }
}
