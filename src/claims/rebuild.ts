/** Rebuilds the marks and the budget, in the worker that leads a recovery. */
import { pause } from '../lib/abortable.ts'
import { kafkaReason } from '../kafka/kafka-error.ts'
import { createSettling } from '../kafka/settling.ts'
import type { Log } from '../logging/log.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { OutcomeRecord, Spending } from '../outcomes/read-back.ts'
import { createSpendingSums, readRecord } from '../outcomes/read-back.ts'

const DAY_MS = 86_400_000
/** The clocks of workers, brokers and Redis may differ by this much. */
const CLOCK_MARGIN_MS = 600_000
/** How long the budget stays closed: nobody knows what was spent in the last minute, so all of it counts as spent. */
const BUDGET_CLOSED_MS = 60_000
const MARKS_PER_STEP = 500

/** Ends a leader's term: another worker leads, or the data was lost again. */
export const DEPOSED = new Error('another worker leads the recovery')

export interface RebuildOptions {
  keys: RedisKeys
  log: Log
  /** The marks' life. */
  processedTtlMs: number
  /** See dedupe.ts. */
  reassertHeld: (signal: AbortSignal) => Promise<void>
  /** Reads the notifications topic, read committed, from `sinceMs` to its end as it was at the call. */
  readOutcomes: (options: {
    sinceMs: number
    onOutcome: (record: OutcomeRecord) => Promise<void>
    signal: AbortSignal
  }) => Promise<void>
  /** @returns whether the fleet has never worked: the group has no committed offsets, and the notifications topic is empty */
  firstEver: (signal: AbortSignal) => Promise<boolean>
  budget: {
    /** Creates a new budget, when there is nothing to rebuild. */
    initialise(signal: AbortSignal): Promise<void>
    /** Grants nothing for `ms`. */
    closeFor(ms: number, signal: AbortSignal): Promise<void>
    /** Adds the spendings of the last 24 h that Redis has lost; called once per recovery. */
    rebuild(spendings: Spending[], signal: AbortSignal): Promise<void>
  }
  /** How long live workers get to notice the loss and write their claims again, ms. */
  reassertMs: number
  /** The pause between attempts while Kafka is away, ms. */
  retryMs: number
}

export interface Term {
  /** Redis's data is complete up to this time of its clock, ms; 0 when it has none. */
  fromMs: number
  /** Redis's time at the beginning of the term, ms. */
  nowMs: number
  /** This worker has never seen data here. */
  mayBeNew: boolean
  /**
   * Sets marks with their remaining lives in ms; with `trusted` it declares the data trusted.
   * @returns whether writes of a live worker are missing
   * @throws DEPOSED when another worker leads or the data was lost again
   */
  step: (marks: string[], lives: number[], trusted: boolean) => Promise<boolean>
  signal: AbortSignal
}

/** @returns a function that rebuilds and declares the data trusted; it throws DEPOSED or the reason of the term's signal */
export function createRebuild(options: RebuildOptions) {
  const { keys, log, processedTtlMs, budget, firstEver, readOutcomes, reassertHeld, reassertMs, retryMs } = options

  return async (term: Term): Promise<void> => {
    const { fromMs, nowMs, step, signal } = term
    const persist = <T>(what: string, operation: () => Promise<T>) =>
      untilDone(what, operation, { log, retryMs, signal })
    if (fromMs === 0 && term.mayBeNew && (await persist('whether this is a new system', () => firstEver(signal)))) {
      await persist('creating the budget', () => budget.initialise(signal))
      await step([], [], true)
      log.info('a new system: nothing to rebuild')
      return
    }
    const startedMs = performance.now()
    log.warn('Redis lost data or was replaced: nothing is scored until it is rebuilt from the published outcomes', {
      knownUntil: fromMs === 0 ? 'nothing is left' : new Date(fromMs).toISOString(),
    })
    if (fromMs === 0) await persist('closing the budget', () => budget.closeFor(BUDGET_CLOSED_MS, signal))
    await reassertHeld(signal)
    const sinceMs = fromMs === 0 ? nowMs - Math.max(processedTtlMs, DAY_MS) : fromMs - CLOCK_MARGIN_MS
    // The last minutes are read after the wait, so they include what was committed meanwhile.
    const splitMs = nowMs - CLOCK_MARGIN_MS
    const older = await persist('reading the outcomes', () => restore(sinceMs, splitMs, term))
    await pause(Math.max(0, reassertMs - (performance.now() - startedMs)), signal)
    const newer = await persist('reading the last outcomes', () => restore(Math.max(sinceMs, splitMs), Infinity, term))
    const lost = (await step([], [], false)) || fromMs === 0
    if (lost) {
      // No worker has begun a call since the term began, so the time since then counts towards the minute.
      const closedMs = Math.max(0, BUDGET_CLOSED_MS - (performance.now() - startedMs))
      await persist('closing the budget', () => budget.closeFor(closedMs, signal))
      const lostMs = Math.max(fromMs, nowMs - DAY_MS)
      const spendings = [...older.spendings, ...newer.spendings].filter(({ atMs }) => atMs >= lostMs)
      await persist('rebuilding the budget', () => budget.rebuild(spendings, signal))
    }
    await step([], [], true)
    const tookMs = Math.round(performance.now() - startedMs)
    log.info('Redis is complete again', { lost, outcomesRead: older.count + newer.count, tookMs })
  }

  /** Marks the ids that were finished at or after `sinceMs` and before `untilMs`, and sums what the outcomes of that time cost. */
  async function restore(sinceMs: number, untilMs: number, { nowMs, step, signal }: Term) {
    const sums = createSpendingSums()
    let read = 0
    let marks: string[] = []
    let lives: number[] = []
    const onOutcome = async (record: OutcomeRecord) => {
      signal.throwIfAborted()
      if (record.timestampMs >= untilMs) return
      read++
      const { finishedId, spending } = readRecord(record)
      if (spending !== null) sums.add(spending)
      const lifeMs = Math.round(processedTtlMs - Math.max(0, nowMs - record.timestampMs))
      if (finishedId === null || lifeMs <= 0) return
      marks.push(keys.mark(finishedId))
      lives.push(lifeMs)
      if (marks.length < MARKS_PER_STEP) return
      const full = { marks, lives }
      marks = []
      lives = []
      await step(full.marks, full.lives, false)
    }
    if (sinceMs < untilMs) await readOutcomes({ sinceMs, onOutcome, signal })
    await step(marks, lives, false)
    return { count: read, spendings: sums.list() }
  }
}

/** Repeats `operation` until it succeeds or the term ends, because Kafka may be away too; logs that once. */
async function untilDone<T>(
  what: string,
  operation: () => Promise<T>,
  { log, retryMs, signal }: Pick<RebuildOptions, 'log' | 'retryMs'> & { signal: AbortSignal },
): Promise<T> {
  const settling = createSettling()
  for (;;) {
    try {
      return await operation()
    } catch (error) {
      signal.throwIfAborted()
      if (error === DEPOSED) throw error
      const level = settling.newsOf(error)
      if (level !== null)
        log[level](level === 'info' ? 'Kafka is not ready yet: waiting' : 'the recovery waits', {
          what,
          reason: kafkaReason(error),
        })
    }
    await pause(retryMs, signal)
  }
}
