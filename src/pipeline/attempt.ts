/**
 * One attempt to get an answer, paid from the budget: gate → budget and slot → lease → call → settlement → gate.
 * The loop over attempts is asking.ts's, and what becomes of the answer is pipeline.ts's.
 */
import { bounded } from '../lib/abortable.ts'
import type { Budget, Grant, Reservation } from '../budget/budget.ts'
import type { ClaimOwner, Dedupe, Lease } from '../claims/dedupe.ts'
import type { FailureCode } from '../errors.ts'
import type { Journey } from '../outcomes/effort.ts'
import { countAttempt, countCall, countGrant, countWait } from '../outcomes/effort.ts'
import type { HandlerSignals } from '../kafka/messages.ts'
import type { Log } from '../logging/log.ts'
import type { Metrics } from '../ops/metrics.ts'
import type { Provider } from '../provider/client.ts'
import type { Evidence, Gate } from '../provider/gate.ts'
import type { Pass } from '../provider/gate-scripts.ts'
import type { Outcome as GateOutcome } from '../provider/holds.ts'
import type { Question, Reply } from '../provider/reply.ts'
import type { ModelAnswer } from '../scoring/answer.ts'

export interface AskParts {
  dedupe: Pick<Dedupe, 'begin' | 'end'>
  budget: Pick<Budget, 'neverFits' | 'reserve' | 'settle' | 'narrows' | 'narrow' | 'holdFor'>
  gate: Pick<Gate, 'enter' | 'report'>
  provider: Pick<Provider, 'ask' | 'address'>
  /** Resolves when Redis's data can be trusted: a grant taken before could not be used in time. */
  trusted: (signal: AbortSignal) => Promise<void>
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
  /** The most that the call can be billed. */
  tokens: number
  /** Whose turn, and share of a day, it takes. */
  user: string
  /** It is suspected of killing its worker: nothing else is in flight meanwhile. */
  alone: boolean
  journey: Journey
  /** The number of this attempt, from 1; a restart of the worker begins anew. */
  attempt: number
  /** Reads what the model said while the attempt is still this request's: whether it can be used decides what the gate is told. */
  read: (content: string) => ModelAnswer | null
}

export type Attempt =
  /** `promptTokens`: as billed for this attempt; null: not told. */
  | {
      kind: 'answer'
      answer: ModelAnswer
      model: string
      promptTokens: number | null
      /** The call's lease is kept until the answer is stored, unless this gives it back, so that another call may begin. */
      endLease: () => Promise<void>
    }
  | {
      kind: 'failure'
      code: FailureCode
      /** For the log: address, status or socket error, the provider's codes; nothing personal. */
      cause: string
      retryAfterMs: number | null
      evidence: Evidence
      next: Question['trial']
    }
  | { kind: 'refused'; waitMs: number }
  | { kind: 'too_long' }
  /** The claim passed to another message, or its answer is there: claim again to see. */
  | { kind: 'changed' }
  /** The call was not made, for no fault of the request: again at once. */
  | { kind: 'again' }

/** A 429 that does not say for how long holds the fleet for one to two seconds; the request itself backs off further. */
const UNHINTED_HOLD_MS = 1_000

/**
 * One that tells of hours is often wrong, and would stop the fleet for as long: it is asked again by a probe soon. The caller of
 * a request that ends by it is told what the provider told.
 */
const LONGEST_HOLD_MS = 3_600_000
const PROBE_AFTER_MS = 60_000

function holdMs(toldMs: number | null): number {
  if (toldMs === null) return UNHINTED_HOLD_MS * (1 + Math.random())
  return toldMs > LONGEST_HOLD_MS ? PROBE_AFTER_MS : toldMs
}

/** After this long a failed report or settlement is given up: the stopping worker must not hang on Redis. */
const AFTERMATH_MS = 10_000
const LAST_WORDS_MS = 1_000

/** Makes one attempt; rejects with the reason of a signal that aborted, and has given the lease back then. */
export type Ask = (asked: Asked, signals: HandlerSignals) => Promise<Attempt>

export function createAsk(parts: AskParts): Ask {
  const attempts = new Attempts(parts)
  return (asked, signals) => attempts.make(asked, signals)
}

class Attempts {
  readonly #parts: AskParts

  constructor(parts: AskParts) {
    this.#parts = parts
  }

