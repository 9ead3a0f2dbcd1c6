/**
 * Finds a quote in a text as texts are: only letters and digits are compared, whatever stands between them on either side
 * (spaces, line breaks, hyphens, tags), and a match must begin and end where a word of the text does. So a quote is found across
 * hyphenation, and in letter-spaced and glued words. What would change its meaning is never forgiven: a letter or a digit more
 * or less, a number put together or split, a word that goes on (`Java` in `JavaScript`, `C` in `C++`), a negation.
 *
 * Three losses are forgiven, each in one direction only: the quote may leave out a bracket of the text, or with an ellipsis a short
 * part of it, unless a negation goes with it; and a ligature of the quote may be missing in the text, as fonts in PDF files lose
 * them. Time is linear in text and quote.
 */
import type { Span } from './spans.ts'
import { isLeftOf, type Letters, readQuote, type Searchable, withoutBrackets, withoutLigatures } from './letters.ts'
import type { Breathe } from '../lib/slices.ts'
import { hasSameNumbers, isApart, isEdge } from './word-edges.ts'

/** A longer quote proves nothing that a shorter one would not. In letters and digits. */
const MAX_QUOTE_CHARS = 1_000
/** So much of a quote is read: folding leaves out and puts in, but one of sense does not shrink to a quarter. */
const READ_CHARS = 4 * MAX_QUOTE_CHARS
/** So many places are tried, so many of them are looked at closely, and so many are held against the objections. */
const MAX_TRIED = 5_000
const MAX_PLACES = 200
const MAX_OBJECTIONS = 20
/** What an ellipsis may leave out, in UTF-16 units, and how many parts a quote may have. */
const MAX_ELLIPSIS_CHARS = 300
const MAX_PARTS = 4
/** A match may reach over so much of the text for each of its letters, and so much besides: a thousand marks are no word. */
const MAX_SPREAD = 4
const MAX_SPREAD_CHARS = 400
/** A quote may begin or end within a word of the text that holds so many of its words, the outermost of so many letters. */
const GLUED_WORDS = 3
const GLUED_LETTERS = 5

