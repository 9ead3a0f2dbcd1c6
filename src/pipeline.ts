/**
 * A request's whole way, top to bottom:
 *
 *   ours? → decode → claim → cache → attempts (ask.ts: slot, gate, budget, lease, call) → verify → store → publish → mark
 *
 * `handle` goes from the consumed message to what is to be published for it. The Kafka layer then asks `confirm`, commits
 * outputs and offset in one transaction, and tells `committed`. What each failure means stands in errors.ts.
 */
import { createHash } from 'node:crypto'
import { pause } from './abortable.ts'
import type { Ask } from './ask.ts'
import type { Budget } from './budget/budget.ts'
import type { Config } from './config.ts'
import type { Address, DeadLetterReason, ScoringRequest } from './contracts.ts'
import { decodeRequest, REQUEST_KEY } from './contracts.ts'
import { deadLetter, withoutValue } from './dead-letter.ts'
import type { ClaimOwner, Dedupe } from './dedupe.ts'
import type { FailureCode } from './errors.ts'
import { FAILURES } from './errors.ts'
import type { Journey } from './journey.ts'
import { effortHeaders, startJourney } from './journey.ts'
import type { Completion, Handler, HandlerSignals, OutgoingMessage, SourceMessage } from './kafka/messages.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { Outcome } from './outcome.ts'
import { decodeOutcome, encodeOutcome, outcomeMessages, refusalMessage } from './outcome.ts'
import type { Failure } from './provider/attempts.ts'
import { nextStep } from './provider/attempts.ts'
import type { Prepared, Scoring } from './scoring/scoring.ts'

/** It was in flight when its worker died so many times: from now on it runs alone, so that it can hurt no other. */
const STARTS_BEFORE_ALONE = 3
/** And so many times although nothing else was in flight: it is to blame. */
const STARTS_ALONE_BEFORE_DEAD_LETTER = 3
/** What a caller is told when the provider's rate limit has outlasted all retries, and says nothing of its end. */
const RATE_LIMITED_WAIT_MS = 60_000

export interface PipelineParts {
  config: Config
  dedupe: Dedupe
  budget: Budget
  ask: Ask
  scoring: Scoring
  log: Log
  metrics: Metrics
  /** Aborts when the worker has stopped: ends what is still to be written after a commit. */
  stopped: AbortSignal
}

/** What `committed` has to do and to say for a message, by its source. */
interface Ending {
  /** As in the log line and the metrics: success, a failure's code, refused, dead_letter, duplicate. */
  outcome: string
  id: bigint | null
  owner: ClaimOwner
  after: 'mark' | 'let_go' | 'free' | 'nothing'
  journey: Journey
  /** Why it is a dead letter. */
  why?: { reason: DeadLetterReason; detail: string }
}

type Result = { kind: 'final'; outcome: Outcome } | { kind: 'refused'; waitMs: number } | { kind: 'changed' }

export interface Pipeline extends Handler {
  /** When the oldest message that was taken and is not done was produced, ms since the epoch; null: there is none. */
  oldestUnfinishedMs(): number | null
}

