/**
 * A request's whole way, top to bottom:
 *
 *   ours? → decode → claim → cache → attempts (ask.ts: slot, gate, budget, lease, call) → verify → store → publish → mark
 *
 * `handle` goes from the consumed message to what is to be published for it. The Kafka layer then asks `confirm`, commits
 * outputs and offset in one transaction, and tells `committed`. What each failure means stands in errors.ts.
 */
import { createHash } from 'node:crypto'
import { pause } from '../lib/abortable.ts'
import { turn } from '../lib/turns.ts'
import type { Ask, Asked } from './attempt.ts'
import type { Budget } from '../budget/budget.ts'
import type { Config } from '../config.ts'
import type { Decoded, ScoringRequest } from '../contracts.ts'
import { decodeRequest, REQUEST_KEY } from '../contracts.ts'
import type { ClaimOwner, Dedupe } from '../claims/dedupe.ts'
import type { Ending } from './completion.ts'
import { createEndings, failed } from './completion.ts'
import type { FailureCode } from '../errors.ts'
import { FAILURES } from '../errors.ts'
import type { Journey } from '../outcomes/effort.ts'
import { startJourney } from '../outcomes/effort.ts'
import type { Certainty, Completion, Handler, HandlerSignals, SourceMessage } from '../kafka/messages.ts'
import { NO_TIME } from '../kafka/timestamps.ts'
import type { Log } from '../logging/log.ts'
import type { Metrics } from '../ops/metrics.ts'
import type { Outcome } from '../outcomes/outcome.ts'
import { decodeOutcome, encodeOutcome } from '../outcomes/outcome.ts'
import type { Failure } from '../provider/attempts.ts'
import { nextStep } from '../provider/attempts.ts'
import type { Provider } from '../provider/client.ts'
import type { Trial } from '../provider/trial.ts'
import type { Checked, Prepared, Scoring } from '../scoring/scoring.ts'

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
  /** See Provider. */
  capOf: Provider['capOf']
  scoring: Scoring
  log: Log
  metrics: Metrics
  /** Aborts when the worker has stopped: ends what is still to be written after a commit. */
  stopped: AbortSignal
}

type Result = { kind: 'final'; outcome: Outcome } | { kind: 'refused'; waitMs: number } | { kind: 'changed' }

export interface Pipeline extends Handler {
  /** When the oldest message that was taken and is not done was produced, ms since the epoch; null: there is none. */
  oldestUnfinishedMs(): number | null
}

