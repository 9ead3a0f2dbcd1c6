/**
 * Why a request got its score, for `explain` where no decision topic is set: what the model said of each requirement, whether it counted,
 * and why not. Kept in Redis beside the result's mark, so it holds nothing of the resume: no quotes, and of what the model calls a
 * requirement only the words that the vacancy has too.
 */
import { z } from 'zod'
import type { Score } from '../contracts.ts'
import { readJson } from '../lib/json.ts'
import type { Texts } from '../lib/sanitize.ts'
import type { Circumstances } from './decision.ts'
import { judgedRequirement } from './decision-record.ts'
import { isProved } from './proofs.ts'
import type { Verified } from './verify.ts'

/** The most bytes of one result's reasons. Requirements beyond that are only counted. */
export const REASONS_MAX_BYTES = 8_000
/** Stands for words of a requirement that the vacancy does not have. */
const LEFT_OUT = '…'

/** Of its name only words that the vacancy has; `…` stands for others. */
const requirement = judgedRequirement
  .pick({ requirement: true, evidence: true, proved: true, why_not: true })
  .required({ evidence: true })

const schema = z.object({
  /** ISO time. */
  decided_at: z.string(),
  score: z.int(),
  verdict: z.string(),
  verdict_min_score: z.int(),
  /** When an earlier request with the same texts got this result, ISO time; null: the model was asked, or the time is not known. */
  taken_from: z.string().nullish(),
  /** null: the result was taken from an earlier request whose reasons are not known. */
  model_score: z.int().nullable(),
  requirements: z.array(requirement),
  /** How many requirements had no room. */
  omitted: z.int(),
  corrections: z.array(z.string()),
  flags: z.array(z.string()),
  model: z.string(),
  prompt_version: z.string(),
})

export type Reasons = z.infer<typeof schema>

/**
 * @param verified null for a result taken from a cache entry without reasons
 * @param texts sanitised, as in the prompt
 * @returns JSON of at most REASONS_MAX_BYTES
 */
export function encodeReasons(score: Score, verified: Verified | null, texts: Texts, how: Circumstances): string {
  const { findings = [], modelScore = null, corrections = [], flags = [] } = verified ?? {}
  const words = wordsOf(texts.requirements)
  const reasons: Reasons = {
    decided_at: how.decidedAt,
    score: score.score,
    verdict: score.verdict,
    verdict_min_score: how.verdictMinScore,
    taken_from: null,
    model_score: modelScore,
    requirements: [],
    omitted: findings.length,
    corrections,
    flags,
    model: how.model.slice(0, 200),
    prompt_version: how.promptVersion,
  }
  // Leave room for `taken_from`, which is added when a later request takes the result over.
  let bytes = Buffer.byteLength(JSON.stringify({ ...reasons, taken_from: how.decidedAt }))
  for (const finding of findings) {
    const requirement = inWordsOf(words, finding.requirement)
    const kept = { requirement, evidence: finding.evidence, proved: isProved(finding), why_not: finding.why }
    bytes += Buffer.byteLength(JSON.stringify(kept)) + 1
    if (bytes > REASONS_MAX_BYTES) break
    reasons.requirements.push(kept)
    reasons.omitted--
  }
  return JSON.stringify(reasons)
}

/**
 * @param json made by `encodeReasons` for the request that the model was asked about
 * @param decidedAt ISO time of the decision on a later request with the same texts
 * @returns the reasons of the later request; null when `json` cannot be read
 */
export function takeOver(json: string, decidedAt: string): string | null {
  const reasons = readReasons(json)
  return reasons && JSON.stringify({ ...reasons, decided_at: decidedAt, taken_from: reasons.decided_at })
}

/** @returns null for what was not written by `encodeReasons` */
export const readReasons = (json: string): Reasons | null => readJson(schema, json)

const WORD = /[\p{L}\p{N}+#]+/gu

const wordsOf = (text: string): ReadonlySet<string> => new Set(text.toLowerCase().match(WORD))

/** Leaves out words that the vacancy does not have, because a resume may have made the model name anything as a requirement. */
const inWordsOf = (words: ReadonlySet<string>, text: string): string =>
  text
    .replaceAll(WORD, (word) => (words.has(word.toLowerCase()) ? word : LEFT_OUT))
    .replaceAll(/…(?:[^\p{L}\p{N}]*…)+/gu, LEFT_OUT)
