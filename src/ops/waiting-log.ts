/** Logs while requests wait for the budget, and every five minutes how many requests ended in which way. */
import type { Budget } from '../budget/budget.ts'
import type { BudgetStatus } from '../budget/status.ts'
import { blocksOf } from '../budget/status.ts'
import type { Log, LogFields } from '../logging/log.ts'
import { blockReason } from './status-lines.ts'

const TICK_MS = 1_000
/** Shorter waits come from the budget's even pace and are not worth a line. */
const WORTH_TELLING_MS = 2_000
/** Intervals between the lines while requests keep waiting; the last one repeats. */
const TELL_AGAIN_MS = [30_000, 60_000, 120_000, 300_000, 600_000]
/** The wait is over when nobody has waited for this long. */
const OVER_AFTER_MS = 2_000
const SUMMARY_EVERY_MS = 300_000

export interface WaitingParts {
  budget: Pick<Budget, 'nextTurnInMs' | 'status'>
  /** How many requests of this worker wait at the entrance, for the budget or for a call's slot. */
  waiting: () => number
  log: Log
  /** performance.now() */
  now?: () => number
}

/** @returns a function to call once a second; it logs when waiting begins, at growing intervals while it lasts, and when it is over */
export function createWaitingTeller({ budget, waiting, log, now = () => performance.now() }: WaitingParts): () => void {
  let sinceMs: number | null = null
  let lastWaitMs = 0
  let told = 0
  let tellAtMs = 0

  async function tell(nextInMs: number, waitedMs: number): Promise<void> {
    const cause = await budget.status().then(causeOf, () => ({}))
    const next = { waiting: waiting(), nextInSeconds: Math.ceil(nextInMs / 1_000) }
    log.info('requests wait for the budget', { ...next, ...cause, ...since(waitedMs) })
  }

  return () => {
    const nowMs = now()
    const nextInMs = budget.nextTurnInMs()
    if (nextInMs === null) {
      if (sinceMs === null || nowMs - lastWaitMs < OVER_AFTER_MS) return
      if (told > 0) log.info('no request waits for the budget any more', since(lastWaitMs - sinceMs))
      sinceMs = null
      told = 0
      return
    }
    sinceMs ??= nowMs
    lastWaitMs = nowMs
    const isLong = nextInMs >= WORTH_TELLING_MS || nowMs - sinceMs >= WORTH_TELLING_MS
    if (!isLong || (told > 0 && nowMs < tellAtMs)) return
    tellAtMs = nowMs + (TELL_AGAIN_MS[Math.min(told, TELL_AGAIN_MS.length - 1)] ?? 0)
    told++
    void tell(nextInMs, nowMs - sinceMs)
  }
}

const since = (ms: number): LogFields => (ms < 1_000 ? {} : { forSeconds: Math.round(ms / 1_000) })

/**
 * @returns `spent`: the exhausted axes, such as `requestsPerMinute 3/3`; `because`: why it is held or closed; `used`: how full it is,
 * when neither is the cause (the rest is too small for the next request, or the pace is even)
 */
function causeOf(status: BudgetStatus): LogFields {
  const spent = status.axes.filter(({ free }) => free === 0)
  const others = blocksOf(status).filter(({ kind }) => kind !== 'spent')
  if (spent.length + others.length === 0) return { used: usedTexts(status) }
  return {
    ...(spent.length === 0 ? {} : { spent: spent.map(usedText).join(', ') }),
    ...(others.length === 0 ? {} : { because: others.map(blockReason).join('; ') }),
  }
}

/** Axes without a limit are left out. */
const usedTexts = ({ axes }: BudgetStatus) =>
  axes
    .filter(({ limit }) => limit !== null)
    .map(usedText)
    .join(', ') || 'unlimited'

const usedText = ({ axis, used, usedElsewhere, limit }: BudgetStatus['axes'][number]) =>
  `${axis} ${used + usedElsewhere}/${limit ?? 'unlimited'}`

/** How many messages ended in which way since the start, by the label `outcome` of the metrics. */
export type Totals = Readonly<Record<string, number>>

/** Endings that do not count as failures. */
const NO_FAILURE = new Set(['success', 'refused', 'duplicate', 'dead_letter'])

/** @returns the fields of a line about the messages that ended between two totals */
export function summaryOf(before: Totals, after: Totals): LogFields {
  const gained = (outcome: string) => (after[outcome] ?? 0) - (before[outcome] ?? 0)
  const failed = Object.keys(after).reduce((sum, each) => sum + (NO_FAILURE.has(each) ? 0 : gained(each)), 0)
  return {
    done: gained('success'),
    failed,
    refused: gained('refused'),
    duplicates: gained('duplicate'),
    deadLetters: gained('dead_letter'),
  }
}

export interface SummaryParts extends WaitingParts {
  totals: () => Totals
}

/** Starts both kinds of lines. @returns a function that ends them */
export function startWaitingLog(parts: SummaryParts): () => void {
  const { budget, waiting, totals, log } = parts
  const teller = setInterval(createWaitingTeller(parts), TICK_MS)
  let before = totals()
  const summarise = async () => {
    const after = totals()
    const fields = summaryOf(before, after)
    before = after
    const used = await budget.status().then(usedTexts, () => 'unknown')
    log.info('the last five minutes', { ...fields, waiting: waiting(), budget: used })
  }
  const summary = setInterval(() => void summarise(), SUMMARY_EVERY_MS)
  return () => {
    clearInterval(teller)
    clearInterval(summary)
  }
}
