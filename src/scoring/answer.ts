/** The schema of the model's answer, and how an answer is read. */
import { z } from 'zod'
import type { Log } from '../logging/log.ts'
import type { AnswerSearch } from '../provider/find-answer.ts'
import { findAnswer } from '../provider/find-answer.ts'

export const SCHEMA_NAME = 'resume_score'

/** Longer content is unusable. An answer of some thousand tokens is always shorter. */
const MAX_CONTENT_CHARS = 200_000
/** An answer with more requirements is unusable. The prompt asks for five to seven. */
const MAX_REQUIREMENTS = 40

/** What the resume says of a requirement, in the model's judgement. Only `stated` can count as met. The prompt defines each. */
export const EVIDENCE = ['stated', 'insufficient', 'planned', 'denied', 'not_mentioned'] as const
export type Evidence = (typeof EVIDENCE)[number]

const answer = z.object({
  requirements: z
    .array(z.object({ requirement: z.string(), quote: z.string(), evidence: z.enum(EVIDENCE) }))
    .max(MAX_REQUIREMENTS),
  score: z.int().min(0).max(100),
  recommendation: z.string(),
})

/** The answer as the model gave it, before anything in it is proved. */
export type ModelAnswer = z.infer<typeof answer>

const object = (properties: Record<string, unknown>) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
})

/**
 * The strict schema, in the order in which the model should think: each quote before the judgement on it, and all judgements before the
 * score. It bounds neither the score nor the list, because some servers of structured outputs refuse bounds; `interpretAnswer` checks both.
 */
export const answerSchema: Record<string, unknown> = object({
  requirements: {
    type: 'array',
    items: object({
      requirement: { type: 'string' },
      quote: { type: 'string' },
      evidence: { type: 'string', enum: EVIDENCE },
    }),
  },
  score: { type: 'integer', description: '0..100' },
  recommendation: { type: 'string' },
})

export type Interpretation = AnswerSearch<ModelAnswer>

/**
 * Reads an answer: finds the object wherever it stands (find-answer.ts), and ignores keys that the schema does not have. A score of 101,
 * -1, 87.5 or "87" breaks the schema. Whatever else such an answer got wrong cannot be known, so the model is asked again.
 */
export function interpretAnswer(content: string): Interpretation {
  if (content.length > MAX_CONTENT_CHARS) return { ok: false, why: 'longer than any answer' }
  return findAnswer(content, { fields: Object.keys(answer.shape), validate })
}

/** @returns what the model answered; null when it cannot be used, which is logged without quoting it */
export function readAnswer(content: string, log: Pick<Log, 'warn'>): ModelAnswer | null {
  const found = interpretAnswer(content)
  if (found.ok) return found.answer
  log.warn('the model gave an unusable answer', { why: found.why })
  return null
}

function validate(value: unknown): Interpretation {
  const parsed = answer.safeParse(value)
  if (parsed.success) return { ok: true, answer: parsed.data }
  const [issue] = parsed.error.issues
  const path = issue?.path.map((part) => (typeof part === 'number' ? 'n' : String(part))).join('.') ?? ''
  return { ok: false, why: `not as the schema: ${path === '' ? 'no object' : path} (${issue?.code ?? 'unknown'})` }
}