  async make(asked: Asked, signals: HandlerSignals): Promise<Attempt> {
    const { budget, gate, log } = this.#parts
    // Before it waits at the gate: calls may be held for hours.
    if (budget.neverFits(asked.tokens)) return { kind: 'too_long' }
    const queuedMs = performance.now()
    const pass = await gate.enter(asked.id.toString(), signals.wait)
    const report = (outcome: GateOutcome, cause = '') =>
      aftermath(signals.call, (signal) => gate.report(pass, outcome, signal, cause)).catch((error: unknown) => {
        warned(log, 'the gate was not told', asked.id)(error)
        return NO_EVIDENCE
      })
    const unusedAfter = async (error: unknown): Promise<never> => {
      await report('unused')
      throw error
    }
    const turn = await this.#turn(asked, pass, queuedMs, signals).catch(unusedAfter)
    if (turn.kind !== 'granted') {
      await report('unused')
      return turn
    }
    try {
      const made = await this.#granted(asked, turn, signals).catch(unusedAfter)
      const cause = made.attempt.kind === 'failure' ? `${made.attempt.cause}, attempt ${asked.attempt}` : ''
      const [evidence] = await Promise.all([report(made.outcome, cause), made.accounted])
      return made.attempt.kind === 'failure' ? { ...made.attempt, evidence } : made.attempt
    } finally {
      // Not before the gate knows of a failure: the next call would begin, and burn, in the meantime.
      turn.slot.release()
    }
  }

  /** @returns the grant, which holds a slot; or with what the attempt ends without one */
  async #turn(
    asked: Asked,
    pass: Pass,
    queuedMs: number,
    signals: HandlerSignals,
  ): Promise<Reservation | { kind: 'again' }> {
    await this.#parts.trusted(signals.wait)
    const turn = await this.#reserve(asked, pass, signals.wait)
    countWait(asked.journey, performance.now() - queuedMs)
    asked.journey.trace?.waited(queuedMs, turn?.kind ?? 'held_again')
    if (turn === null) return { kind: 'again' }
    if (turn.kind === 'granted') countGrant(asked.journey, turn.id)
    return turn
  }

  /** From the grant to the answer. @returns besides what came of it, a promise that resolves when the budget was told */
  async #granted(asked: Asked, grant: Grant, signals: HandlerSignals): Promise<Made & { accounted: Promise<void> }> {
    const { budget, dedupe } = this.#parts
    const begun = await dedupe.begin(asked.id, asked.owner, asked.alone, signals.wait)
    if (begun.kind === 'begun') return await this.#call(asked, grant, begun.lease, signals)
    await aftermath(signals.call, (signal) => budget.settle(grant, 0, signal))
    return { ...unused({ kind: 'changed' }), accounted: Promise.resolve() }
  }

  /** @returns null when calls were held again meanwhile */
  async #reserve(asked: Asked, pass: Pass, wait: AbortSignal): Promise<Reservation | null> {
    try {
      const { tokens, user, alone } = asked
      const demand = { tokens, user, urgent: pass.probe !== null, alone }
      return await this.#parts.budget.reserve(demand, AbortSignal.any([wait, pass.held]))
    } catch (error) {
      if (pass.held.aborted && !wait.aborted) return null
      throw error
    }
  }

  async #call(
    asked: Asked,
    grant: Grant,
    lease: Lease,
    signals: HandlerSignals,
  ): Promise<Made & { accounted: Promise<void> }> {
    const { budget, dedupe, provider, metrics, log } = this.#parts
    const { messages, schema, maxCompletionTokens, trial, journey } = asked
    const startedMs = performance.now()
    let keepsLease = false
    let accounted = Promise.resolve()
    const endLease = () =>
      aftermath(signals.call, (signal) => dedupe.end(lease, signal)).catch(
        warned(log, 'a lease is left to expire', asked.id),
      )
    try {
      const { sendByMs, slot } = grant
      const form = { messages, schema, maxCompletionTokens, trial }
      const question: Question = { ...form, sendByMs, onSent: () => slot.sent(), signal: signals.call }
      const reply = await provider.ask(question)
      if (reply.kind === 'not_sent') log.warn('a grant came too late to be sent and is spent', { id: asked.id })
      const tookMs = performance.now() - startedMs
      countCall(journey, tookMs)
      accounted = this.#account(asked, grant, reply, signals)
      const call = { sinceMs: startedMs, tookMs }
      if (reply.kind === 'aborted') traceCall(asked, reply, call, 'aborted')
      const made = attemptOf(reply, asked, provider.address, endLease, signals)
      if (made.outcome !== 'unused') {
        metrics.callFinished(made.outcome, tookMs, 'usage' in reply ? reply.usage : null)
        traceCall(asked, reply, call, made.outcome)
      }
      keepsLease = made.attempt.kind === 'answer'
      // A success holds no other call: the next one may begin at once, unless the answer tells that there is less to spend.
      if (keepsLease && 'limits' in reply && !budget.narrows(grant, reply.limits)) slot.release()
      return { ...made, accounted }
    } finally {
      if (!keepsLease) {
        await accounted
        await endLease()
      }
    }
  }

  /** Tells the journey and the budget what was paid, and the budget what the provider said of its limits. */
  async #account({ id, journey }: Asked, grant: Grant, reply: Reply, signals: HandlerSignals): Promise<void> {
    const { budget, log } = this.#parts
    const sent = reply.kind === 'answer' || ('sent' in reply && reply.sent)
    const usage = 'usage' in reply ? reply.usage : null
    if (sent) countAttempt(journey, usage, grant.tokens)
    const tell = async (signal: AbortSignal) => {
      // What was sent and not accounted for may have been billed in full: its reservation stays.
      await budget.settle(grant, usage?.totalTokens ?? (sent ? null : 0), signal)
      if (!('limits' in reply)) return
      await budget.narrow(grant, reply.limits, signal)
      if (reply.kind === 'failure' && reply.code === 'rate_limited') {
        await budget.holdFor(holdMs(reply.retryAfterMs), signal)
      }
    }
    await aftermath(signals.call, tell).catch(warned(log, 'the budget was not told', id))
  }
}

