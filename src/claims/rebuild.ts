/** The work of the worker that leads a recovery. */
import { pause } from '../lib/abortable.ts'
import type { Log } from '../logging/log.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { OutcomeRecord, Spending } from '../outcomes/read-back.ts'
import { createSpendingSums, readRecord } from '../outcomes/read-back.ts'

const DAY_MS = 86_400_000
/** Clocks of workers, brokers and Redis may differ by so much. */
const CLOCK_MARGIN_MS = 600_000
/** Every request and token of the lost minute counts as spent. */
const BUDGET_CLOSED_MS = 60_000
const MARKS_PER_STEP = 500

/** Ends a leader's term: another worker leads, or the data was lost once more. */
export const DEPOSED = new Error('another worker leads the recovery')

export interface RebuildOptions {
  keys: RedisKeys
  log: Log
  /** The marks' life. */
  processedTtlMs: number
  /** dedupe's. */
  reassertHeld: (signal: AbortSignal) => Promise<void>
  /** Reads the notifications topic, read committed, from `sinceMs` to its end as it was at the call. */
  readOutcomes: (options: {
    sinceMs: number
    onOutcome: (record: OutcomeRecord) => Promise<void>
    signal: AbortSignal
  }) => Promise<void>
  /** Whether the fleet has never done anything: the group has no committed offsets, and the notifications topic is empty. */
  firstEver: (signal: AbortSignal) => Promise<boolean>
  budget: {
    /** There is nothing to rebuild. */
    open(signal: AbortSignal): Promise<void>
    /** Nothing is granted for so long. */
    closeFor(ms: number, signal: AbortSignal): Promise<void>
    /** What Redis has lost of the last 24 h; called once per recovery. */
    rebuild(spendings: Spending[], signal: AbortSignal): Promise<void>
  }
  /** For the living to notice, and to write their claims again, ms. */
  reassertMs: number
  /** Between attempts while Kafka is away, ms. */
  retryMs: number
}

export interface Term {
  /** Redis's time of the last thing that it still knows, ms; 0 when it knows nothing. */
  fromMs: number
  /** Redis's time at the beginning of the term, ms. */
  nowMs: number
  /** This worker has never seen data here. */
  mayBeNew: boolean
  /**
   * Sets marks with their remaining lives in ms, and opens the fleet when told so.
   * @returns whether writes that a living worker made are missing
   * @throws DEPOSED
   */
  step: (marks: string[], lives: number[], open: boolean) => Promise<boolean>
  signal: AbortSignal
}

/** @returns a function that rebuilds and opens, or throws DEPOSED or the term's signal's reason */
export function createRebuild(options: RebuildOptions) {
  const { keys, log, processedTtlMs, budget, firstEver, readOutcomes, reassertHeld, reassertMs, retryMs } = options

  return async (term: Term): Promise<void> => {
    const { fromMs, nowMs, step, signal } = term
    const persist = <T>(what: string, operation: () => Promise<T>) => untilDone(what, operation, signal)
    if (fromMs === 0 && term.mayBeNew && (await persist('whether this is a new system', () => firstEver(signal)))) {
      await persist('opening the budget', () => budget.open(signal))
      await step([], [], true)
      log.info('a new system: nothing to rebuild')
      return
    }
    const startedMs = performance.now()
    log.warn('Redis lost data or was replaced: nothing is scored until that is made good from the published outcomes', {
      knownUntil: fromMs === 0 ? 'nothing is left' : new Date(fromMs).toISOString(),
    })
    if (fromMs === 0) await persist('closing the budget', () => budget.closeFor(BUDGET_CLOSED_MS, signal))
    await reassertHeld(signal)
    const sinceMs = fromMs === 0 ? nowMs - Math.max(processedTtlMs, DAY_MS) : fromMs - CLOCK_MARGIN_MS
    // The last minutes are read after the wait, with what was committed meanwhile.
    const splitMs = nowMs - CLOCK_MARGIN_MS
    const older = await persist('reading the outcomes', () => restore(sinceMs, splitMs, term))
    await pause(Math.max(0, reassertMs - (performance.now() - startedMs)), signal)
    const newer = await persist('reading the last outcomes', () => restore(Math.max(sinceMs, splitMs), Infinity, term))
    const lost = (await step([], [], false)) || fromMs === 0
    if (lost) {
      // No call was begun since the term began.
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

  /** Marks the ids that were finished from `sinceMs` on, and before `untilMs`. */
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

  /** Kafka may be away, too: says so once, and tries until the term ends. */
  async function untilDone<T>(what: string, operation: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let said = false; ; said = true) {
      try {
        return await operation()
      } catch (error) {
        signal.throwIfAborted()
        if (error === DEPOSED) throw error
        if (!said) log.warn('the recovery waits', { what, reason: (error as Error).message })
      }
      await pause(retryMs, signal)
    }
  }
}