const NEGATION = /(?<!\p{L})(?:не|нет|ни|без|no|not|nor|never|without|\p{L}{1,9}n['’]t)(?!\p{L})|[不没沒未无無非]/iu
/** `not able` is not `notable`. */
const negationsOf = (folded: string) => folded.match(/(?<= )(?:no|not|nor)(?= )/g)?.length ?? 0
/** Chinese and Japanese particles stand right before what they deny, without a space. */
const DENYING = /[不没沒未无無非]/u

/**
 * Whether the text has lost its spaces where the match begins (`step` 1) or ends (-1) within a word: that word holds several
 * words of the quote.
 */
function isGlued(text: Letters, start: number, quote: Letters, step: 1 | -1): boolean {
  const { length } = quote.units
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

/** @returns the span of the source; null when what stands at `start` only looks like the quote */
function check(text: Letters, start: number, quote: Letters): Span | null {
  const end = start + quote.units.length
  if (!isEdge(text, start) && !isGlued(text, start, quote, 1)) return null
  if (!isEdge(text, end) && !isGlued(text, start, quote, -1)) return null
  const { at, text: folded } = text.folded
  const [first, last] = [text.index[start] ?? 0, text.index[end - 1] ?? 0]
  const span = { start: at[first] ?? 0, end: at[last + 1] ?? 0 }
  if (span.end - span.start > MAX_SPREAD * quote.units.length + MAX_SPREAD_CHARS) return null
  const before = start === 0 || isApart(text, start) ? '' : String.fromCharCode(text.units[start - 1] ?? 0)
  if (DENYING.test(before) || !hasSameNumbers(text, start, quote)) return null
  return negationsOf(` ${folded.slice(first, last + 1)} `) > negationsOf(quote.folded.text) ? null : span
}

/** For each letter of the quote how many of its first letters also end there (Knuth, Morris, Pratt). */
function bordersOf(units: Uint16Array): Int32Array {
  const borders = new Int32Array(units.length)
  for (let i = 1, length = 0; i < units.length; i += 1) {
    while (length > 0 && units[i] !== units[length]) length = borders[length - 1] ?? 0
    if (units[i] === units[length]) length += 1
    borders[i] = length
  }
  return borders
}

/** @returns the places of the quote in the text, first to last */
function* placesOf(text: Letters, quote: Letters, accepts = (_start: number) => true): Generator<Span> {
  const [units, wanted] = [text.units, quote.units]
  const { length } = wanted
  const borders = bordersOf(wanted)
  const words = wanted.reduce((count, _unit, i) => count + (isApart(quote, i) ? 1 : 0), 1)
  let looked = 0
  let tried = 0
  for (let i = 0, matched = 0; i < units.length && tried < MAX_TRIED; i += 1) {
    while (matched > 0 && units[i] !== wanted[matched]) matched = borders[matched - 1] ?? 0
    if (units[i] === wanted[matched]) matched += 1
    if (matched < length) continue
    matched = borders[length - 1] ?? 0
    const start = i - length + 1
    tried += 1
    // Most places of a short quote lie within other words: they do not count.
    if (words < GLUED_WORDS && !(isEdge(text, start) && isEdge(text, i + 1))) continue
    looked += 1
    if (looked > MAX_PLACES) return
    const span = accepts(start) ? check(text, start, quote) : null
    if (span !== null) yield span
  }
}

const ELLIPSIS = /[[(<]?\s?(?:\.{2,}|…+)\s?[\])>]?/

/** @returns places of a quote that leaves out parts of the text */
function* placesOfParts({ source, letters }: Searchable, quote: string): Generator<Span> {
  const parts = quote.split(ELLIPSIS).map(readQuote)
  const said = parts.filter(({ units }) => units.length > 0)
  if (said.length < 2 || said.length > MAX_PARTS) return
  const [firsts = [], ...others] = said.map((part) => [...placesOf(letters, part)])
  for (const { start, end } of firsts) {
    let reached: number | undefined = end
    for (const places of others) {
      const from: number = reached
      const next = places.find((place) => place.start >= from && place.start - from <= MAX_ELLIPSIS_CHARS)
      reached = next === undefined || NEGATION.test(source.slice(from, next.start)) ? undefined : next.end
      if (reached === undefined) break
    }
    if (reached !== undefined) yield { start, end: reached }
  }
}

/** @returns places that differ from the quote by lost ligatures and nothing else */
function* placesOfLost(text: Searchable, quote: Letters): Generator<Span> {
  const bare = withoutLigatures(quote)
  if (bare.units.length === quote.units.length || bare.units.length < GLUED_LETTERS) return
  const letters = (text.ligatureless ??= withoutLigatures(text.letters))
  /** The letters that were left out before a letter. */
  const gone = ({ folded, index }: Letters, i: number) =>
    i === 0 ? '' : folded.text.slice((index[i - 1] ?? 0) + 1, index[i]).replace(/[ %]/g, '')
  yield* placesOf(letters, bare, (start) =>
    bare.units.every((_unit, i) => {
      const there = i === 0 ? '' : gone(letters, start + i)
      return there === '' || isLeftOf(there, gone(bare, i))
    }),
  )
}

export interface Quote {
  /** As the model gave it, but for what is beyond any quote. */
  quote: string
  letters: Letters
}

/** @param given as the model gave it */
export function quoteOf(given: string): Quote {
  const quote = given.slice(0, READ_CHARS + 1)
  return { quote, letters: readQuote(quote) }
}

/** Why no place was found: the quote has no words, or more than any quote, or does not stand in the text. */
export type NotFound = 'no_quote' | 'quote_too_long' | 'not_in_resume'

/**
 * @param objection says why a place does not count; null when it does
 * @returns the first place that counts; or the first objection, or why there is no place
 */
export async function findQuote<Objection extends string>(
  text: Searchable,
  { quote, letters }: Quote,
  objection: (span: Span) => Objection | null,
  breathe: Breathe,
): Promise<Span | { objection: Objection; span: Span } | NotFound> {
  if (quote.length > READ_CHARS || letters.units.length > MAX_QUOTE_CHARS) return 'quote_too_long'
  if (letters.units.length === 0) return 'no_quote'
  let first: { objection: Objection; span: Span } | null = null
  let looked = 0
  const ways: (() => Promise<Iterable<Span>> | Iterable<Span>)[] = [
    () => placesOf(text.letters, letters),
    () => placesOfParts(text, quote),
    async () => {
      const bare = await withoutBrackets(text, (bracket) => !NEGATION.test(bracket), breathe)
      return bare === null ? [] : placesOf(bare, letters)
    },
    () => placesOfLost(text, letters),
  ]
  for (const way of ways) {
    for (const span of await way()) {
      const objected = objection(span)
      if (objected === null) return span
      first ??= { objection: objected, span }
      looked += 1
      if (looked >= MAX_OBJECTIONS) return first
    }
    if (first !== null) return first
    await breathe()
  }
  return 'not_in_resume'
}
