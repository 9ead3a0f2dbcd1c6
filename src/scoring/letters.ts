/**
 * The letters and digits by which a quote is compared with a text, in three views: of the text as its reader sees it; the same without
 * asides, such as brackets; the first view without ligatures. Each letter knows its place in the source.
 */
import type { Breathe } from '../lib/slices.ts'
import { fold, type Folded, type Places, placesOf, roomFor, textOf } from '../lib/fold.ts'
import type { Span } from '../lib/span.ts'

export interface Letters {
  source: string
  folded: Folded
  /** The letters and digits alone, in folded form. */
  text: string
  /** For each letter its index in the folded text. Where the indices of neighbours differ by more than one, something stands between. */
  index: Places
}

/** The kind of a UTF-16 unit. It decides where words end. */
export type Kind =
  | 'digit'
  /** Latin, Cyrillic, Greek, which are mixed by look-alike letters, and the signs of C++ and C#. */
  | 'alphabet'
  /** Of scripts that are written without spaces, and halves of code points beyond U+FFFF. */
  | 'unspaced'
  /** Of any other script: a Latin word ends where such a letter begins. */
  | 'other'

const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{Cs}]/u

export function kindOf(unit: number): Kind {
  if (unit >= 0x30 && unit <= 0x39) return 'digit'
  if (unit < 0x530) return 'alphabet'
  const letter = String.fromCharCode(unit)
  return UNSPACED.test(letter) ? 'unspaced' : /\p{N}/u.test(letter) ? 'digit' : 'other'
}

const SPACE = 0x20
const PERCENT = 0x25
const PLUS = 0x2b
const SHARP = 0x23

/** `#` and `++` right behind a letter are part of a name (C#, C++); elsewhere such signs join things or adorn them. */
function isOfName(text: string, i: number): boolean {
  const isLetter = (at: number) => kindOf(text.charCodeAt(at)) === 'alphabet' && text.charCodeAt(at) > PLUS
  if (text.charCodeAt(i) === SHARP) return isLetter(i - 1) && !isLetter(i + 1)
  if (text.charCodeAt(i - 1) === PLUS) return isLetter(i - 2)
  return text.charCodeAt(i + 1) === PLUS && isLetter(i - 1)
}

/** @param folded the folded form of what a reader of the text sees; see `shownOf` */
export function lettersOf(source: string, folded: Folded): Letters {
  const { text } = folded
  const room = roomFor(text.length)
  let length = 0
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i)
    if (unit === SPACE || unit === PERCENT) continue
    if ((unit === PLUS || unit === SHARP) && !isOfName(text, i)) continue
    room.units[length] = unit
    room.at[length] = i
    length += 1
  }
  return { source, folded, text: textOf(room, length), index: placesOf(room, length) }
}

/**
 * Leaves out the letters whose places lie in spans.
 * @param spans in rising order
 * @param placeOf gives the place of the letter with an index, on the scale of the spans
 */
function leaveOut(letters: Letters, spans: Span[], placeOf: (i: number) => number): Letters {
  if (spans.length === 0) return letters
  const { text, index } = letters
  const room = roomFor(text.length)
  let length = 0
  let next = 0
  for (let i = 0; i < text.length; i += 1) {
    const place = placeOf(i)
    while ((spans[next]?.end ?? Infinity) <= place) next += 1
    if ((spans[next]?.start ?? Infinity) <= place) continue
    room.units[length] = text.charCodeAt(i)
    room.at[length] = index[i] ?? 0
    length += 1
  }
  return { ...letters, text: textOf(room, length), index: placesOf(room, length) }
}

/** @returns the spans of the first {@link MAX_LEFT_OUT} matches: a hostile text may have a million */
const spansOf = (matches: IteratorObject<RegExpExecArray>): Span[] =>
  matches
    .take(MAX_LEFT_OUT)
    .map(({ index: start, 0: { length } }) => ({ start, end: start + length }))
    .toArray()

const TAG = /<\/?[a-z][^<>]{0,300}>/gi
const ENTITY =
  /&(?:amp;)?(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z])(?:acute|grave|circ|uml|tilde|cedil|ring|slash|caron)|[a-z]{2,8});/gi

