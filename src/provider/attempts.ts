/**
 * How a request goes on after a failed attempt. Pure. The bounds, which end every request however the provider behaves:
 *
 * - a failure that would only repeat itself (too long, refused, filtered, this text rejected) ends it at once;
 * - an unusable answer and one that was cut off are each asked for once more: 3 model calls that are billed in full, at the
 *   most; one whose cap a model's thinking used up twice more, with a larger cap each time;
 * - a refused part of the form is given up at once, and after the second refusal all parts that can be: 3 calls (trial.ts);
 * - an answer that is no completion at all is asked for once more, too, unless other requests meet the same: then the gate holds
 *   all of them, and none ends;
 * - three failures, with others answered since the first, end it: the request is to blame, not the provider. Failures while the
 *   gate holds its calls do not count;
 * - 40 refusals for the rate limit, 120 failures or timeouts with nobody else answered (some two hours, at a minute each);
 * - a key, way out or configuration that is refused ends no request by itself, however often it is probed: nothing is billed
 *   for it, and the gate lets one probe a minute of the whole fleet through. Only where others are answered with the same key,
 *   way and configuration in between, three such refusals are the request's own, like any three failures.
 *
 * A restart of the worker starts the count anew; how often a request may start is bounded by its claim.
 */
import type { FailureCode } from '../errors.ts'
import { FAILURES } from '../errors.ts'
import type { Evidence } from './gate.ts'
import type { Trial } from './trial.ts'

/** One attempt that failed. */
export interface Failure {
  code: FailureCode
  /** As the provider told, null for nothing told. */
  retryAfterMs: number | null
  evidence: Evidence
  /** How to ask in another form or with a larger cap; null: there is no other way, or no need. */
  next: Trial | null
}

export type Step =
  /** `longer`: with a higher cap for the answer than the first attempt had. */
  { kind: 'retry'; afterMs: number; longer: boolean } | { kind: 'give_up'; code: FailureCode }

const BACKOFF_MS = [2_000, 8_000, 30_000, 60_000]
/** How many failures, while others are answered, are blamed on the request. */
const OWN_FAILURES = 3

/**
 * @param failures of this request in this worker, oldest first, at least one
 * @param random 0 to 1
 */
export function nextStep(failures: readonly Failure[], random: () => number = Math.random): Step {
  const last = failures.at(-1)
  if (last === undefined) throw new TypeError('nothing has failed')
  const { retry, most } = FAILURES[last.code]
  const times = failures.filter(({ code }) => code === last.code).length
  const shared = last.code === 'no_completion' && last.evidence.held && times < FAILURES.outage.most
  if (last.code === 'thought_out' && last.next === null) return { kind: 'give_up', code: last.code }
  if (most !== null && times >= most && !shared) return { kind: 'give_up', code: last.code }
  // Others are answered with the same configuration, so the provider rejects this text.
  const configurationWorks = last.evidence.successes > 0
  if (last.code === 'unclear_rejection' && configurationWorks) return { kind: 'give_up', code: 'rejected_text' }
  if (isOwn(failures)) return { kind: 'give_up', code: last.code === 'bad_configuration' ? 'rejected_text' : last.code }
  const longer = failures.some(({ code }) => code === 'cut_off')
  return { kind: 'retry', afterMs: retry === 'at_once' && !shared ? 0 : waitMs(last, times, random()), longer }
}

/** Whether the request has failed three times outside of holds, and others were answered since it failed first. */
function isOwn(failures: readonly Failure[]): boolean {
  const comparable = failures.filter(({ code, evidence }) => {
    const { retry, hold } = FAILURES[code]
    // A rate limit says nothing about the text: all requests share it.
    return retry === 'backoff' && hold !== 'budget' && evidence.scopes === failures.at(-1)?.evidence.scopes
  })
  const last = comparable.at(-1)
  if (last === undefined || last !== failures.at(-1) || last.evidence.held) return false
  const outsideHolds = comparable.filter(({ evidence }) => !evidence.held)
  const othersAnswered = comparable.some(({ evidence }) => evidence.successes < last.evidence.successes)
  return outsideHolds.length >= OWN_FAILURES && othersAnswered
}

function waitMs({ code, retryAfterMs, evidence }: Failure, times: number, random: number): number {
  const backoffMs = (BACKOFF_MS[Math.min(times, BACKOFF_MS.length) - 1] ?? 0) * (0.5 + random / 2)
  // The gate sets the pace, and the request goes to the end of its line.
  if (evidence.held) return 250 * random
  // The budget already holds every request for so long, this one included.
  if (code === 'rate_limited' && retryAfterMs !== null && times === 1) return 0
  const toldMs = code === 'rate_limited' ? 0 : (retryAfterMs ?? 0)
  return Math.max(backoffMs, Math.min(toldMs, BACKOFF_MS.at(-1) ?? 0))
}
