/** Checks the model's claims against the texts: which requirements are proved, and why the others are not. */
import type { Evidence, ModelAnswer } from './answer.ts'
import type { Span } from '../lib/span.ts'
import type { Suspicion } from '../attacks/attacks.ts'
import { findAttacks } from '../attacks/attacks.ts'
import type { Folded } from '../lib/fold.ts'
import { foldInSlices } from '../lib/fold.ts'
import type { Searchable } from './letters.ts'
import { lettersOf, showInSlices } from './letters.ts'
import { isOfKind, leastOf } from './measures.ts'
import type { Asked, Objection } from './objections.ts'
import { objectionOf } from './objections.ts'
import type { NotFound, Quote } from './quotes.ts'
import { findQuote, quoteOf } from './quotes.ts'
import { tidy } from './recommendation.ts'
import type { Subject } from './relatedness.ts'
import { isSameSubject, subjectOf } from './relatedness.ts'
import { remember } from '../lib/remember.ts'
import type { Breathe } from '../lib/slices.ts'
import { createBreathe } from '../lib/slices.ts'

/** A match is a line in a list. */
export const MATCH_MAX_CHARS = 120
/** The decision record keeps at most this much of a quote as the model gave it. */
const MAX_GIVEN_CHARS = 300
/** The model's requirements are looked for in the first characters of a vacancy only, at most this many. */
const VACANCY_CHARS = 20_000
/** Vacancies that are remembered, since most requests of an hour are for a few of them. A hundred longer ones would take more than 5 MB. */
const KNOWN_VACANCIES = { most: 100, maxChars: 5_000 }
/** Requirements that are remembered, since models name those of a vacancy alike in resume after resume. */
const KNOWN_REQUIREMENTS = { most: 2_000, maxChars: 200 }
const KNOWN_OF_VACANCY = { most: 50, maxChars: 200 }

/** Why a requirement that the model took for met is not proved. */
export type Rejection =
  | NotFound
  /** The first place of the quote is in a passage that is meant for the model, and no other place counts. */
  | 'addresses_model'
  | Objection
  /** The answer is doubtful as a whole, and this quote has nothing in common with its requirement. */
  | 'unrelated'
  /** The answer is doubtful as a whole, and this requirement has nothing in common with the vacancy. */
  | 'not_in_vacancy'

export interface Finding {
  /** The requirement in the model's words, tidied and shortened. */
  requirement: string
  /** What the resume says of the requirement, in the model's judgement. */
  evidence: Evidence
  /** The quote as the model gave it, shortened. */
  given: string
  /** The resume's own words for the quote; null when they were not found, or not looked for: only claims of `stated` are checked. */
  quote: string | null
  /** null when the requirement is proved, or the model did not take it for met. */
  why: Rejection | null
  /** Whether the quote shares a word with its requirement; null: there is no quote, or it is in another script. */
  related: boolean | null
  /** Whether the requirement shares a word with the vacancy; null: it is in another script. */
  ofVacancy: boolean | null
}

export const isProved = ({ evidence, quote, why }: Finding): boolean =>
  evidence === 'stated' && quote !== null && why === null

/** A text and what is suspicious in it. */
export interface Examined extends Suspicion {
  source: string
  folded: Folded
}

/** @param source a sanitised text */
export async function examine(source: string, breathe: Breathe): Promise<Examined> {
  const shown = await showInSlices(source, breathe)
  const folded = await foldInSlices(shown, breathe)
  return { source, folded, ...(await findAttacks(source, shown, folded, breathe)) }
}

/** Prepares a requirement, as the model names it, for comparison with texts. */
const readRequirement = remember((said): Asked => {
  const requirement = tidy(said, MATCH_MAX_CHARS)
  return { requirement, subject: subjectOf(requirement), ...leastOf(requirement) }
}, KNOWN_REQUIREMENTS)

/** A vacancy, and whether it names what the model calls a requirement. */
export interface Vacancy extends Examined {
  /** Whether a requirement shares a word with the vacancy; null: it is in another script. */
  names: (said: string) => boolean | null
}

/** Examines a vacancy. The result is remembered, because many resumes come for one vacancy. */
export const examineVacancy = remember(async (source): Promise<Vacancy> => {
  const examined = await examine(source, createBreathe())
  const [text, folded] = [source.slice(0, VACANCY_CHARS), examined.folded.text.slice(0, VACANCY_CHARS)]
  return { ...examined, names: remember((said) => readRequirement(said).subject.isIn(text, folded), KNOWN_OF_VACANCY) }
}, KNOWN_VACANCIES)

/** @returns one finding per requirement, in the model's order; of several that say the same, the first that is proved, or the first */
export async function findProofs(
  answer: ModelAnswer,
  vacancy: Vacancy,
  resume: Examined,
  breathe: Breathe,
): Promise<Finding[]> {
  const { source, folded, passages } = resume
  const text: Searchable = { source, letters: lettersOf(source, folded) }
  const inPassage = (span: Span) => passages.some(({ start, end }) => start < span.end && span.start < end)

  async function look(asked: Asked, quoted: Quote) {
    const { span, why } = await findQuote(
      text,
      quoted,
      (span) => (inPassage(span) ? 'addresses_model' : objectionOf(asked, source, span)),
      breathe,
    )
    if (span === null) return { quote: null, why }
    const own = source.slice(span.start, span.end)
    return { quote: own, why: why ?? objectionOfGlued(asked, quoted.source, own) }
  }

  const findings: { subject: Subject; finding: Finding }[] = []
  for (const { requirement: said, quote, evidence } of answer.requirements) {
    await breathe()
    const asked = readRequirement(said)
    const { requirement, subject } = asked
    const known = findings.find((each) => isSameSubject(each.subject, subject))
    if (subject.core.length === 0 || (known !== undefined && isProved(known.finding))) continue
    const quoted = quoteOf(quote)
    const looked = evidence === 'stated' ? await look(asked, quoted) : UNCLAIMED
    const given = quote.slice(0, MAX_GIVEN_CHARS).toWellFormed()
    const shared = given === '' ? null : subject.isIn(given, quoted.folded.text)
    const related = shared !== true && isOfKind(asked, given) ? true : shared
    const ofVacancy = vacancy.names(said)
    const finding: Finding = { requirement, evidence, given, ...looked, related, ofVacancy }
    if (known === undefined) findings.push({ subject, finding })
    else if (isProved(finding)) known.finding = finding
  }
  return findings.map(({ finding }) => finding)
}

/** Where the words of the text run together, only the model's quote separates them, so the objections are looked for in the quote. */
function objectionOfGlued(asked: Asked, given: string, own: string): Objection | null {
  const wordsIn = (text: string) => text.split(/\s+/).length
  if (given.length <= own.length || wordsIn(given) <= wordsIn(own)) return null
  return objectionOf(asked, given, { start: 0, end: given.length })
}

const UNCLAIMED = { quote: null, why: null }
