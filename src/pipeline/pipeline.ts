/**
 * The whole way of a request, from top to bottom:
 *
 *   ours? → address → entrance → decode → claim → cache → ask and verify (answers.ts) → store → confirm → publish → finish
 *
 * Asking is a loop (asking.ts) over attempts (attempt.ts): gate → budget and slot → call (call.ts): lease → model → settle.
 *
 * `handle` goes from the consumed message to what is to be published for it. The Kafka layer then asks `confirm`, commits
 * outputs and offset in one transaction, and calls `committed`. errors.ts lists what each failure means.
 */
import { createHash } from 'node:crypto'
import type { Turns } from '../lib/turns.ts'
import type { Budget } from '../budget/budget.ts'
import type { Claim, Dedupe } from '../claims/dedupe.ts'
import type { Config } from '../config.ts'
import type { Addressed, Answerable, ScoringRequest, Unanswerable } from '../contracts.ts'
import { decodeTexts, readAddress, REQUEST_KEY } from '../contracts.ts'
import type { Certainty, Handler, HandlerSignals, SourceMessage } from '../kafka/messages.ts'
import { NO_TIME } from '../kafka/timestamps.ts'
import type { Outcome } from '../outcomes/outcome.ts'
import { decodeOutcome, encodeOutcome } from '../outcomes/outcome.ts'
import type { Scoring } from '../scoring/scoring.ts'
import type { Telemetry } from '../telemetry/trace.ts'
import type { AnswerParts, Result } from './answers.ts'
import { Answers } from './answers.ts'
import type { Entrance } from './entrance.ts'
import type { CompletionParts, Completed, MessageContext, RequestContext } from './completion.ts'
import { claimOf, Completions, contextOf, failed } from './completion.ts'

/** After its worker has died this many times while it ran alone, a message is dead-lettered: it kills its worker. */
const STARTS_ALONE_BEFORE_DEAD_LETTER = 3

export interface PipelineParts extends AnswerParts {
  config: Pick<Config, 'kafka' | 'maxRequestBytes'>
  dedupe: Pick<Dedupe, 'claim' | 'refuse' | 'store' | 'confirm' | 'finish' | 'letGo'>
  budget: Pick<Budget, 'published'>
  /** Bounds how many requests are worked on at once. */
  entrance: Pick<Entrance, 'enterAtOnce' | 'enter' | 'leave'>
  /** Shares the event loop: each request is prepared in a turn of its own, and less often while granted calls are to be sent. */
  turns: Pick<Turns, 'next'>
  scoring: AnswerParts['scoring'] & Pick<Scoring, 'prepare' | 'askOnce' | 'decisionRecords'>
  metrics: AnswerParts['metrics'] & CompletionParts['metrics']
  /** null: no traces are wanted. */
  telemetry?: Telemetry | null
  /** Aborts when the worker has stopped; ends the writes to Redis that follow a commit. */
  stopped: AbortSignal
}

type OwnClaim = Claim & { kind: 'mine' }

/** The handler that the Kafka layer calls, for many messages at the same time. */
export class Pipeline implements Handler {
  readonly #parts: PipelineParts
  readonly #completions: Completions
  readonly #answers: Answers
  readonly #uncommitted = new Set<SourceMessage>()

  constructor(parts: PipelineParts) {
    this.#parts = parts
    this.#answers = new Answers(parts)
    this.#completions = new Completions({ topics: parts.config.kafka.topics, log: parts.log, metrics: parts.metrics })
  }

  async handle(source: SourceMessage, signals: HandlerSignals): Promise<Completed> {
    const { config, telemetry = null } = this.#parts
    this.#uncommitted.add(source)
    const context = contextOf(source, config.kafka.groupId, isOurs(source) ? telemetry : null)
    const { trace } = context.journey
    try {
      const completed = await this.#answer(context, signals)
      trace?.answered(completed.messages.map(({ topic }) => topic))
      return completed
    } catch (error) {
      this.#uncommitted.delete(source)
      trace?.handedBack()
      throw error
    }
  }

