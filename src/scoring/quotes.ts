/**
 * Finds a quote in a text. Equal are texts whose folded words are equal (see fold.ts). Forgiven besides are words
 * that are split otherwise, as by a line's end, and a few that differ by a letter, as by a typing error that the model put
 * right; never a number, a word left out, put in or exchanged.
 */
import type { Span } from './spans.ts'
import { foldWords, type Folded } from './fold.ts'

/** A longer quote proves nothing that a shorter one would not. In folded characters. */
const MAX_QUOTE_CHARS = 1_000
/** One word in so many may differ, and so many at the most. */
const WORDS_PER_DIFFERENCE = 8
const MAX_DIFFERENCES = 3
/** Shorter words must be equal: `не` and `на`, `Java` and `Jira`. */
const MIN_FORGIVEN_CHARS = 5
/** From this length on two letters may differ. */
const LONG_WORD_CHARS = 10
/** In a longer text (a book rather than a resume) a quote must be equal: the search for near ones would take too long. */
const MAX_NEAR_CHARS = 400_000
/** So many places of one word of a quote are looked at. */
const MAX_PLACES = 200
/** So many places of a quote are held against its requirement. */
const MAX_OBJECTIONS = 20

/** @returns all places of ` words ` in the folded text, as indexes of its first letter and of the space after it */
function* exactPlaces(text: string, words: string): Generator<Span> {
  const needle = ` ${words} `
  for (let place = text.indexOf(needle), n = 0; place >= 0 && n < MAX_PLACES; n += 1) {
    yield { start: place + 1, end: place + needle.length - 1 }
    place = text.indexOf(needle, place + 1)
  }
}

/** Whether `a` becomes `b` by at most `most` letters put in, left out or exchanged, or neighbours swapped. */
function within(a: string, b: string, most: number): boolean {
  if (Math.abs(a.length - b.length) > most) return false
  let [before, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) cost = Math.min(cost, (before[j - 2] ?? 0) + 1)
      row.push(cost)
    }
    ;[before, last] = [last, row]
  }
  return (last[b.length] ?? most + 1) <= most
}

/** Whether two words are one, mistyped. The first letter must be right: `опытный` is not `неопытный`. */
function isSlip(a: string, b: string): boolean {
  const shorter = Math.min(a.length, b.length)
  if (shorter < MIN_FORGIVEN_CHARS || a[0] !== b[0] || /\p{N}/u.test(a + b)) return false
  return within(a, b, shorter >= LONG_WORD_CHARS ? 2 : 1)
}

/** Whether two words may be written as one: `разра ботка` may, `3 5` may not, but for thousands: `5 000`. */
function mayJoin(left: string, right: string): boolean {
  return !(/\p{N}$/u.test(left) && /^\p{N}/u.test(right)) || /^\p{N}{3}(?!\p{N})/u.test(right)
}

/** The word before or after a space of the folded text, and where it begins or ends; null at the text's end. */
function wordAt(text: string, space: number, direction: 1 | -1): { word: string; space: number } | null {
  const other = direction > 0 ? text.indexOf(' ', space + 1) : space < 1 ? -1 : text.lastIndexOf(' ', space - 1)
  if (other < 0) return null
  return { word: direction > 0 ? text.slice(space + 1, other) : text.slice(other + 1, space), space: other }
}

/**
 * Walks along the text and the words of a quote from a place where they agree.
 * @param words of the quote, nearest first
 * @returns where the quote ends and how many words differ; null when more than `most` do
 */
function walk(text: string, from: number, words: string[], direction: 1 | -1, most: number) {
  let space = from
  let differences = 0
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? ''
    const here = wordAt(text, space, direction)
    if (here === null) return null
    space = here.space
    if (here.word === word) continue
    const order = <T>(first: T, second: T): [T, T] => (direction > 0 ? [first, second] : [second, first])
    const next = wordAt(text, space, direction)
    const [left, right] = order(here.word, next?.word ?? '')
    const [quotedLeft, quotedRight] = order(word, words[i + 1] ?? '')
    if (next !== null && left + right === word && mayJoin(left, right)) space = next.space
    else if (quotedLeft + quotedRight === here.word && mayJoin(quotedLeft, quotedRight)) i += 1
    else if (differences === most || !isSlip(here.word, word)) return null
    else differences += 1
  }
  return { space, differences }
}

/** Places where all but a few words stand: around each place of one of the longest words, one of which must be right. */
function* nearPlaces(text: string, quote: string): Generator<Span> {
  const words = quote.split(' ')
  if (words.length < 2 || text.length > MAX_NEAR_CHARS) return
  const most = Math.min(MAX_DIFFERENCES, Math.ceil(words.length / WORDS_PER_DIFFERENCE))
  const anchors = words
    .map((word, index) => ({ word, index }))
    .toSorted((a, b) => b.word.length - a.word.length)
    // One word for each that may differ, and as many again for those that are split.
    .slice(0, 2 * most + 1)
  for (const { word, index } of anchors) {
    for (const place of exactPlaces(text, word)) {
      const right = walk(text, place.end, words.slice(index + 1), 1, most)
      if (right === null) continue
      const left = walk(text, place.start - 1, words.slice(0, index).toReversed(), -1, most - right.differences)
      if (left !== null) yield { start: left.space + 1, end: right.space }
    }
  }
}

/** Why no place was found: the quote has no words, or more than any quote, or does not stand in the text. */
export type NotFound = 'no_quote' | 'quote_too_long' | 'not_in_resume'

/**
 * @param quote as the model gave it
 * @param objection says why a place does not count; null when it does
 * @returns the first place that counts, of those that are equal or else of those that nearly are; or the first objection
 */
export function findQuote<Objection extends string>(
  folded: Folded,
  quote: string,
  objection: (span: Span) => Objection | null,
): Span | NotFound | Objection {
  // Folding leaves out and puts in, but a quote of sense does not shrink to a quarter.
  if (quote.length > MAX_QUOTE_CHARS * 4) return 'quote_too_long'
  const words = foldWords(quote)
  if (words === '') return 'no_quote'
  if (words.length > MAX_QUOTE_CHARS) return 'quote_too_long'
  let first: Objection | null = null
  let looked = 0
  for (const places of [exactPlaces, nearPlaces]) {
    for (const place of places(folded.text, words)) {
      const span = { start: folded.at[place.start] ?? 0, end: folded.at[place.end] ?? 0 }
      const objected = objection(span)
      if (objected === null) return span
      first ??= objected
      looked += 1
      if (looked >= MAX_OBJECTIONS) return first
    }
  }
  return first ?? 'not_in_resume'
}
