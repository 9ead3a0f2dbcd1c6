/** Decision records as they are read back from their topic. */
import { z } from 'zod'
import { EVIDENCE } from './answer.ts'
import type { Verdict } from '../contracts.ts'
import { NumberText, parseExact, readJson } from '../lib/json.ts'

const number = z.instanceof(NumberText)
const id = number.transform(({ text }, context) => {
  if (/^-?\d+$/.test(text)) return BigInt(text)
  context.addIssue({ code: 'custom', message: 'must be an integer' })
  return z.NEVER
})
const integer = number.transform(({ text }) => Number(text)).pipe(z.int())
const verdict: z.ZodType<Verdict> = z.enum(['Подходит', 'Не подходит'])

/** What the model and the worker said of one requirement. */
export const judgedRequirement = z.object({
  requirement: z.string(),
  /** What the resume says of the requirement, in the model's judgement; records of `prompt-1` have only `met_by_model`. */
  evidence: z.enum(EVIDENCE).optional(),
  met_by_model: z.boolean(),
  /** The quote as the model gave it, shortened; not in records of `prompt-1`. */
  model_quote: z.string().optional(),
  proved: z.boolean(),
  /** The resume's own words for the quote; null when they were not found, or the model did not take the requirement for met. */
  quote: z.string().nullable(),
  /** Why the worker rejected the claim; see proofs.ts. */
  why_not: z.string().nullable(),
  /** Whether quote and requirement share a word; null when it cannot be told. Not in records of `prompt-1`. */
  related: z.boolean().nullish(),
})

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
  requirements: z.array(judgedRequirement),
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
export const readDecision = (value: Buffer | null): DecisionRecord | null =>
  value === null ? null : readJson(record, value.toString(), parseExact)