/** @returns the handler that the Kafka layer calls, side by side for many messages */
export function createPipeline(parts: PipelineParts): Pipeline {
  const { config, dedupe, budget, ask, scoring, log, metrics, stopped } = parts
  const { topics, groupId } = config.kafka
  const endings = new WeakMap<SourceMessage, Ending>()
  const unfinished = new Set<SourceMessage>()

  async function handle(source: SourceMessage, signals: HandlerSignals): Promise<Completion> {
    unfinished.add(source)
    try {
      return await finish(source, signals)
    } catch (error) {
      unfinished.delete(source)
      throw error
    }
  }

  async function finish(source: SourceMessage, signals: HandlerSignals): Promise<Completion> {
    if (source.key?.toString() !== REQUEST_KEY) return foreign(source)
    const owner: ClaimOwner = { group: groupId, ...source }
    const journey = startJourney()
    const decoded = decodeRequest(source.value)
    if (decoded.kind === 'unanswerable') {
      return dead(source, { outcome: 'dead_letter', id: null, owner, after: 'nothing', journey }, decoded)
    }
    const request = decoded.kind === 'request' ? decoded.request : null
    const address = decoded.kind === 'request' ? decoded.request.address : decoded.address
    const id = address.processingId
    const finalOf = (outcome: Outcome) => {
      const decisions = request === null ? [] : scoring.decisionRecords(request, outcome)
      return final(source, address, owner, journey, outcome, decisions)
    }
    for (;;) {
      const claim = await dedupe.claim(id, owner, digest(source.value), signals.wait)
      if (claim.kind === 'duplicate') return duplicate(source, { id, owner, journey }, claim.conflict)
      try {
        if (claim.stored !== null) return finalOf(decodeOutcome(claim.stored))
        if (claim.startsAlone >= STARTS_ALONE_BEFORE_DEAD_LETTER) {
          const detail = `${claim.starts} calls for it were begun and the worker died each time`
          const ending: Ending = { outcome: 'dead_letter', id, owner, after: 'free', journey }
          return dead(source, ending, { reason: 'kills_the_worker', detail })
        }
        const result =
          decoded.kind === 'invalid'
            ? failed('invalid_request', decoded.problem, journey)
            : await score(decoded.request, owner, claim.starts >= STARTS_BEFORE_ALONE, journey, signals)
        if (result.kind === 'refused') {
          const refused = await dedupe.refuse(id, owner, signals.call)
          if (refused.kind === 'refused') return refusal(source, address, owner, journey, result.waitMs)
        }
        if (result.kind === 'final') {
          const stored = await dedupe.store(id, owner, encodeOutcome(result.outcome), signals.call)
          if (stored.kind === 'duplicate') {
            dedupe.letGo(id, owner)
            return duplicate(source, { id, owner, journey }, false)
          }
          return finalOf(decodeOutcome(stored.outcome))
        }
      } catch (error) {
        dedupe.letGo(id, owner)
        throw error
      }
      // The claim changed hands meanwhile: see whose it is now.
      dedupe.letGo(id, owner)
    }
  }

  /** From the cache, or from the model. */
  async function score(
    request: ScoringRequest,
    owner: ClaimOwner,
    alone: boolean,
    journey: Journey,
    signals: HandlerSignals,
  ): Promise<Result> {
    const prepared = scoring.prepare(request)
    return await scoring.askOnce<Result>(
      prepared,
      () => askUntilSettled(prepared, owner, alone, journey, signals),
      signals.wait,
    )
  }

  /** Ends with an answer, a refusal for budget, or when errors.ts and provider/attempts.ts say that it is enough. */
  async function askUntilSettled(
    prepared: Prepared,
    owner: ClaimOwner,
    alone: boolean,
    journey: Journey,
    signals: HandlerSignals,
  ): Promise<Result> {
    const { id, messages, schema } = prepared
    const failures: Failure[] = []
    let { maxCompletionTokens } = config.provider
    for (;;) {
      const tokens = scoring.mostTokens(prepared, maxCompletionTokens)
      if (tokens === null) return giveUp('too_long', journey)
      const { judge } = scoring
      const attempt = await ask(
        { id, owner, messages, schema, maxCompletionTokens, tokens, alone, journey, judge },
        signals,
      )
      switch (attempt.kind) {
        case 'answer':
          return { kind: 'final', outcome: await scoring.verified(prepared, attempt, journey) }
        case 'refused':
          // After a failure as well: a retry needs a place in the budget like any other attempt.
          return attempt
        case 'too_long':
          return giveUp('too_long', journey)
        case 'changed':
          return attempt
        case 'again':
          continue
        case 'failure': {
          failures.push(attempt)
          const step = nextStep(failures)
          metrics.attemptFailed(attempt.code)
          // To its caller a rate limit is "try again after", whoever sets it.
          if (step.kind === 'give_up' && step.code === 'rate_limited') {
            return { kind: 'refused', waitMs: attempt.retryAfterMs ?? RATE_LIMITED_WAIT_MS }
          }
          if (step.kind === 'give_up') return giveUp(step.code, journey)
          if (step.longer) maxCompletionTokens = config.provider.maxCompletionTokens * 2
          journey.waitedMs += step.afterMs
          await pause(step.afterMs, signals.wait)
        }
      }
    }
  }

  // What a message ends with -----------------------------------------------------------------------------------------

  function complete(source: SourceMessage, ending: Ending, completion: Omit<Completion, 'source'>): Completion {
    endings.set(source, ending)
    return { source, ...completion }
  }

  function foreign(source: SourceMessage): Completion {
    metrics.foreignKeySkipped()
    log.debug('skipped: the key is not ours', { partition: source.partition, offset: source.offset })
    return { source, messages: [], processingId: null, ifTooLarge: null }
  }

  function duplicate(source: SourceMessage, about: Pick<Ending, 'id' | 'owner' | 'journey'>, conflict: boolean) {
    const where = { id: about.id, partition: source.partition, offset: source.offset }
    if (conflict) log.warn('a different request under an id that is taken: skipped as a duplicate', where)
    return complete(source, { ...about, outcome: 'duplicate', after: 'nothing' }, SKIPPED)
  }

  function final(
    source: SourceMessage,
    address: Address,
    owner: ClaimOwner,
    journey: Journey,
    outcome: Outcome,
    decisions: OutgoingMessage[] = [],
  ): Completion {
    const name = outcome.kind === 'success' ? 'success' : outcome.code
    const ending: Ending = { outcome: name, id: address.processingId, owner, after: 'mark', journey }
    return complete(source, ending, {
      messages: [...outcomeMessages(topics, source, address, outcome), ...decisions],
      processingId: address.processingId,
      ifTooLarge: async () => {
        if (decisions.length === 0) return tooLarge(source, address, ending, outcome)
        log.warn('published without its decision record, with which it is too large', { id: address.processingId })
        return final(source, address, owner, journey, outcome)
      },
    })
  }

  /** A success that the broker refuses becomes a failure; a failure that it refuses can only be kept for the operator. */
  function tooLarge(source: SourceMessage, address: Address, ending: Ending, outcome: Outcome): Completion {
    if (outcome.kind === 'failure' && outcome.code === 'too_large_to_publish') {
      const detail = 'the broker refuses even the failure notification as too large'
      return dead(
        source,
        { ...ending, outcome: 'dead_letter', after: 'free' },
        { reason: 'too_large_to_publish', detail },
      )
    }
    const { outcome: failure } = failed('too_large_to_publish', TOO_LARGE, ending.journey)
    return final(source, address, ending.owner, ending.journey, failure)
  }

  function refusal(source: SourceMessage, address: Address, owner: ClaimOwner, journey: Journey, waitMs: number) {
    const ending: Ending = { outcome: 'refused', id: address.processingId, owner, after: 'let_go', journey }
    return complete(source, ending, {
      messages: [refusalMessage(topics, source, address, waitMs, effortHeaders(journey))],
      processingId: address.processingId,
      ifTooLarge: async () => tooLarge(source, address, ending, failed('refused', '', journey).outcome),
    })
  }

  function dead(source: SourceMessage, ending: Ending, why: { reason: DeadLetterReason; detail: string }): Completion {
    const letter = deadLetter(topics.deadLetters, source, why.reason, why.detail)
    const told = { ...ending, why }
    const small = async () =>
      complete(source, told, { messages: [withoutValue(letter)], processingId: null, ifTooLarge: null })
    return complete(source, told, { messages: [letter], processingId: null, ifTooLarge: small })
  }

  // Around the transaction -------------------------------------------------------------------------------------------

  async function confirm(batch: Completion[], signal: AbortSignal): Promise<Completion[]> {
    const items = batch.flatMap(({ source, processingId: id }) => {
      const ending = endings.get(source)
      return id === null || ending === undefined ? [] : [{ id, owner: ending.owner, source }]
    })
    const lost = new Set([...(await dedupe.confirm(items, signal))].map(({ source }) => source))
    return batch.map((completion) => {
      const ending = endings.get(completion.source)
      if (!lost.has(completion.source) || ending?.id == null) return completion
      dedupe.letGo(ending.id, ending.owner)
      return duplicate(completion.source, ending, false)
    })
  }

  /** Its partition was taken away before it was published: the next owner will, from the stored answer. */
  function abandoned({ source }: Completion): void {
    unfinished.delete(source)
    const ending = endings.get(source)
    if (ending !== undefined && ending.id !== null && ending.after !== 'nothing') {
      dedupe.letGo(ending.id, ending.owner)
    }
  }

  async function committed(batch: Completion[]): Promise<void> {
    for (const { source } of batch) unfinished.delete(source)
    const done = batch.flatMap(({ source }) => {
      const ending = endings.get(source)
      return ending === undefined ? [] : [{ source, ...ending }]
    })
    for (const each of done) tell(each)
    budget.published(done.flatMap(({ journey }) => journey.grants))
    const owned = done.flatMap(({ id, owner, after }) => (id === null ? [] : [{ id, owner, after }]))
    for (const { id, owner, after } of owned) {
      if (after === 'let_go') dedupe.letGo(id, owner)
      if (after === 'free') await dedupe.deadLettered(id, owner, stopped)
    }
    const finished = owned.filter(({ after }) => after === 'mark')
    if (finished.length > 0) await dedupe.finish(finished, stopped)
  }

  /** The one line of a finished message. */
  function tell({ source, outcome, id, journey, why }: Ending & { source: SourceMessage }): void {
    const { startedMs, waitedMs, askedMs, attempts, billedTokens } = journey
    const tookMs = Math.round(performance.now() - startedMs)
    const where = { id, partition: source.partition, offset: source.offset }
    metrics.requestFinished(outcome, { waitedMs, tookMs })
    if (why !== undefined) {
      metrics.deadLettered(why.reason)
      log.warn('dead-lettered', { ...where, ...why })
    }
    log.info('request finished', {
      ...where,
      outcome,
      tookMs,
      waitedMs: Math.round(waitedMs),
      askedMs: Math.round(askedMs),
      tokens: billedTokens,
      attempts,
    })
  }

  /** Messages of one partition come in the order in which they were produced, or nearly so. */
  function oldestUnfinishedMs(): number | null {
    const [oldest] = unfinished
    return oldest?.timestampMs ?? null
  }

  return { handle, confirm, committed, abandoned, oldestUnfinishedMs }
}

const SKIPPED = { messages: [], processingId: null, ifTooLarge: null }
const TOO_LARGE = 'Ответ не поместился в сообщение: сократите callback_url.'

function failed(code: string, message: string, journey: Journey) {
  const headers = effortHeaders(journey)
  return { kind: 'final' as const, outcome: { kind: 'failure' as const, code, message, headers } }
}

const giveUp = (code: FailureCode, journey: Journey) => failed(code, FAILURES[code].message, journey)

/** Tells a repetition from another request under the same id. */
const digest = (value: Buffer | null) =>
  createHash('sha256')
    .update(value ?? '')
    .digest('base64url')
    .slice(0, 16)
