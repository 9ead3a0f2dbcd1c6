/** Counts what a request costs: time, calls and tokens. For its log line, headers, trace and the metrics. */
import type { Usage } from '../provider/reply.ts'
import type { RequestTrace } from '../telemetry/trace.ts'

interface Counts {
  startedMs: number
  /** Time spent waiting for holds, another request's trial, trusted data, the budget or a slot, and in backoffs, ms. */
  waitedMs: number
  /** Time spent in calls, ms. */
  askedMs: number
  /** HTTP requests paid from the budget. */
  attempts: number
  /** Tokens billed for all attempts; the reserved tokens of an attempt whose usage the provider did not report. */
  billedTokens: number
  promptTokens: number
  completionTokens: number
  /** Ids of the budget's grants, which the outcome accounts for once it is committed. */
  grants: string[]
  /** null: no traces are wanted. */
  trace: RequestTrace | null
}

/** The counts so far. Only the functions of this file change them. */
export type Journey = Readonly<Omit<Counts, 'grants'>> & { readonly grants: readonly string[] }

export function startJourney(trace: RequestTrace | null = null): Journey {
  return {
    startedMs: performance.now(),
    waitedMs: 0,
    askedMs: 0,
    attempts: 0,
    billedTokens: 0,
    promptTokens: 0,
    completionTokens: 0,
    grants: [],
    trace,
  }
}

/** @param ms spent in a queue or a backoff */
export function countWait(journey: Journey, ms: number): void {
  ;(journey as Counts).waitedMs += ms
}

export function countGrant(journey: Journey, id: string): void {
  ;(journey as Counts).grants.push(id)
}

/** @param ms from the sending of a call to the end of its answer */
export function countCall(journey: Journey, ms: number): void {
  ;(journey as Counts).askedMs += ms
}

/**
 * Counts one attempt that was sent.
 * @param reserved the reserved tokens, which count when `usage` is null
 */
export function countAttempt(journey: Journey, usage: Usage | null, reserved: number): void {
  const counts = journey as Counts
  counts.attempts++
  counts.billedTokens += usage?.totalTokens ?? reserved
  counts.promptTokens += usage?.promptTokens ?? 0
  counts.completionTokens += usage?.completionTokens ?? 0
}

/** @returns the headers of every notification that say what the request cost; recovery rebuilds a lost budget from them */
export function effortHeaders({
  attempts,
  billedTokens,
}: Pick<Journey, 'attempts' | 'billedTokens'>): Record<string, string> {
  return { 'scoring-attempts': String(attempts), 'scoring-billed-tokens': String(billedTokens) }
}