/** @returns the handler that the Kafka layer calls, side by side for many messages */
export function createPipeline(parts: PipelineParts): Pipeline {
  const { config, dedupe, budget, ask, capOf, scoring, log, metrics, stopped } = parts
  const { topics, groupId } = config.kafka
  const endings = createEndings({ topics, log, metrics })
  const { foreign, duplicate, final, refusal, dead } = endings
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
    // A fetch brings many at once; each has a turn of the event loop for its decoding.
    await turn()
    const isBatch = source.beyond?.reason === 'batch_too_large'
    if (!isBatch && source.key?.toString() !== REQUEST_KEY) return foreign(source)
    const owner: ClaimOwner = { group: groupId, ...source }
    const journey = startJourney()
    const decoded = decodeMessage(source, config.maxRequestBytes)
    if (decoded.kind === 'unanswerable') {
      return dead(source, { outcome: 'dead_letter', id: null, owner, publishes: null, journey }, decoded)
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
          const ending: Ending = { outcome: 'dead_letter', id, owner, publishes: { kind: 'letter' }, journey }
          return dead(source, ending, { reason: 'kills_the_worker', detail })
        }
        const result =
          decoded.kind === 'invalid'
            ? failed('invalid_request', decoded.problem, journey)
            : await score(decoded.request, owner, claim.starts >= STARTS_BEFORE_ALONE, journey, signals)
        if (result.kind === 'refused') {
          const refused = await dedupe.refuse(id, owner, signals.call)
          if (refused.kind === 'refused') return refusal(source, address, owner, journey, { ...result, ...refused })
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
    // Many claims are answered at once.
    await turn()
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
    let trial: Trial | null = null
    let times = 1
    /** An answer that is paid for, and so doubtful that the model is asked once more. */
    let doubtful: Checked | null = null
    const concluded = async (checked: Checked, isSecond: boolean): Promise<Result> => ({
      kind: 'final',
      outcome: await scoring.conclude(prepared, checked, journey, isSecond),
    })
    for (;;) {
      const maxCompletionTokens: number = capOf(trial) * times
      const tokens = scoring.mostTokens(prepared, maxCompletionTokens)
      const tooLong = trial?.raised === true ? 'thought_out' : 'too_long'
      if (tokens === null) return giveUp(tooLong, journey)
      const { judge } = scoring
      const asked: Asked = { id, owner, messages, schema, maxCompletionTokens, trial, tokens, alone, journey, judge }
      const attempt = await ask(asked, signals).catch((error: unknown) => {
        // The worker hands its partition back: what was paid for is not thrown away.
        if (doubtful === null) throw error
        return { kind: 'refused', waitMs: 0 } as const
      })
      const hasEnded = attempt.kind === 'failure' || attempt.kind === 'refused' || attempt.kind === 'too_long'
      if (doubtful !== null && hasEnded) return await concluded(doubtful, false)
      switch (attempt.kind) {
        case 'answer': {
          const checked = await scoring.verify(prepared, attempt)
          if (!checked.isDoubtful || doubtful !== null) return await concluded(checked, doubtful !== null)
          doubtful = checked
          await attempt.endLease()
          continue
        }
        case 'refused':
          // After a failure as well: a retry needs a place in the budget like any other attempt.
          return attempt
        case 'too_long':
          return giveUp(tooLong, journey)
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
          if (step.longer) times = 2
          trial = attempt.next ?? trial
          journey.waitedMs += step.afterMs
          await pause(step.afterMs, signals.wait)
        }
      }
    }
  }

  // Around the transaction -------------------------------------------------------------------------------------------

  /** Those whose claim has to know what is published for them. */
  const claimed = (batch: Completion[]) =>
    batch.flatMap(({ source }) => {
      const { id = null, owner, publishes = null } = endings.of(source) ?? {}
      return id === null || owner === undefined || publishes === null ? [] : [{ id, owner, publishes, source }]
    })

  async function confirm(batch: Completion[], signal: AbortSignal): Promise<Completion[]> {
    const lost = new Set([...(await dedupe.confirm(claimed(batch), signal))].map(({ source }) => source))
    return batch.map((completion) => {
      const ending = endings.of(completion.source)
      if (!lost.has(completion.source) || ending?.id == null) return completion
      dedupe.letGo(ending.id, ending.owner)
      return duplicate(completion.source, ending, false)
    })
  }

  /** Its partition was taken away before it was published: the next owner will, from the stored answer. */
  function abandoned(completion: Completion): void {
    unfinished.delete(completion.source)
    for (const { id, owner } of claimed([completion])) dedupe.letGo(id, owner)
  }

  async function committed(batch: Completion[], how: Certainty): Promise<void> {
    for (const { source } of batch) unfinished.delete(source)
    const done = batch.flatMap(({ source }) => {
      const ending = endings.of(source)
      return ending === undefined ? [] : [{ source, ...ending }]
    })
    for (const each of done) endings.tell(each, how)
    // What another worker may have published tells of its own calls: these are kept in mind until their windows have passed.
    if (how === 'known') budget.published(done.flatMap(({ journey }) => journey.grants))
    await dedupe.finish(claimed(batch), how, stopped)
  }

  /** Messages of one partition come in the order in which they were produced, or nearly so. */
  function oldestUnfinishedMs(): number | null {
    for (const { timestampMs } of unfinished) if (timestampMs !== NO_TIME) return timestampMs
    return null
  }

  return { handle, confirm, committed, abandoned, oldestUnfinishedMs }
}

/** What is beyond the bounds of the Kafka layer is not looked at. */
function decodeMessage({ value, beyond }: SourceMessage, maxBytes: number): Decoded {
  return beyond === undefined ? decodeRequest(value, maxBytes) : { kind: 'unanswerable', ...beyond }
}

const giveUp = (code: FailureCode, journey: Journey) => failed(code, FAILURES[code].message, journey)

/** Tells a repetition from another request under the same id. */
const digest = (value: Buffer | null) =>
  createHash('sha256')
    .update(value ?? '')
    .digest('base64url')
    .slice(0, 16)
