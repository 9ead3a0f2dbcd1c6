/**
 * The decision record: why a candidate got a score, for a dispute or an audit. It quotes the resume, so it is made only where it
 * has a topic of its own (KAFKA_TOPIC_FOR_DECISIONS). Until it is published, Redis keeps it with the outcome.
 */
import { z } from 'zod'
import type { Address, Score } from '../contracts.ts'
import { stringifyExact } from '../lib/json.ts'
import { judgedRequirement } from './decision-record.ts'
import type { Finding } from './proofs.ts'
import { isProved } from './proofs.ts'
import type { Texts } from '../lib/sanitize.ts'
import { digestFields } from './text-key.ts'
import type { Verified } from './verify.ts'

/** What Redis keeps of a decision until it is published. */
const kept = z.object({
  /** ISO time. */
  decidedAt: z.string(),
  /** null: the result was taken from the cache */
  modelScore: z.int().nullable(),
  verdictMinScore: z.int(),
  corrections: z.array(z.string()),
  flags: z.array(z.string()),
  model: z.string(),
  promptVersion: z.string(),
  promptTokens: z.int(),
  completionTokens: z.int(),
  /** Empty for a result from the cache, and where an earlier version of the worker stored the decision. */
  requirements: z.array(judgedRequirement).default([]),
})

export type KeptDecision = z.infer<typeof kept>

/** @throws ZodError when the value was not made by `keepDecision` */
export const readKept = (value: unknown): KeptDecision => kept.parse(value)

/** When and how the question was asked, and the tokens that were billed. */
export type Circumstances = Pick<
  KeptDecision,
  'decidedAt' | 'verdictMinScore' | 'model' | 'promptVersion' | 'promptTokens' | 'completionTokens'
>

/**
 * @param verified null for a result from the cache, which holds no proofs: they are in the decision record of the earlier request with the
 * same hashes
 */
export function keepDecision(verified: Verified | null, how: Circumstances): KeptDecision & { findings: null } {
  const { findings = [], modelScore = null, corrections = [], flags = [] } = verified ?? {}
  // Earlier versions of the worker require `findings`. When it is null, they publish the record without proofs.
  return { ...how, modelScore, corrections, flags, requirements: findings.map(judged), findings: null }
}

const judged = (finding: Finding): KeptDecision['requirements'][number] => ({
  requirement: finding.requirement,
  model_quote: finding.given,
  evidence: finding.evidence,
  met_by_model: finding.evidence === 'stated',
  proved: isProved(finding),
  quote: finding.quote,
  why_not: finding.why,
  related: finding.related,
})

/**
 * @param texts sanitised, as in the prompt
 * @returns the record's JSON, as decision-record.ts reads it
 */
export const encodeDecision = (address: Address, score: Score, decision: KeptDecision, texts: Texts): string =>
  stringifyExact({
    processing_id: address.processingId,
    user_id: address.userId,
    resume_id: address.resumeId,
    requirements_id: address.requirementsId,
    decided_at: decision.decidedAt,
    verdict: score.verdict,
    score: score.score,
    verdict_min_score: decision.verdictMinScore,
    model_score: decision.modelScore,
    cached: decision.modelScore === null,
    recommendation: score.recommendation,
    requirements: decision.requirements,
    corrections: decision.corrections,
    flags: decision.flags,
    requirements_hash: digestFields([texts.requirements]),
    resume_hash: digestFields([texts.resume]),
    model: decision.model,
    prompt_version: decision.promptVersion,
    prompt_tokens: decision.promptTokens,
    completion_tokens: decision.completionTokens,
  })
