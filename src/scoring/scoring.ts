/** Scoring as the pipeline uses it: from a request to the question, and from the answer to the outcome. */
import type { Config } from '../config.ts'
import type { ScoringRequest } from '../contracts.ts'
import type { Journey } from '../outcomes/effort.ts'
import { effortHeaders } from '../outcomes/effort.ts'
import type { OutgoingMessage } from '../kafka/messages.ts'
import type { Log } from '../logging/log.ts'
import type { Metrics } from '../ops/metrics.ts'
import type { Outcome } from '../outcomes/outcome.ts'
import type { Question } from '../provider/reply.ts'
import type { ModelAnswer } from './answer.ts'
import { readAnswer } from './answer.ts'
import { strippedFlags } from '../attacks/attacks.ts'
import type { CachedResult, ResultCache } from './cache.ts'
import { contextWindowOf } from '../provider/context-window.ts'
import type { Circumstances } from './decision.ts'
import { encodeDecision, keepDecision, readKept } from './decision.ts'
import { createFlights } from '../lib/flights.ts'
import { promptVersion } from './prompt-version.ts'
import { buildPrompt } from './prompt.ts'
import { provenanceHeaders } from '../outcomes/headers.ts'
import { encodeReasons, takeOver } from './reasons.ts'
import type { Texts } from '../lib/sanitize.ts'
import { sanitize } from '../lib/sanitize.ts'
import type { Reviews } from './reviews.ts'
import type { Estimate, TokenEstimator } from '../provider/tokens.ts'
import type { Verified } from './verify.ts'
import { flagsOf, verifyAnswer } from './verify.ts'

/** A request with its question, ready to be asked. */
export interface Prepared {
  id: bigint
  texts: Texts
  messages: Question['messages']
  schema: Question['schema']
  estimate: Estimate
  /** What the characters that were stripped from the texts revealed. */
  flags: string[]
  /** The key in the result cache; null when the cache is off: equal requests then do not share a call either. */
  key: string | null
}

/** A verified answer. */
export interface Checked {
  model: string
  found: Verified
  /** Its quotes or requirements are about something else: it is worth asking once more. */
  isDoubtful: boolean
}

export interface ScoringParts {
  config: Config
  cache: ResultCache
  reviews: Reviews
  estimator: TokenEstimator
  metrics: Pick<Metrics, 'cacheLookedUp' | 'flagged' | 'reviewNeeded'>
  log: Log
  /** ms since the epoch, for the decision record. */
  now?: () => number
}

export type Scoring = ReturnType<typeof createScoring>

type Spent = Pick<Journey, 'attempts' | 'billedTokens' | 'promptTokens' | 'completionTokens'>
const NOTHING_SPENT: Spent = { attempts: 0, billedTokens: 0, promptTokens: 0, completionTokens: 0 }

/** An estimate this many times the model's window cannot be explained by the error of the estimate. */
const SURELY_TOO_LONG = 1.2

