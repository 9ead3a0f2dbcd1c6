/** What another VERDICT_MIN_SCORE would have decided, from the records alone. */
import type { Verdict } from '../contracts.ts'
import type { DecisionRecord } from '../scoring/decision-record.ts'
import { verdictOf } from '../scoring/verify.ts'

/** The fields of a record that decide. */
export type Decided = Pick<DecisionRecord, 'processing_id' | 'score' | 'verdict'>

export interface Flip {
  processingId: bigint
  score: number
  from: Verdict
  to: Verdict
}

export interface Redecided {
  /** Number of requests; where one has several records, the last counts. */
  decisions: number
  flips: Flip[]
  /** Flips to a positive verdict, and to a negative one. */
  accepted: number
  rejected: number
}

/** @param threshold from this score on a verdict is positive, 0 to 100 */
export function redecide(records: Iterable<Decided>, threshold: number): Redecided {
  const last = new Map<bigint, Decided>()
  for (const record of records) last.set(record.processing_id, record)
  const flips = [...last.values()].flatMap(({ processing_id: processingId, score, verdict: from }) => {
    const to = verdictOf(score, threshold)
    return to === from ? [] : [{ processingId, score, from, to }]
  })
  const accepted = flips.filter(({ to }) => to === 'Подходит').length
  return { decisions: last.size, flips, accepted, rejected: flips.length - accepted }
}
