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
      /** The quote as the model gave it; not in records of `prompt-1`. */
      model_quote: z.string().optional(),
      proved: z.boolean(),
      /** The resume's own words for it; null when it does not stand there, or nothing was claimed. */
      quote: z.string().nullable(),
      /** Why the worker rejected the claim; see proofs.ts. */
      why_not: z.string().nullable(),
      /** Whether quote and requirement share a word; null when it cannot be told. Not in records of `prompt-1`. */
      related: z.boolean().nullish(),
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
  addresses_model: 'the quote stands in a sentence that addresses the model',
  denied: 'the quote itself denies it',
  planned: 'the quote itself only plans it',
  falls_short: 'the quote states fewer years or a lower level than required',
  unrelated: 'the quote is about something else, as next to all of this answer',
  not_in_vacancy: 'the vacancy does not ask for it, nor for most of what this answer names',
  does_not_bear: 'the quote is about something else',
}

type Decided = DecisionRecord['requirements'][number]

/** @returns lines on one requirement: the quote, what the model said of it, and what the worker made of that */
export function findingLines({
  requirement,
  met_by_model,
  evidence,
  model_quote,
  proved,
  quote,
  why_not,
  related,
}: Decided): string[] {
  const shown = quote ?? (model_quote === '' ? undefined : model_quote)
  const said = (evidence ?? (met_by_model ? 'met' : 'not met')).replace('_', ' ')
  const rejected = met_by_model && !proved ? `; rejected: ${WHY_NOT[why_not ?? ''] ?? why_not ?? 'unproved'}` : ''
  const note = proved && related === false ? ' (no word in common)' : ''
  return [
    `  ${proved ? '+' : '-'} ${requirement}`,
    ...(shown === undefined ? [] : [`      "${shown}"`]),
    `      ${said}, said the model${rejected}${note}`,
  ]
}

/** @returns lines for a terminal; they quote the resume */
export function explain(decision: DecisionRecord): string[] {
  const { score, model_score: modelScore, verdict_min_score: minimum, requirements } = decision
  const proved = requirements.filter((each) => each.proved).length
  const findings = requirements.flatMap(findingLines)
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
