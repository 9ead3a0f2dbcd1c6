/** Looks up the model's quotes in the resume: which requirements are proved, and why the others are not. */
import type { Evidence, ModelAnswer } from './answer.ts'
import type { Span } from './spans.ts'
import { findAttacks } from './attacks.ts'
import { bears, isLatin, subjectKey } from './bearing.ts'
import { isDenied, labelOf, lineOf } from './surroundings.ts'
import type { Folded } from './fold.ts'
import { createFolder } from './fold.ts'
import type { NotFound } from './quotes.ts'
import { findQuote } from './quotes.ts'
import { shorten, tidy } from './recommendation.ts'
import type { Breathe } from './slices.ts'

/** A match is a line in a list. */
export const MATCH_MAX_CHARS = 120
/** What is beside a quote, and enough of its line to tell the language. */
const NEAR_CHARS = 60
const LINE_CHARS = 300
/** Folded at one go, in UTF-16 units. */
const FOLD_SLICE = 32_768

/** Why a requirement that the model took for met is not proved. */
export type Unproved =
  | NotFound
  /** The quote stands only in a passage that addresses the model. */
  | 'addresses_model'
  /** The resume denies what is quoted. */
  | 'denied'
  /** The quote is about something else. */
  | 'does_not_bear'

export interface Finding {
  /** The requirement in the model's words, tidied and shortened. */
  requirement: string
  /** As the model said. */
  evidence: Evidence
  /** As the resume has it, which may differ by a letter from what the model gave; null when not proved. */
  quote: string | null
  /** null when proved, or not met in the first place */
  why: Unproved | null
}

/** A resume made ready for looking up quotes. */
export interface Examined {
  source: string
  folded: Folded
  isLatin: boolean
  /** Passages that prove nothing. */
  passages: Span[]
  flags: string[]
}

/** @param source a sanitised text */
export async function examine(source: string, breathe: Breathe): Promise<Examined> {
  const folder = createFolder(source)
  while (!folder.step(FOLD_SLICE)) await breathe()
  const folded = folder.result()
  return { source, folded, isLatin: isLatin(source), ...(await findAttacks(source, folded, breathe)) }
}

/** @returns where in the resume the quote proves the requirement, or why it does not */
function prove({ source, folded, isLatin, passages }: Examined, requirement: string, quote: string): Span | Unproved {
  return findQuote(folded, quote, (span) => {
    if (passages.some((passage) => passage.start < span.end && span.start < passage.end)) return 'addresses_model'
    if (isDenied(source, span)) return 'denied'
    const quote = source.slice(span.start, span.end)
    const quoted = {
      quote,
      label: labelOf(source, span),
      near: lineOf(source, span, NEAR_CHARS),
      line: lineOf(source, span, LINE_CHARS),
      resumeIsLatin: isLatin,
    }
    return bears(requirement, quoted) ? null : 'does_not_bear'
  })
}

/** @returns one finding per requirement, in the model's order; of those with the same telling words one that is proved */
export async function findProofs(answer: ModelAnswer, resume: Examined, breathe: Breathe): Promise<Finding[]> {
  const found = new Map<string, Finding>()
  for (const { requirement: given, evidence, quote } of answer.requirements) {
    const requirement = shorten(tidy(given), MATCH_MAX_CHARS)
    const key = subjectKey(requirement)
    const known = found.get(key)
    if (key === '' || known?.quote != null) continue
    await breathe()
    const result = evidence === 'stated' ? prove(resume, requirement, quote) : null
    const span = typeof result === 'object' ? result : null
    const proof = span === null ? null : resume.source.slice(span.start, span.end)
    if (known === undefined || proof !== null) {
      found.set(key, { requirement, evidence, quote: proof, why: typeof result === 'string' ? result : null })
    }
  }
  return [...found.values()]
}