/** An escape of JSON: of a character by its number, of white space or of a sign. Elsewhere a backslash divides words: `Git\nginx`. */
const ESCAPE = /\\(?:u([\da-fA-F]{4})|[nrt](?![a-z])|["/])/g

/** A hyphen at the end of a line, within a word. */
const HYPHENATION = /[-‐‑¬](?<=\p{L}.)\s{0,9}\n\s{0,9}(?=\p{Ll})/gu
/** Fills the places of what is not shown: folding drops it. */
const SOFT_HYPHEN = '\xad'

/** @returns a character in the place of what stands for it, and as long */
const inPlaceOf = (given: string, shown: string): string =>
  shown + (shown === ' ' ? ' ' : SOFT_HYPHEN).repeat(given.length - 1)

/** @param unit the hexadecimal number of a character; undefined: the escape stands for white space or a sign */
const unescape = (escape: string, unit?: string): string =>
  inPlaceOf(escape, unit === undefined ? ' ' : String.fromCharCode(Number.parseInt(unit, 16)))

/**
 * @param blank what is shown in the place of a tag
 * @returns a text as its reader sees it: an entity of a letter or with a number becomes its character, as an escape of JSON does, other
 * entities and tags become spaces, and hyphens of words that a line break divides become soft ones. Every other character stays in its
 * place.
 */
function shownOf(source: string, blank = (tag: string) => ' '.repeat(tag.length)): string {
  // Without the u flag a search finds much sooner that there is no such hyphen.
  const joined = /[-‐‑¬]\s{0,9}\n/.test(source)
    ? source.replace(HYPHENATION, (hyphen) => SOFT_HYPHEN.repeat(hyphen.length))
    : source
  const unescaped = joined.includes('\\') ? joined.replace(ESCAPE, unescape) : joined
  if (!/[<&]/.test(unescaped)) return unescaped
  return unescaped
    .replace(TAG, blank)
    .replace(ENTITY, (entity: string, decimal?: string, hexadecimal?: string, letter?: string) => {
      const code = decimal === undefined ? Number.parseInt(hexadecimal ?? '20', 16) : Number(decimal)
      return inPlaceOf(entity, letter ?? (code > 0 && code < 0xd800 ? String.fromCharCode(code) : ' '))
    })
}

/** Tags within a line. */
const INLINE = /^<\/?(?:a|b|em|font|i|mark|small|span|strong|sub|sup|u)\b/i
/** Stands for any other tag, and ends a sentence. */
export const PARAGRAPH = '\u2029'

/** @returns a part of a text as its reader sees it; its characters do not keep their places */
export function readable(part: string): string {
  if (!/[<&\\\xad]|[-‐‑¬]\s{0,9}\n/.test(part)) return part
  return shownOf(part, (tag) => (INLINE.test(tag) ? '' : PARAGRAPH)).replaceAll(SOFT_HYPHEN, '')
}

const SHOWN_SLICE = 32_768
/** No tag, entity, escape or hyphen with its line's end is longer. */
const MAX_MARKUP = 320

/** @returns the same as `shownOf`, with pauses */
export async function showInSlices(source: string, breathe: Breathe): Promise<string> {
  let shown = ''
  for (let from = 0, to = 0; from < source.length; from = to) {
    to = from + SHOWN_SLICE
    // A slice ends before what might be cut in two.
    if (to < source.length) {
      const opening = source.slice(to - MAX_MARKUP, to).search(/[<&\\‐‑¬-][^<&\\‐‑¬-]*$/)
      if (opening >= 0) to -= MAX_MARKUP - opening
    }
    shown += shownOf(source.slice(from, to))
    await breathe()
  }
  return shown
}

/** @returns the letters of a quote, whose source is the quote as its reader sees it */
export function readQuote(quote: string): Letters {
  const shown = shownOf(quote)
  return lettersOf(shown, fold(shown))
}

/** A text made ready for looking up quotes. */
export interface Searchable {
  source: string
  letters: Letters
  /** The other views, made when they are first needed. */
  asideless?: Letters
  ligatureless?: Letters
}

/** At most this many asides or ligatures of a text are left out. */
const MAX_LEFT_OUT = 20_000
/**
 * What stands between the words of a sentence: brackets (the address of a link among them), marks of a list's items, a line that ends with
 * the number of a page. What else a line holds stays: it may be a number or a name that counts.
 */
const ASIDES = new RegExp(
  [
    '\\([^()\\n]{1,200}\\)',
    '\\[[^[\\]\\n]{1,200}\\](?!\\()',
    '^[^\\S\\n]{0,9}(?:o(?=\\s[A-ZА-ЯЁ])|\\d{1,2}[.)](?=\\s[^\\s\\d]))',
    '\\d{1,2}\\)(?<=[,;:]\\s\\d{1,2}\\))(?=\\s[^\\s\\d])',
    '\\n[^\\n]{0,80}(?:[Сс]тр\\.|[Сс]траница|[Pp]age)\\s\\d{1,3}\\s(?:из|of)\\s\\d{1,3}[^\\S\\n]{0,9}(?=\\n)',
  ].join('|'),
  'gm',
)

/** @param mayDrop whether an aside may be left out */
export function withoutAsides({ source, letters }: Searchable, mayDrop: (aside: string) => boolean): Letters {
  const { at } = letters.folded
  const spans = spansOf(source.matchAll(ASIDES).filter(([aside]) => mayDrop(aside)))
  return leaveOut(letters, spans, (i) => at[letters.index[i] ?? 0] ?? 0)
}

const LIGATURE = /ff[il]?|f[ilt]|t[ti]/g

/** @returns whether exactly `left` remains of a row of ligatures when some of them, or all, are lost */
export const isLeftOf = (left: string, ligatures: string): boolean =>
  (ligatures.match(LIGATURE) ?? []).reduce(
    (rest, each) => (rest.startsWith(each) ? rest.slice(each.length) : rest),
    left,
  ) === ''

/** @returns the same without letters that fonts join into one sign, which a PDF file may have lost */
export const withoutLigatures = (letters: Letters): Letters =>
  leaveOut(letters, spansOf(letters.text.matchAll(LIGATURE)), (i) => i)
