/**
 * Decides whether a request is asked again after a failed call. Pure. Every request ends, however the provider behaves:
 *
 * - a failure that would only repeat itself (too long, refused, filtered, this text rejected) ends the request at once;
 * - after an unusable answer or a cut-off one, the worker asks once more: at most 3 calls that are billed in full. When a
 *   model's thinking used up the cap, it asks twice more, with a larger cap each time;
 * - when the server refuses a part of the form, the worker asks again without it, and after the second refusal without all
 *   parts that can be left out: 3 calls, 4 at most (trial.ts);
 * - after an answer that is no completion, the worker asks once more. When other requests get the same, the gate holds all of
 *   them, and they are asked again as in an outage;
 * - three failures end a request when others were answered since its first: the request is to blame, not the provider. Failures
 *   while the gate holds its calls do not count;
 * - 40 rate limits end a request, and so do 120 outages, timeouts or unclear rejections (some two hours, at a minute each);
 * - a refused key, route or configuration ends no request, however often it is probed: such a call costs nothing, and the gate
 *   lets one probe a minute of the whole fleet through. But when others are answered with the same key, route and configuration,
 *   three such failures end the request, like any three.
 *
 * The count starts anew when the worker restarts; the claim bounds how often a request may be started.
 */
import type { FailureCode } from '../errors.ts'
import { FAILURES } from '../errors.ts'
import type { FleetEvidence } from './gate-reports.ts'
import type { Trial } from './trial.ts'

/** A call that failed. */
export interface FailedCall {
  code: FailureCode
  /** As the provider asked for; null: it asked for no delay. */
  retryAfterMs: number | null
  evidence: FleetEvidence
  /** How to ask in another form or with a larger cap; null: that is impossible or not needed. */
  next: Trial | null
}

export type Step =
  /** `longer`: with a higher cap for the answer than the first attempt had. */
  { kind: 'retry'; afterMs: number; longer: boolean } | { kind: 'give_up'; code: FailureCode }

const BACKOFF_MS = [2_000, 8_000, 30_000, 60_000]
/** After this many failures while others are answered, the request itself is to blame. */
const OWN_FAILURES = 3

/**
 * @param failures of this request in this worker, oldest first, at least one
 * @param random 0 to 1
 */
export function nextStep(failures: readonly FailedCall[], random: () => number = Math.random): Step {
  const last = failures.at(-1)
  if (last === undefined) throw new TypeError('nothing has failed')
  const { retry, most } = FAILURES[last.code]
  const times = failures.filter(({ code }) => code === last.code).length
  const shared = last.code === 'no_completion' && last.evidence.held && times < FAILURES.outage.most
  if (last.code === 'thought_out' && last.next === null) return { kind: 'give_up', code: last.code }
  if (most !== null && times >= most && !shared) return { kind: 'give_up', code: last.code }
  // When others are answered with the same configuration, the provider rejects this text.
  const configurationWorks = last.evidence.successes > 0
  if (last.code === 'unclear_rejection' && configurationWorks) return { kind: 'give_up', code: 'rejected_text' }
  if (isOwn(failures)) return { kind: 'give_up', code: last.code === 'bad_configuration' ? 'rejected_text' : last.code }
  const longer = failures.some(({ code }) => code === 'cut_off')
  return { kind: 'retry', afterMs: retry === 'at_once' && !shared ? 0 : waitMs(last, times, random()), longer }
}

/** Whether the request failed three times while not held, and others were answered since its first failure. */
function isOwn(failures: readonly FailedCall[]): boolean {
  const comparable = failures.filter(({ code, evidence }) => {
    const { retry, hold } = FAILURES[code]
    // All requests share a rate limit, so it says nothing about this text.
    return retry === 'backoff' && hold !== 'budget' && evidence.scopes === failures.at(-1)?.evidence.scopes
  })
  const last = comparable.at(-1)
  if (last === undefined || last !== failures.at(-1) || last.evidence.held) return false
  const outsideHolds = comparable.filter(({ evidence }) => !evidence.held)
  const othersAnswered = comparable.some(({ evidence }) => evidence.successes < last.evidence.successes)
  return outsideHolds.length >= OWN_FAILURES && othersAnswered
}

function waitMs({ code, retryAfterMs, evidence }: FailedCall, times: number, random: number): number {
  const backoffMs = (BACKOFF_MS[Math.min(times, BACKOFF_MS.length) - 1] ?? 0) * (0.5 + random / 2)
  // The gate sets the pace; the request goes to the end of its line.
  if (evidence.held) return 250 * random
  // The budget already holds every request, this one included, for the delay that the provider asked for.
  if (code === 'rate_limited' && retryAfterMs !== null && times === 1) return 0
  const askedMs = code === 'rate_limited' ? 0 : (retryAfterMs ?? 0)
  return Math.max(backoffMs, Math.min(askedMs, BACKOFF_MS.at(-1) ?? 0))
}
