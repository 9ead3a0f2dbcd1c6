/** Makes one granted model call: takes the lease, calls, and reports the cost to the budget. attempt.ts reports to the gate. */
import type { Budget, Grant } from '../budget/budget.ts'
import type { ClaimOwner, Dedupe, Lease } from '../claims/dedupe.ts'
import type { FailureCode } from '../errors.ts'
import type { HandlerSignals } from '../kafka/messages.ts'
import type { Log } from '../logging/log.ts'
import type { Metrics } from '../ops/metrics.ts'
import type { Journey } from '../outcomes/effort.ts'
import { countAttempt, countCall } from '../outcomes/effort.ts'
import type { Provider } from '../provider/client.ts'
import type { Question, Reply } from '../provider/reply.ts'
import type { ModelAnswer } from '../scoring/answer.ts'
import { aftermath, warned } from './aftermath.ts'

export interface CallParts {
  dedupe: Pick<Dedupe, 'begin' | 'end'>
  budget: Pick<Budget, 'settle' | 'narrows' | 'narrow' | 'holdFor'>
  provider: Pick<Provider, 'ask' | 'address'>
  metrics: Pick<Metrics, 'callFinished'>
  log: Log
}

export interface Asked {
  id: bigint
  owner: ClaimOwner
  messages: Question['messages']
  schema: Question['schema']
  maxCompletionTokens: number
  trial: Question['trial']
  /** To reserve for the call: an estimate. The bill may be higher; `settle` then corrects the reservation. */
  tokens: number
  /** The call takes this user's turn and counts against this user's share of the day's budget. */
  user: string
  /** The message is suspected of killing its worker: no other call of this worker is in flight meanwhile. */
  alone: boolean
  journey: Journey
  /** The number of this attempt, from 1. A new run of the message, or asking for a second answer, begins at 1 again. */
  attempt: number
  /** Parses the model's text; null: unusable. Called before the report to the gate, which counts usable answers only. */
  read: (content: string) => ModelAnswer | null
}

/** The result of a call. */
export type Called =
  /** `promptTokens`: billed for this call; null when the provider did not say. */
  | {
      kind: 'answer'
      answer: ModelAnswer
      model: string
      promptTokens: number | null
      /** Gives the call's lease back without storing the answer, so that another call for the request may begin. */
      endLease: () => Promise<void>
    }
  | {
      kind: 'failure'
      code: FailureCode
      /** For the log: address, status or socket error, the provider's codes; nothing personal. */
      cause: string
      retryAfterMs: number | null
      next: Question['trial']
    }
  /**
   * The claim has changed: another message owns the id, or another run of this message has a call in flight, or has ended the message.
   * Claim again to learn which.
   */
  | { kind: 'changed' }
  /** The call was not made, for no fault of the request: try again at once. */
  | { kind: 'again' }

/** A 429 that names no time holds the fleet's calls for 1 s to 2 s. The request's own backoff begins there and grows. */
const UNHINTED_HOLD_MS = 1_000

/**
 * The longest hold that is taken over from the provider. A longer one is often wrong and would stop the fleet for hours, so calls
 * begin again after a minute. If the request is refused in the end, its caller is still told the provider's own time.
 */
const LONGEST_HOLD_MS = 3_600_000
const HOLD_INSTEAD_MS = 60_000

function holdMs(toldMs: number | null): number {
  if (toldMs === null) return UNHINTED_HOLD_MS * (1 + Math.random())
  return toldMs > LONGEST_HOLD_MS ? HOLD_INSTEAD_MS : toldMs
}

/** `accounted` resolves once the budget knows the cost, or could not be told; it never rejects. */
export interface CallEnd {
  called: Called
  accounted: Promise<void>
}

export class Calls {
  readonly #parts: CallParts

  constructor(parts: CallParts) {
    this.#parts = parts
  }

  /**
   * Makes the call.
   * @returns the result, and a promise that resolves once the budget knows the cost
   * @throws the reason of a signal that aborted. During the call: after the cost was told and the lease given back. During `begin`: at once;
   * the lease is then given back in the background, and the grant stays spent
   */
  async make(asked: Asked, grant: Grant, signals: HandlerSignals): Promise<CallEnd> {
    const { budget, dedupe, log } = this.#parts
    const begun = await dedupe.begin(asked.id, asked.owner, asked.alone, signals.wait)
    if (begun.kind === 'begun') return await this.#call(asked, grant, begun.lease, signals)
    await aftermath(signals.call, (signal) => budget.settle(grant, 0, signal)).catch(
      warned(log, 'could not give back a grant that was not used: it stays spent', asked.id),
    )
    return { called: { kind: 'changed' }, accounted: Promise.resolve() }
  }