  async #answer(context: MessageContext, signals: HandlerSignals): Promise<Completed> {
    const { config, entrance, turns } = this.#parts
    const { source } = context
    // A fetch brings many messages at once. Reading each in its own turn keeps the event loop responsive.
    await turns.next()
    if (!isOurs(source)) return this.#completions.foreign(context)
    const read = readMessage(source, config.maxRequestBytes)
    if (read.kind === 'unanswerable') return this.#completions.letter(context, null, read)
    const user = read.address.userId.toString()
    if (!entrance.enterAtOnce(user)) await entrance.enter(user, signals.wait)
    try {
      return await this.#claimed({ ...context, address: read.address }, decodeTexts(read), signals)
    } finally {
      entrance.leave(user)
    }
  }

  /** Claims the id and answers the message. When the claim changes meanwhile, it claims again. */
  async #claimed(context: RequestContext, decoded: Answerable, signals: HandlerSignals): Promise<Completed> {
    const { dedupe } = this.#parts
    const { source, owner, address } = context
    const id = address.processingId
    for (;;) {
      const claim = await dedupe.claim(id, owner, digest(source.value), signals.wait)
      if (claim.kind === 'duplicate') return this.#completions.duplicate(context, id, claim.conflict)
      let completed: Completed | null = null
      try {
        completed = await this.#answerOwn(context, decoded, claim, signals)
      } finally {
        if (completed === null || completed.ending.kind === 'duplicate') dedupe.letGo(id, owner)
      }
      // null: the claim has changed. Claiming again tells how.
      if (completed !== null) return completed
    }
  }

  /** @returns how the message that owns this claim ends; null: the claim has changed; the caller claims again */
  async #answerOwn(
    context: RequestContext,
    decoded: Answerable,
    claim: OwnClaim,
    signals: HandlerSignals,
  ): Promise<Completed | null> {
    const { dedupe, scoring } = this.#parts
    const { owner, journey } = context
    const id = context.address.processingId
    const final = (outcome: Outcome) => {
      const decisions = decoded.kind === 'request' ? scoring.decisionRecords(decoded.request, outcome) : []
      return this.#completions.final(context, outcome, decisions)
    }
    if (claim.stored !== null) return final(decodeOutcome(claim.stored))
    if (claim.startsAlone >= STARTS_ALONE_BEFORE_DEAD_LETTER) {
      const detail = `${claim.starts} calls for it were begun and the worker died each time`
      return this.#completions.letter(context, id, { reason: 'kills_the_worker', detail })
    }
    const result =
      decoded.kind === 'invalid'
        ? failed('invalid_request', decoded.problem, journey)
        : await this.#score(decoded.request, context, claim, signals)
    if (result.kind === 'changed') return null
    if (result.kind === 'refused') {
      const refused = await dedupe.refuse(id, owner, signals.call)
      return refused.kind === 'changed' ? null : this.#completions.refusal(context, { ...result, atMs: refused.atMs })
    }
    const encoded = encodeOutcome(result.outcome)
    const stored = await dedupe.store(id, owner, encoded, signals.call)
    if (stored.kind === 'duplicate') return this.#completions.duplicate(context, id, false)
    // Another run of the message may have stored an outcome first, which then counts.
    return final(stored.outcome === encoded ? result.outcome : decodeOutcome(stored.outcome))
  }

  /** Takes the result from the cache, or asks the model. */
  async #score(
    request: ScoringRequest,
    context: RequestContext,
    claim: OwnClaim,
    signals: HandlerSignals,
  ): Promise<Result> {
    const { scoring, turns } = this.#parts
    // Redis answers many claims at once; preparing each request in its own turn keeps the event loop responsive.
    await turns.next()
    const prepared = scoring.prepare(request)
    const ask = () => this.#answers.get(prepared, context, claim, signals)
    return await scoring.askOnce<Result>(prepared, ask, signals.wait)
  }

  // Around the transaction -------------------------------------------------------------------------------------------

  /** @returns the batch; a message whose id another message owns by now, or whose id is finished, has become a duplicate */
  async confirm(batch: Completed[], signal: AbortSignal): Promise<Completed[]> {
    const { dedupe } = this.#parts
    const claims = batch.map(claimOf)
    const lost = await dedupe.confirm(claims.filter(isClaim), signal)
    return batch.map((completed, index) => {
      const claim = claims[index] ?? null
      if (claim === null || !lost.has(claim)) return completed
      dedupe.letGo(claim.id, claim.owner)
      return this.#completions.duplicate(completed.context, claim.id, false)
    })
  }

  /** See Handler. A stored answer stays for the partition's next owner. */
  abandoned(completed: Completed): void {
    this.#uncommitted.delete(completed.source)
    completed.context.journey.trace?.handedBack()
    const claim = claimOf(completed)
    if (claim !== null) this.#parts.dedupe.letGo(claim.id, claim.owner)
  }

  async committed(batch: Completed[], how: Certainty): Promise<void> {
    const { dedupe, budget, stopped } = this.#parts
    for (const completed of batch) {
      this.#uncommitted.delete(completed.source)
      this.#completions.tell(completed, how)
    }
    // No notification accounts for the grants of a duplicate or a dead letter. When `learned`, the committed notification may account for
    // another worker's calls instead of this one's. All of these stay in the journal.
    const told = how === 'known' ? batch.filter(({ ending: { kind } }) => kind === 'outcome' || kind === 'refusal') : []
    if (told.length > 0) budget.published(told.flatMap(({ context }) => context.journey.grants))
    await dedupe.finish(batch.map(claimOf).filter(isClaim), how, stopped)
  }

  /**
   * @returns when the oldest uncommitted message was produced, ms since the epoch; null when there is none. Approximate: it takes the
   * first one consumed, and a partition holds messages nearly in the order in which they were produced.
   */
  oldestUncommittedMs(): number | null {
    for (const { timestampMs } of this.#uncommitted) if (timestampMs !== NO_TIME) return timestampMs
    return null
  }
}

/** A record batch that is not read may hold requests, so the message that stands in for it counts as one. */
function isOurs({ key, beyond }: SourceMessage): boolean {
  return (beyond !== undefined && beyond.fromOffset !== null) || key?.toString() === REQUEST_KEY
}

/** A message beyond the bounds of the Kafka layer is unanswerable and is not read. */
function readMessage({ value, beyond }: SourceMessage, maxBytes: number): Addressed | Unanswerable {
  return beyond === undefined ? readAddress(value, maxBytes) : { kind: 'unanswerable', ...beyond }
}

const isClaim = <T>(claim: T | null): claim is T => claim !== null

/** The hash tells a repeated request from a different one under the same id. */
const digest = (value: Buffer | null) =>
  createHash('sha256')
    .update(value ?? '')
    .digest('base64url')
    .slice(0, 16)
