/**
 * Finds a quote in a text. Only letters and digits are compared, whatever stands between them on either side (spaces, line breaks,
 * hyphens, tags), and a match must begin and end where a word of the text does, unless several words are glued together there. So a
 * quote is found across hyphenation, and in letter-spaced and glued words. What would change its meaning is never forgiven: a letter or a
 * digit more or less, a number put together or split, a word that goes on (`Java` in `JavaScript`, `C` in `C++`), a negation left out.
 *
 * Three losses are forgiven, each in one direction only: the quote may leave out an aside of the text (a bracket, the mark of a list's item,
 * the number of a page), or with an ellipsis a short part of the text, unless what is left out negates; and a ligature of the quote may be
 * missing in the text, as fonts in PDF files lose them. A longer quote may end with half a word where a line of the text does; the half
 * does not belong to what is found. Time is linear in text and quote.
 */
import { DENYING_WORDS, plain, within } from './clauses.ts'
import type { Span } from '../lib/span.ts'
import type { Letters, Searchable } from './letters.ts'
import { isLeftOf, readQuote, withoutAsides, withoutLigatures } from './letters.ts'
import { beginsWithUnit, isMeasured } from './measures.ts'
import { isPlan } from './plans.ts'
import type { Breathe } from '../lib/slices.ts'
import { hasSameNumbers, isApart, isEdge } from './word-edges.ts'

/** A longer quote is rejected: it proves nothing that a shorter one would not. In letters and digits. */
const MAX_QUOTE_CHARS = 1_000
/** A quote of more UTF-16 units is rejected too. Of a sensible quote, more than a quarter are letters and digits. */
const READ_CHARS = 4 * MAX_QUOTE_CHARS
/** This many first letters of a quote are looked for alone. To look for the whole quote could take the text's length times the quote's. */
const HEAD_CHARS = 16
/** At most this many places of these first letters are tried. */
const MAX_TRIED = 5_000
/** At most this many places of the whole quote are checked closely. */
const MAX_PLACES = 200
/** At most this many places are checked for objections. */
const MAX_OBJECTIONS = 20
/** How much an ellipsis may leave out, in UTF-16 units, and how many parts a quote may have. */
const MAX_ELLIPSIS_CHARS = 300
const MAX_PARTS = 4
/** A match spans at most this many UTF-16 units of the text per letter, plus a constant: a letter with a thousand marks is no word. */
const MAX_SPREAD = 4
const MAX_SPREAD_CHARS = 400
/** A match may begin or end within a word of the text if that word holds this many words of the quote. */
const GLUED_WORDS = 3
/** The first of these words, or the last at the match's end, has at least this many letters. */
const GLUED_LETTERS = 5

