/** Rebuilds a budget that is lost while the rest of Redis is there: recovery.ts then has nothing to do, or another budget's name. */
import { pause } from '../lib/abortable.ts'
import type { Budget } from '../budget/budget.ts'
import type { Log } from '../logging/log.ts'
import type { FleetState } from './trusted-state.ts'
import type { OutcomeRecord } from '../outcomes/read-back.ts'
import { createSpendingSums, readRecord } from '../outcomes/read-back.ts'

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
  log: Log
  signal: AbortSignal
}

/**
 * @returns a function to be called whenever the budget is found lost: it waits for the recovery, and puts back what the last
 * day's outcomes tell when that has left the budget shut. It goes on until the budget is open, and rejects with the signal's
 * reason only; called meanwhile, it gives the same promise.
 */
export function createBudgetRescue({ budget, state, readOutcomes, log, signal }: BudgetRescueParts) {
  let running: Promise<void> | null = null

  async function rebuild(): Promise<void> {
    const sums = createSpendingSums()
    const onOutcome = async (record: OutcomeRecord) => {
      const { spending } = readRecord(record)
      if (spending !== null) sums.add(spending)
    }
    await readOutcomes({ sinceMs: Date.now() - DAY_MS, onOutcome, signal })
    await budget.rebuild(sums.list(), signal)
  }

  async function untilOpen(): Promise<void> {
    await state.isTrusted(signal)
    for (;;) {
      await pause(PATIENCE_MS, signal)
      try {
        if ((await budget.status()).open) return
        await rebuild()
      } catch (error) {
        signal.throwIfAborted()
        log.warn('the budget cannot be rebuilt yet', { reason: (error as Error).message })
      }
    }
  }

  return (): Promise<void> => (running ??= untilOpen().finally(() => (running = null)))
}
