/** What the words of a quote themselves say against its requirement. These rules are narrow on purpose: the rest is the model's to judge. */
import { MAX_CHARS } from './clauses.ts'
import { findDenial } from './denials.ts'
import type { Span } from './spans.ts'
import type { Subject } from './relatedness.ts'

/** The clause denies it or only plans it; or both sides state years or a language level, and the quote's are lower. */
export type Objection = 'denied' | 'planned' | 'falls_short'

const DURATION =
  /(\d{1,2}(?:[.,]\d)?)[-\s]?(?:х|ти|и)?\+?\s*(лет|год(?:а|у|ов)?|years?|yrs?|месяц\p{L}*|мес|months?)(?!\p{L})/giu
const UNIT = /(?<!\p{L})(?:лет|год\p{L}*|years?|yrs?|месяц\p{L}*|мес|months?)(?!\p{L})/giu
/** Beside them a number of years is no length of experience, or not all of it. */
const NO_LENGTH =
  /(?:19|20)\d\d|\d\+|(?<!\p{L})(?:за|более|больше|свыше|почти|около|последн\p{L}*|прошл\p{L}*|назад|кажд\p{L}*|раз|возраст\p{L}*|ребен\p{L}*|дет[еия]\p{L}*|сын\p{L}*|доч\p{L}*|гаранти\p{L}*|старше|мне|over|more|last|past|ago|every|each|within|aged?|old)(?!\p{L})/iu
/** A bound from above. */
const AT_MOST = /(?<!\p{L})(?:до|возраст\p{L}*|не (?:более|старше|больше)|младше|up to|under|at most|aged?)(?!\p{L})/iu

const yearsOf = (text: string) =>
  [...text.matchAll(DURATION)].map(
    ([, number = '', unit = '']) => Number(number.replace(',', '.')) / (/^(?:мес|mon)/i.test(unit) ? 12 : 1),
  )

/** Whether both sides state years and the quote fewer, all of them together. */
function lacksYears(requirement: string, quote: string): boolean {
  const wanted = yearsOf(requirement)
  if (wanted.length === 0 || AT_MOST.test(requirement)) return false
  const stated = yearsOf(quote)
  const isAllInFigures = stated.length > 0 && stated.length === (quote.match(UNIT)?.length ?? 0)
  if (!isAllInFigures || NO_LENGTH.test(quote.replaceAll('ё', 'е'))) return false
  return stated.reduce((sum, years) => sum + years, 0) < Math.min(...wanted)
}

const LEVEL = /(?<![\p{L}\p{N}])[ABCАВС][12](?![\p{L}\p{N}])|(?:upper[-\s]?|pre[-\s]?)?intermediate/giu
const NAMED: Record<string, string> = { pre: 'A2', int: 'B1', upp: 'B2' }
const LATIN: Record<string, string> = { А: 'A', В: 'B', С: 'C' }

/** @returns the levels of a text, the lowest first */
const levelsOf = (text: string) =>
  (text.match(LEVEL) ?? [])
    .map((level) => NAMED[level.slice(0, 3).toLowerCase()] ?? level.toUpperCase())
    .map((level) => level.replace(/[АВС]/, (letter) => LATIN[letter] ?? letter))
    .toSorted()

/** Whether both sides state a level of the Common European Framework and the quote none that is high enough. */
function lacksLevel(requirement: string, quote: string): boolean {
  const [lowest] = levelsOf(requirement)
  if (lowest === undefined || /категори|\bcategory/i.test(requirement)) return false
  const highest = levelsOf(quote).at(-1)
  return highest !== undefined && highest < lowest && !/свободн|родной|носител|fluent|native/i.test(quote)
}

/** Requirements with none of these ask for no years and no level. */
const MAY_ASK_FIGURES = /\d|intermediate/i

/** @returns what the quote's own words say against its requirement; null: nothing that can be known */
export function objectionOf(requirement: string, subject: Subject, source: string, span: Span): Objection | null {
  if (MAY_ASK_FIGURES.test(requirement)) {
    const quote = source.slice(span.start, Math.min(span.end, span.start + MAX_CHARS))
    if (lacksYears(requirement, quote) || lacksLevel(requirement, quote)) return 'falls_short'
  }
  return findDenial(requirement, subject, source, span)
}
