/** Rebuilds a budget that recovery.ts does not restore: it alone was lost, or the recovery's leader uses a budget of another name. */
import { pause } from '../lib/abortable.ts'
import type { Budget } from '../budget/budget.ts'
import { kafkaReason } from '../kafka/kafka-error.ts'
import type { Log } from '../logging/log.ts'
import type { FleetState } from './trusted-state.ts'
import type { OutcomeRecord } from '../outcomes/read-back.ts'
import { createSpendingSums, readRecord } from '../outcomes/read-back.ts'

/** How long recovery gets to notice the loss and restore the budget along with everything else; also the pause between attempts. */
const PATIENCE_MS = 15_000
const DAY_MS = 86_400_000

export interface BudgetRescueParts {
  budget: Pick<Budget, 'status' | 'rebuild'>
  state: Pick<FleetState, 'untilTrusted'>
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
 * @returns a function to call whenever the budget is found lost. It waits for recovery; if the budget is still lost then, it rebuilds
 * the spending from the last day's outcomes. It tries until the budget is open, and rejects only with the signal's reason. Calls
 * during a run share that run's promise.
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
    await state.untilTrusted(signal)
    for (;;) {
      await pause(PATIENCE_MS, signal)
      try {
        if ((await budget.status()).open) return
        await rebuild()
      } catch (error) {
        signal.throwIfAborted()
        log.warn('the budget cannot be rebuilt yet', { reason: kafkaReason(error) })
      }
    }
  }

  return (): Promise<void> => (running ??= untilOpen().finally(() => (running = null)))
}