/** What came of an attempt, and what the gate is told of it. */
interface Made {
  attempt: Exclude<Attempt, { kind: 'failure' }> | Omit<Attempt & { kind: 'failure' }, 'evidence'>
  outcome: GateOutcome
}

const unused = (attempt: Made['attempt']): Made => ({ attempt, outcome: 'unused' })

/** When the fleet cannot be asked, nothing is known that would blame the request. */
const NO_EVIDENCE: Evidence = { held: false, scopes: '', successes: 0 }

function attemptOf(
  reply: Reply,
  asked: Asked,
  address: string,
  endLease: () => Promise<void>,
  signals: HandlerSignals,
): Made {
  if (reply.kind === 'aborted') throw signals.call.reason as Error
  if (reply.kind === 'not_sent') return unused({ kind: 'again' })
  const answer = reply.kind === 'answer' ? asked.read(reply.content) : null
  if (reply.kind === 'answer' && answer !== null) {
    const { model, usage } = reply
    return {
      attempt: { kind: 'answer', answer, model, promptTokens: usage?.promptTokens ?? null, endLease },
      outcome: 'answered',
    }
  }
  const { code, detail, retryAfterMs, next } = reply.kind === 'failure' ? reply : UNUSABLE
  return { attempt: { kind: 'failure', code, cause: `${detail} at ${address}`, retryAfterMs, next }, outcome: code }
}

function traceCall(
  { journey, maxCompletionTokens }: Asked,
  reply: Reply,
  took: { sinceMs: number; tookMs: number },
  outcome: Exclude<GateOutcome, 'unused'> | 'aborted',
): void {
  journey.trace?.called({
    ...took,
    maxCompletionTokens,
    model: reply.kind === 'answer' ? reply.model : null,
    usage: 'usage' in reply ? reply.usage : null,
    failure: outcome === 'answered' ? null : outcome,
  })
}

const UNUSABLE = {
  code: 'unusable_answer',
  detail: 'HTTP 200 with an answer of another form',
  retryAfterMs: null,
  next: null,
} as const

/** For what has to be written after a call even though the partition is gone; bounded, also when the worker stops. */
const aftermath = <T>(call: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> =>
  call.aborted ? bounded(NEVER, LAST_WORDS_MS, work) : bounded(call, AFTERMATH_MS, work)

const NEVER = new AbortController().signal

const warned = (log: Log, what: string, id: bigint) => (error: unknown) =>
  log.warn(what, { id, reason: error instanceof Error ? error.message : String(error) })