/** Long, because the steps of a scoring share its parts and settings. */
export function createScoring({ config, cache, reviews, estimator, metrics, log, now = Date.now }: ScoringParts) {
  const { verdictMinScore } = config
  const { responseFormat, model: configuredModel } = config.provider
  const window = contextWindowOf(configuredModel)
  const once = createFlights()

  function prepare({ address, requirements, resume }: ScoringRequest): Prepared {
    const { texts, stripped } = sanitize({ requirements, resume })
    const prompt = buildPrompt(texts, { responseFormat, verdictMinScore })
    const flags = flagsOf(strippedFlags(stripped.requirements), strippedFlags(stripped.resume))
    const estimate = estimator.estimate(prompt)
    return { id: address.processingId, texts, ...prompt, estimate, flags, key: cache.keyOf(texts) }
  }

  /**
   * @returns the tokens to reserve for a call: the estimate of its prompt plus the cap on its answer; null when they exceed the model's
   * window by more than the error of the estimate
   */
  function mostTokens({ estimate }: Prepared, maxCompletionTokens: number): number | null {
    const tokens = estimate.tokens + maxCompletionTokens
    return window !== null && tokens > window * SURELY_TOO_LONG ? null : tokens
  }

  function circumstancesOf(model: string, { promptTokens, completionTokens }: Spent): Circumstances {
    const decidedAt = new Date(now()).toISOString()
    return { decidedAt, verdictMinScore, model, promptVersion, promptTokens, completionTokens }
  }

  /** @param verified null for a result from the cache */
  function success(verified: Verified | null, kept: CachedResult, journey: Spent, how: Circumstances): Outcome {
    const { modelScore = null, flags = [], review = [] } = verified ?? {}
    const provenance = { ...how, modelScore, flags, review }
    return {
      kind: 'success',
      score: kept.score,
      headers: { ...effortHeaders(journey), ...provenanceHeaders(provenance) },
      decision: config.kafka.topics.decisions === null ? null : keepDecision(verified, how),
      reasons: kept.reasons,
    }
  }

  /**
   * @returns an outcome with the result of an earlier request with the same texts; null when there is none, or the cache is off
   * @throws the signal's reason when it aborts
   */
  async function cached(prepared: Prepared, signal: AbortSignal): Promise<Outcome | null> {
    if (prepared.key === null) return null
    const found = await cache.get(prepared.key, signal)
    metrics.cacheLookedUp(found !== null)
    if (found === null) return null
    const { score } = found
    const how = circumstancesOf(configuredModel, NOTHING_SPENT)
    const reasons = takeOver(found.reasons, how.decidedAt) ?? encodeReasons(score, null, prepared.texts, how)
    return success(null, { score, reasons }, NOTHING_SPENT, how)
  }

  /**
   * Takes the result of the same texts from the cache, waits while another request of this worker asks about them, or asks. When the cache
   * is off, it always asks.
   * @param ask rejects only when the asking is given up (partition revoked, worker stopping)
   * @throws the signal's reason when it aborts a wait; what `ask` rejects with
   */
  async function askOnce<T>(prepared: Prepared, ask: () => Promise<T>, signal: AbortSignal) {
    if (prepared.key === null) return await ask()
    const known = async () => {
      const outcome = await cached(prepared, signal)
      return outcome === null ? null : { kind: 'final' as const, outcome }
    }
    return await once<T | { kind: 'final'; outcome: Outcome }>(prepared.key, { known, ask }, signal)
  }

  const read = (content: string): ModelAnswer | null => readAnswer(content, log)

  /** Verifies what `read` gave, and improves later estimates by the tokens that were billed for the prompt. */
  async function verify(
    prepared: Prepared,
    { answer, model, promptTokens }: { answer: ModelAnswer; model: string; promptTokens: number | null },
  ): Promise<Checked> {
    const isCut = promptTokens !== null && estimator.isCut(prepared.estimate, promptTokens)
    if (promptTokens !== null && !isCut) estimator.learn(prepared.estimate, promptTokens)
    const found = await verifyAnswer(answer, prepared.texts, verdictMinScore)
    const cut = isCut ? ['truncated_prompt'] : []
    const flags = [...new Set([...prepared.flags, ...found.flags, ...cut])].toSorted()
    return { model, found: { ...found, flags }, isDoubtful: found.review.includes('unrelated') }
  }

  /**
   * Makes an outcome of a verified answer. Caches the result if the answer is complete and nobody needs to review it; lists what is to be
   * reviewed.
   * @param isSecond the first answer was doubtful, so the model was asked again
   */
  async function conclude(
    prepared: Prepared,
    { model, found }: Checked,
    journey: Journey,
    isSecond: boolean,
  ): Promise<Outcome> {
    const { flags } = found
    for (const flag of flags) metrics.flagged(flag)
    if (flags.length > 0) log.warn('suspicious texts', { id: prepared.id, flags: flags.join(',') })
    const review = new Set(found.review)
    if (flags.length > 0) review.add('flagged')
    if (isSecond) review.add('asked_twice')
    for (const reason of review) metrics.reviewNeeded(reason)
    const verified = { ...found, review: [...review] }
    const how = circumstancesOf(model, journey)
    const result = { score: found.score, reasons: encodeReasons(found.score, verified, prepared.texts, how) }
    if (review.size > 0) await reviews.add(prepared.id, now())
    else if (found.complete && prepared.key !== null) await cache.put(prepared.key, result)
    return success(verified, result, journey, how)
  }

  /** @returns what goes to the decisions topic with an outcome: nothing for a failure, or where there is no such topic */
  function decisionRecords({ address, ...texts }: ScoringRequest, outcome: Outcome): OutgoingMessage[] {
    const topic = config.kafka.topics.decisions
    if (topic === null || outcome.kind !== 'success' || outcome.decision == null) return []
    const value = encodeDecision(address, outcome.score, readKept(outcome.decision), sanitize(texts).texts)
    return [{ topic, key: address.processingId.toString(), value, headers: outcome.headers }]
  }

  return { prepare, cached, askOnce, mostTokens, read, verify, conclude, decisionRecords }
}
