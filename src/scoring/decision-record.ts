/** Decision records as they are read back from their topic: for a person, and for another threshold. */
import { z } from 'zod'
import { EVIDENCE } from './answer.ts'
import type { Verdict } from '../contracts.ts'
import { NumberText, parseExact } from '../lib/json.ts'

const number = z.instanceof(NumberText)
const id = number.transform(({ text }, context) => {
  if (/^-?\d+$/.test(text)) return BigInt(text)
  context.addIssue({ code: 'custom', message: 'must be an integer' })
  return z.NEVER
})
const integer = number.transform(({ text }) => Number(text)).pipe(z.int())
const verdict: z.ZodType<Verdict> = z.enum(['Подходит', 'Не подходит'])

const record = z.object({
  processing_id: id,
  user_id: id,
  resume_id: id,
  requirements_id: id,
  decided_at: z.string(),
  verdict,
  score: integer,
  verdict_min_score: integer,
  model_score: integer.nullable(),
  cached: z.boolean(),
  recommendation: z.string(),
  requirements: z.array(
    z.object({
      requirement: z.string(),
      /** What the model said of the quote; records of `prompt-1` have only `met_by_model`. */
      evidence: z.enum(EVIDENCE).optional(),
      met_by_model: z.boolean(),
      proved: z.boolean(),
      quote: z.string().nullable(),
      why_not: z.string().nullable(),
    }),
  ),
  corrections: z.array(z.string()),
  flags: z.array(z.string()),
  requirements_hash: z.string(),
  resume_hash: z.string(),
  model: z.string(),
  prompt_version: z.string(),
  prompt_tokens: integer,
  completion_tokens: integer,
})

/** A record as published. */
export type DecisionRecord = z.infer<typeof record>
export { record as decisionRecordSchema }

/** @returns the record; null for a message that is none */
export function readDecision(value: Buffer | null): DecisionRecord | null {
  if (value === null) return null
  try {
    return record.safeParse(parseExact(value.toString())).data ?? null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

const WHY_NOT: Record<string, string> = {
  no_quote: 'the model gave no quote',
  quote_too_long: 'the quote is longer than a proof',
  not_in_resume: 'the quote does not stand in the resume',
  addresses_model: 'the quote stands in a passage that addresses the model',
  denied: 'the resume denies it',
  does_not_bear: 'the quote is about something else',
}

/** @returns lines for a terminal; they quote the resume */
export function explain(decision: DecisionRecord): string[] {
  const { score, model_score: modelScore, verdict_min_score: minimum, requirements } = decision
  const proved = requirements.filter((each) => each.proved).length
  const findings = requirements.flatMap(({ requirement, met_by_model: met, proved: isProved, quote, why_not: why }) => [
    `  ${isProved ? '+' : '-'} ${requirement}`,
    `      ${isProved ? `"${quote ?? ''}"` : met ? `met, said the model, but ${WHY_NOT[why ?? ''] ?? why ?? 'unproved'}` : 'not met'}`,
  ])
  return [
    `Request ${decision.processing_id} (resume ${decision.resume_id}, requirements ${decision.requirements_id}), ${decision.decided_at}`,
    `${decision.verdict}: score ${score}, positive from ${minimum}; ${modelScore === null ? 'taken from an earlier request with the same texts' : `the model's own score was ${modelScore}`}`,
    decision.recommendation,
    '',
    ...(modelScore === null ? [] : [`Proved ${proved} of ${requirements.length}:`, ...findings, '']),
    `Put right: ${decision.corrections.join(', ') || 'nothing'}`,
    `Suspicious: ${decision.flags.join(', ') || 'nothing'}`,
    `Model ${decision.model}, ${decision.prompt_version}, ${decision.prompt_tokens} + ${decision.completion_tokens} tokens`,
    `Requirements sha256 ${decision.requirements_hash}, resume sha256 ${decision.resume_hash}`,
  ]
}
