/** Where the words and the numbers of a text begin and end, when only its letters and digits are compared. */
import { kindOf, type Letters } from './letters.ts'

/** This many single letters in a row are letter-spaced words. */
const SPACED_LETTERS = 4
/** Runs are counted only up to this length. */
const LONG_RUN = 5

/** @returns whether something stands between letter `i` and the one before */
export const isApart = ({ index }: Letters, i: number): boolean => (index[i] ?? 0) - (index[i - 1] ?? 0) > 1

/** The first characters of the source between letter `i` and the one before. */
function between({ source, folded, index }: Letters, i: number): string {
  const from = (folded.at[index[i - 1] ?? 0] ?? 0) + 1
  return source.slice(from, Math.min(folded.at[index[i] ?? 0] ?? 0, from + 12))
}

const kindAt = ({ text }: Letters, i: number) => kindOf(text.charCodeAt(i))

/** How many letters of one kind, or digits, stand together from `i` on, forwards (`step` 1) or backwards (-1). */
function runLength(letters: Letters, i: number, step: 1 | -1): number {
  const { length } = letters.text
  let run = 1
  for (let at = i; run < LONG_RUN; run += 1, at += step) {
    const next = at + step
    if (next < 0 || next >= length || isApart(letters, step > 0 ? next : at)) break
    if (kindAt(letters, next) !== kindAt(letters, i)) break
  }
  return run
}

/**
 * Whether the gap before `i` lies in a row of single letters, `P y t h o n`, where one space ends no word. Digits in a row may be
 * several numbers, so they are never put together.
 */
function isLetterSpaced(letters: Letters, i: number): boolean {
  const { length } = letters.text
  const isSingle = (at: number) =>
    at >= 0 && at < length && (at === 0 || isApart(letters, at)) && (at === length - 1 || isApart(letters, at + 1))
  // The end of a line ends a word in letter-spaced text too.
  if (!/^[^\S\n]$/.test(between(letters, i))) return false
  let [from, to] = [i, i]
  while (i - from < SPACED_LETTERS && isSingle(from - 1)) from -= 1
  while (to - i < SPACED_LETTERS && isSingle(to)) to += 1
  return from < i && to > i && to - from >= SPACED_LETTERS
}

/** What stands between two digits: nothing, a decimal point, the space or apostrophe before three digits (`10 000`), or something else. */
type Separator = 'none' | 'point' | 'group' | 'other'

function separator(letters: Letters, i: number): Separator {
  if (!isApart(letters, i)) return 'none'
  const gap = between(letters, i)
  if (/^[.,٫．，]$/.test(gap)) return 'point'
  const isGroup = /^[^\S\n]$|^['’]$/.test(gap) && runLength(letters, i, 1) === 3 && runLength(letters, i - 1, -1) <= 3
  return isGroup ? 'group' : 'other'
}

const areDigits = (letters: Letters, i: number) => kindAt(letters, i - 1) === 'digit' && kindAt(letters, i) === 'digit'

/** Whether the gap before `i` ends a word or a number. */
function isGap(letters: Letters, i: number): boolean {
  if (areDigits(letters, i)) {
    const kind = separator(letters, i)
    // A decimal number goes on after its point. But four digits after a point are the year of a date.
    return kind === 'other' || (kind === 'point' && runLength(letters, i, 1) === 4)
  }
  return !isLetterSpaced(letters, i)
}

/** @returns whether a word or number begins at `i`, or ends before it */
export function isEdge(letters: Letters, i: number): boolean {
  if (i === 0 || i === letters.text.length) return true
  if (isApart(letters, i)) return isGap(letters, i)
  const [before, after] = [kindAt(letters, i - 1), kindAt(letters, i)]
  if (before === 'digit' && after === 'digit') return false
  if (before === 'unspaced' || after === 'unspaced') return true
  // A number ends after two digits, a word after three letters: `Python3` is a word and a number, `B2` and `1С` are one word each.
  if (before === 'digit') return after !== 'alphabet' || runLength(letters, i - 1, -1) >= 2
  if (after === 'digit') return before !== 'alphabet' || runLength(letters, i - 1, -1) >= 3
  return before !== after
}

/**
 * @param start where the quote's letters stand in the text
 * @returns whether its numbers are those of the text: `35` is not `3 5`, `1,5` is not `15`; `5 000` is `5000`
 */
export function hasSameNumbers(text: Letters, start: number, quote: Letters): boolean {
  for (let i = 1; i < quote.text.length; i += 1) {
    if (!areDigits(quote, i)) continue
    const [said, there] = [separator(quote, i), separator(text, start + i)]
    const [isPoint, isGroup] = [said === 'point' || there === 'point', said === 'group' || there === 'group']
    if (said !== there && (isPoint || !isGroup)) return false
  }
  return true
}
