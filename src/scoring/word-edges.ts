/** Where the words and the numbers of a text begin and end, when only its letters and digits are compared. */
import { kindOf, type Letters } from './letters.ts'

/** Single letters in a row from which on they are letter-spaced words. */
const SPACED_LETTERS = 4
/** Runs are counted no further. */
const LONG_RUN = 5

/** @returns whether something stands between a letter and the one before it */
export const isApart = ({ index }: Letters, i: number): boolean => (index[i] ?? 0) - (index[i - 1] ?? 0) > 1

/** What stands between a letter and the one before it in the source; its beginning suffices. */
function between({ source, folded, index }: Letters, i: number): string {
  const from = (folded.at[index[i - 1] ?? 0] ?? 0) + 1
  return source.slice(from, Math.min(folded.at[index[i] ?? 0] ?? 0, from + 12))
}

const kindAt = ({ units }: Letters, i: number) => kindOf(units[i] ?? 0)

/** How many letters, or digits, stand together from `i` on, in steps of `step`. */
function runLength(letters: Letters, i: number, step: 1 | -1): number {
  const { length } = letters.units
  let run = 1
  for (let at = i; run < LONG_RUN; run += 1, at += step) {
    const next = at + step
    if (next < 0 || next >= length || isApart(letters, step > 0 ? next : at)) break
    if (kindAt(letters, next) !== kindAt(letters, i)) break
  }
  return run
}

/** So much of a line is looked at on either side, in UTF-16 units. */
const LINE_CHARS = 100
/** Wider gaps divide the words of a letter-spaced line. */
const SPACED_WORD = /(?:^|\s\s)\p{L}(?:\s\p{L}){3,}(?:\s?[.,:;])?(?=\s\s|$)/u

/**
 * Whether single digits before and at `i` are of one number, `2 0 1 9`: all of their line stands letter by letter, with wider gaps
 * between its words, and at least one of these is a word of letters. A row of digits alone may be so many numbers.
 */
function isInSpacedLine({ source, folded, index }: Letters, i: number): boolean {
  const place = folded.at[index[i] ?? 0] ?? 0
  const before = source.slice(Math.max(0, place - LINE_CHARS), place)
  const after = source.slice(place, place + LINE_CHARS)
  const line = `${before.split('\n').at(-1) ?? ''}${after.split('\n', 1)[0] ?? ''}`.trim()
  // The ends may be cut off in the middle of a word; single characters are whole all the same.
  return !/[\p{L}\p{N}]{2}/u.test(line) && SPACED_WORD.test(line)
}

/** Whether the gap before `i` lies in a row of single letters, `P y t h o n`, where one space ends no word. */
function isLetterSpaced(letters: Letters, i: number): boolean {
  const { length } = letters.units
  const isSingle = (at: number) =>
    at >= 0 && at < length && (at === 0 || isApart(letters, at)) && (at === length - 1 || isApart(letters, at + 1))
  if (!/^\s$/.test(between(letters, i))) return false
  if (kindAt(letters, i - 1) === 'digit' && kindAt(letters, i) === 'digit')
    return isSingle(i - 1) && isSingle(i) && isInSpacedLine(letters, i)
  let [from, to] = [i, i]
  while (i - from < SPACED_LETTERS && isSingle(from - 1)) from -= 1
  while (to - i < SPACED_LETTERS && isSingle(to)) to += 1
  return from < i && to > i && to - from >= SPACED_LETTERS
}

type Separator = 'none' | 'point' | 'other'

/** What stands between two digits. */
function separator(letters: Letters, i: number): Separator {
  if (!isApart(letters, i)) return 'none'
  return /^[.,٫]$/.test(between(letters, i)) ? 'point' : 'other'
}

/** Whether the digits from `i` on are a group of thousands: `000` in `10 000`. */
const isThousands = (letters: Letters, i: number) =>
  runLength(letters, i, 1) === 3 && runLength(letters, i - 1, -1) <= 3

/** Whether what stands apart before `i` ends a word. */
function isGap(letters: Letters, i: number): boolean {
  const gap = between(letters, i)
  if (kindAt(letters, i - 1) === 'digit' && kindAt(letters, i) === 'digit') {
    // Of a decimal number; but years stand behind a point in dates.
    if (separator(letters, i) === 'point') return runLength(letters, i, 1) === 4
    if (/^[\s'’]$/.test(gap) && isThousands(letters, i)) return false
  }
  return !/^[-‐‑¬]\s*\n/.test(gap) && !isLetterSpaced(letters, i)
}

/** @returns whether a word or number begins at `i`, or ends before it */
export function isEdge(letters: Letters, i: number): boolean {
  if (i === 0 || i === letters.units.length) return true
  if (isApart(letters, i)) return isGap(letters, i)
  const [before, after] = [kindAt(letters, i - 1), kindAt(letters, i)]
  if (before === 'digit' && after === 'digit') return false
  if (before === 'unspaced' || after === 'unspaced') return true
  // `Python3` holds a word and a number, `B2` and `1С` hold none of their own.
  if (before === 'digit') return after !== 'alphabet' || runLength(letters, i - 1, -1) >= 2
  if (after === 'digit') return before !== 'alphabet' || runLength(letters, i - 1, -1) >= 3
  return before !== after
}

/**
 * @param start where the quote's letters stand in the text
 * @returns whether its numbers are those of the text: `35` is not `3 5`, `1,5` is not `15`; `5 000` is `5000`
 */
export function hasSameNumbers(text: Letters, start: number, quote: Letters): boolean {
  for (let i = 1; i < quote.units.length; i += 1) {
    if (kindAt(quote, i) !== 'digit' || kindAt(quote, i - 1) !== 'digit') continue
    const [said, there] = [separator(quote, i), separator(text, start + i)]
    if (said === there) continue
    if (said === 'point' || there === 'point') return false
    const isGrouped = there === 'none' ? isThousands(quote, i) : isThousands(text, start + i)
    if (!isGrouped && !(there === 'other' && isLetterSpaced(text, start + i))) return false
  }
  return true
}