  async #call(asked: Asked, grant: Grant, lease: Lease, signals: HandlerSignals): Promise<CallEnd> {
    const { budget, dedupe, provider, log } = this.#parts
    const { messages, schema, maxCompletionTokens, trial, journey } = asked
    const sinceMs = performance.now()
    let keepsLease = false
    let accounted = Promise.resolve()
    const endLease = () =>
      aftermath(signals.call, (signal) => dedupe.end(lease, signal)).catch(
        warned(log, 'could not release a lease: it will expire', asked.id),
      )
    try {
      const { sendByMs, slot } = grant
      const form = { messages, schema, maxCompletionTokens, trial }
      const reply = await provider.ask({ ...form, sendByMs, onSent: () => slot.sent(), signal: signals.call })
      const took = { sinceMs, tookMs: performance.now() - sinceMs }
      if (reply.kind === 'not_sent') log.warn('a grant came too late to be sent and is spent', { id: asked.id })
      countCall(journey, took.tookMs)
      accounted = this.#account(asked, grant, reply, signals)
      const called = calledBy(reply, asked, provider.address, endLease)
      this.#tell(asked, reply, called, took)
      if (called === null) throw signals.call.reason as Error
      keepsLease = called.kind === 'answer'
      // The next call may begin now, unless the provider's headers change what may be spent: then the budget must know first.
      if (keepsLease && 'limits' in reply && !budget.narrows(grant, reply.limits)) slot.release()
      return { called, accounted }
    } finally {
      if (!keepsLease) {
        await accounted
        await endLease()
      }
    }
  }

  /** Tells the journey and the budget what the call cost, and the budget what the provider says about its limits. */
  async #account({ id, journey }: Asked, grant: Grant, reply: Reply, signals: HandlerSignals): Promise<void> {
    const { budget, log } = this.#parts
    const sent = reply.kind === 'answer' || ('sent' in reply && reply.sent)
    const usage = 'usage' in reply ? reply.usage : null
    if (sent) countAttempt(journey, usage, grant.tokens)
    const tell = async (signal: AbortSignal) => {
      // A call that was sent may be billed in full, so without the provider's usage its reservation stays.
      await budget.settle(grant, usage?.totalTokens ?? (sent ? null : 0), signal)
      if (!('limits' in reply)) return
      await budget.narrow(grant, reply.limits, signal)
      if (reply.kind === 'failure' && reply.code === 'rate_limited') {
        await budget.holdFor(holdMs(reply.retryAfterMs), signal)
      }
    }
    await aftermath(signals.call, tell).catch(warned(log, 'could not update the budget after a call', id))
  }

  /**
   * Adds a call that was made to the trace, and to the metrics unless it was aborted.
   * @param called null: it was aborted
   */
  #tell(
    { journey, maxCompletionTokens }: Asked,
    reply: Reply,
    called: Called | null,
    took: { sinceMs: number; tookMs: number },
  ): void {
    const usage = 'usage' in reply ? reply.usage : null
    const model = reply.kind === 'answer' ? reply.model : null
    if (called?.kind === 'again' || called?.kind === 'changed') return
    const failure = called?.kind === 'failure' ? called.code : null
    if (called !== null) this.#parts.metrics.callFinished(failure ?? 'answered', took.tookMs, usage)
    journey.trace?.called({
      ...took,
      maxCompletionTokens,
      model,
      usage,
      failure: called === null ? 'aborted' : failure,
    })
  }
}

/** @returns null for a call that was aborted */
function calledBy(reply: Reply, asked: Asked, address: string, endLease: () => Promise<void>): Called | null {
  if (reply.kind === 'aborted') return null
  if (reply.kind === 'not_sent') return { kind: 'again' }
  const answer = reply.kind === 'answer' ? asked.read(reply.content) : null
  if (reply.kind === 'answer' && answer !== null) {
    const { model, usage } = reply
    return { kind: 'answer', answer, model, promptTokens: usage?.promptTokens ?? null, endLease }
  }
  const { code, detail, retryAfterMs, next } = reply.kind === 'failure' ? reply : UNUSABLE
  return { kind: 'failure', code, cause: `${detail} at ${address}`, retryAfterMs, next }
}

const UNUSABLE = {
  code: 'unusable_answer',
  detail: 'HTTP 200 with an answer of another form',
  retryAfterMs: null,
  next: null,
} as const