const NEGATION = new RegExp(
  `${within(`${DENYING_WORDS}|нет|no|без|without|sin|sem|sans|ohne|bez|\\p{L}{1,9}n['’]t`).source}|[不没沒未无無非]`,
  'iu',
)
/**
 * A match may not hold more negations than the quote: `not able` in the text is not the quote's `notable`. Before a number, "no" stands for
 * `№` or for "No."
 */
const negationsOf = (folded: string) => folded.match(/(?<= )(?:no(?! \d)|not|nor)(?= )/g)?.length ?? 0
/** Chinese and Japanese particles stand right before what they deny, without a space. */
const DENYING = /[不没沒未无無非]/u

/**
 * Whether the text has lost its spaces where the match begins (`step` 1) or ends (-1) within a word: that word holds several
 * words of the quote.
 */
function isGlued(text: Letters, start: number, quote: Letters, step: 1 | -1): boolean {
  const { length } = quote.text
  let words = 1
  let letters = 0
  for (let n = 1; n < length && words < GLUED_WORDS; n += 1) {
    const at = step > 0 ? n : length - n
    if (isApart(text, start + at)) return false
    if (!isApart(quote, at)) continue
    if (words === 1) letters = n
    words += 1
  }
  return words === GLUED_WORDS && letters >= GLUED_LETTERS
}

/** The Arabic "and" is written together with the word after it, which a longer quote may begin with. */
const isAfterAnd = (text: Letters, start: number) =>
  text.text[start - 1] === 'و' && (start === 1 || isApart(text, start - 1))

/** @returns the span of the source; null when what stands at `start` only looks like the quote */
function check(text: Letters, start: number, quote: Letters): Span | null {
  const end = start + quote.text.length
  if (!isEdge(text, start) && !isAfterAnd(text, start) && !isGlued(text, start, quote, 1)) return null
  if (!isEdge(text, end) && !isGlued(text, start, quote, -1)) return null
  const { at, text: folded } = text.folded
  const [first, last] = [text.index[start] ?? 0, text.index[end - 1] ?? 0]
  const span = { start: at[first] ?? 0, end: at[last + 1] ?? 0 }
  if (span.end - span.start > MAX_SPREAD * quote.text.length + MAX_SPREAD_CHARS) return null
  const before = start === 0 || isApart(text, start) ? '' : text.text.charAt(start - 1)
  if (DENYING.test(before) || !hasSameNumbers(text, start, quote)) return null
  return negationsOf(` ${folded.slice(first, last + 1)} `) > negationsOf(quote.folded.text) ? null : span
}

/** @returns whether the quote has enough words for a match to begin or end within a word of the text */
function hasManyWords(quote: Letters): boolean {
  let words = 1
  for (let i = 1; i < quote.text.length && words < GLUED_WORDS; i += 1) if (isApart(quote, i)) words += 1
  return words >= GLUED_WORDS
}

export interface Quote extends Letters {
  /** The letters of half a word, which must follow in the text with the hyphen by which a line's end divides it; '' for none. */
  half: string
}

function goesOnWith(text: Letters, start: number, half: string): boolean {
  if (half === '') return true
  const last = text.folded.at[text.index[start + half.length - 1] ?? 0] ?? 0
  return text.text.startsWith(half, start) && /^[-‐‑¬](?:\s|$)/.test(text.source.slice(last + 1, last + 3))
}

/** @returns the places of the quote in the text, first to last */
function* placesOf(text: Letters, quote: Quote, accepts = (_start: number) => true): Generator<Span> {
  const { length } = quote.text
  const head = quote.text.slice(0, HEAD_CHARS)
  const mayLieWithin = hasManyWords(quote)
  let looked = 0
  let start = text.text.indexOf(head)
  for (let tried = 0; start >= 0 && tried < MAX_TRIED; tried += 1, start = text.text.indexOf(head, start + 1)) {
    if (!text.text.startsWith(quote.text, start)) continue
    if (!goesOnWith(text, start + length, quote.half)) continue
    // Most places of a short quote lie within other words and do not count.
    if (!mayLieWithin && !(isEdge(text, start) && isEdge(text, start + length))) continue
    looked += 1
    if (looked > MAX_PLACES) return
    const span = accepts(start) ? check(text, start, quote) : null
    if (span !== null) yield span
  }
}

/** How many sentences may end in what an ellipsis leaves out: beyond that, the parts no longer speak of one thing. */
const MAX_SENTENCE_ENDS = 2
/** Whether a quote may leave out a part of the text: no denial, no plan, no number's unit, no figure when the quote states another. */
const mayBeLeftOut = (part: string, quote: string) =>
  !NEGATION.test(part) &&
  !isPlan(plain(part)) &&
  !beginsWithUnit(part) &&
  !(isMeasured(part) && isMeasured(quote)) &&
  (part.match(/[.!?](?=\s)/g)?.length ?? 0) <= MAX_SENTENCE_ENDS

const ELLIPSIS = /[[(<]?\s?(?:\.{2,}|…+)\s?[\])>]?/

/** @returns places of a quote that leaves out parts of the text */
function* placesOfParts({ source, letters }: Searchable, quote: Quote): Generator<Span> {
  const given = quote.source.split(ELLIPSIS)
  const parts = given.map((part, i) => ({ ...readQuote(part), half: i === given.length - 1 ? quote.half : '' }))
  const said = parts.filter(({ text }) => text !== '')
  if (said.length < 2 || said.length > MAX_PARTS) return
  const [firsts = [], ...others] = said.map((part) => [...placesOf(letters, part)])
  for (const { start, end } of firsts) {
    const reached = others.reduce((from, places) => {
      const next = places.find((place) => place.start >= from && place.start - from <= MAX_ELLIPSIS_CHARS)
      return next === undefined || !mayBeLeftOut(source.slice(from, next.start), quote.source) ? NaN : next.end
    }, end)
    if (!Number.isNaN(reached)) yield { start, end: reached }
  }
}

/** @returns places that differ from the quote by lost ligatures and nothing else */
function* placesOfLost(text: Searchable, quote: Quote): Generator<Span> {
  const bare = { ...quote, ...withoutLigatures(quote) }
  if (bare.text.length === quote.text.length || bare.text.length < GLUED_LETTERS) return
  const letters = (text.ligatureless ??= withoutLigatures(text.letters))
  /** The letters that such a view leaves out right before its letter `i`. */
  const gone = ({ folded, index }: Letters, i: number) =>
    i === 0 ? '' : folded.text.slice((index[i - 1] ?? 0) + 1, index[i]).replace(/[ %]/g, '')
  yield* placesOf(letters, bare, (start) =>
    bare.index.every((_place, i) => {
      const there = i === 0 ? '' : gone(letters, start + i)
      return there === '' || isLeftOf(there, gone(bare, i))
    }),
  )
}

/** A quote of at least this many words may end with half a word, which the end of a line divides. */
const WORDS_BEFORE_HALF = 3

/** @returns the half word at the end of a quote, with its hyphen; '' for none */
function halfOf(quote: string): string {
  const said = quote.trimEnd()
  if (quote.length > READ_CHARS || !/[-‐‑¬]$/.test(said)) return ''
  const words = said.split(/\s+/)
  const last = words.at(-1) ?? ''
  return words.length > WORDS_BEFORE_HALF && /^\p{L}+.$/u.test(last) ? last : ''
}

/** @returns the letters of a quote as the model gave it, without what exceeds the longest one; half a word at its end apart */
export function quoteOf(given: string): Quote {
  const said = given.slice(0, READ_CHARS + 1)
  const half = halfOf(said)
  return { ...readQuote(said.trimEnd().slice(0, half === '' ? undefined : -half.length)), half: readQuote(half).text }
}

/** Why no place was found: the quote has no words, is too long, or is not in the text. */
export type NotFound = 'no_quote' | 'quote_too_long' | 'not_in_resume'

/**
 * @param objection says why a place does not count; null when it does
 * @returns the first place that counts; or the first that does not, and why; or why there is none
 */
export async function findQuote<Objection extends string>(
  text: Searchable,
  quote: Quote,
  objection: (span: Span) => Objection | null,
  breathe: Breathe,
): Promise<{ span: Span | null; why: Objection | NotFound | null }> {
  if (quote.source.length > READ_CHARS || quote.text.length > MAX_QUOTE_CHARS)
    return { span: null, why: 'quote_too_long' }
  if (quote.text === '') return { span: null, why: 'no_quote' }
  let first: { span: Span; why: Objection } | null = null
  let looked = 0
  const ways: (() => Iterable<Span>)[] = [
    () => placesOf(text.letters, quote),
    () => placesOfParts(text, quote),
    () => placesOf((text.asideless ??= withoutAsides(text, (each) => !NEGATION.test(each))), quote),
    () => placesOfLost(text, quote),
  ]
  for (const way of ways) {
    for (const span of way()) {
      const why = objection(span)
      if (why === null) return { span, why }
      first ??= { span, why }
      looked += 1
      if (looked >= MAX_OBJECTIONS) return first
    }
    if (first !== null) return first
    await breathe()
  }
  return { span: null, why: 'not_in_resume' }
}
