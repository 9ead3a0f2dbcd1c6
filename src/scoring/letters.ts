/**
 * The letters and digits of a text, as quotes are compared, in three views: without tags and entities; also without what stands
 * in brackets; also without ligatures. Each letter knows its place in the source.
 */
import { fold, foldInSlices, type Folded } from './fold.ts'
import type { Breathe } from '../lib/slices.ts'

export interface Letters {
  source: string
  folded: Folded
  /** In folded form. */
  units: Uint16Array
  /** For each unit its index in the folded text: where two are further apart than one, something stands between. */
  index: Int32Array
}

/** What a unit is for the question where words end. */
export type Kind =
  | 'digit'
  /** Latin, Cyrillic, Greek, which are mixed by look-alike letters, and the signs of C++ and C#. */
  | 'alphabet'
  /** Of scripts that are written without spaces. */
  | 'unspaced'
  /** Of any other script: a Latin word ends where such a letter begins. */
  | 'other'

const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{Cs}]/u
const kinds = new Map<number, Kind>()

export function kindOf(unit: number): Kind {
  if (unit >= 0x30 && unit <= 0x39) return 'digit'
  if (unit < 0x530) return 'alphabet'
  let kind = kinds.get(unit)
  if (kind === undefined) {
    const letter = String.fromCharCode(unit)
    kind = UNSPACED.test(letter) ? 'unspaced' : /\p{N}/u.test(letter) ? 'digit' : 'other'
    kinds.set(unit, kind)
  }
  return kind
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

function lettersOf(source: string, folded: Folded): Letters {
  const { text } = folded
  const units = new Uint16Array(text.length)
  const index = new Int32Array(text.length)
  let length = 0
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i)
    if (unit === SPACE || unit === PERCENT) continue
    if ((unit === PLUS || unit === SHARP) && !isOfName(text, i)) continue
    units[length] = unit
    index[length] = i
    length += 1
  }
  return { source, folded, units: units.subarray(0, length), index: index.subarray(0, length) }
}

const TAG = /<\/?[a-z][^<>]{0,300}>/gi
const ENTITY =
  /&(?:amp;)?(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z])(?:acute|grave|circ|uml|tilde|cedil|ring|slash|caron)|[a-z]{2,8});/gi

/** Puts spaces in the place of tags and of entities of punctuation, and letters in that of theirs; all else stays in its place. */
function withoutMarkup(source: string): string {
  if (!/[<&]/.test(source)) return source
  return source
    .replace(TAG, (tag) => ' '.repeat(tag.length))
    .replace(ENTITY, (entity: string, decimal?: string, hexadecimal?: string, letter?: string) => {
      const code = decimal === undefined ? Number.parseInt(hexadecimal ?? '20', 16) : Number(decimal)
      const shown = letter ?? (code > 0 && code < 0xd800 ? String.fromCharCode(code) : ' ')
      // What is not seen is left out when the text is folded.
      return shown + (shown === ' ' ? ' ' : '\xad').repeat(entity.length - 1)
    })
}

/** @returns the letters of a quote */
export function readQuote(quote: string): Letters {
  const shown = withoutMarkup(quote)
  return lettersOf(shown, fold(shown))
}

/** A text made ready for looking up quotes. */
export interface Searchable {
  source: string
  letters: Letters
  /** The other views, made when they are first needed; null: the text has no brackets. */
  bracketless?: Letters | null
  ligatureless?: Letters
}

async function read(source: string, shown: string, breathe: Breathe): Promise<Letters> {
  const folded = await foldInSlices(shown, breathe)
  await breathe()
  return lettersOf(source, folded)
}

/**
 * @param source a sanitised text
 * @param folded of it
 */
export async function makeSearchable(source: string, folded: Folded, breathe: Breathe): Promise<Searchable> {
  const shown = withoutMarkup(source)
  return { source, letters: shown === source ? lettersOf(source, folded) : await read(source, shown, breathe) }
}

const BRACKETS = /\([^()\n]{1,200}\)|\[[^[\]\n]{1,200}\]/g

/**
 * @param mayDrop whether a bracket, as it stands in the text, may be left out
 * @returns the text without brackets; null when there are none to leave out
 */
export async function withoutBrackets(
  text: Searchable,
  mayDrop: (bracket: string) => boolean,
  breathe: Breathe,
): Promise<Letters | null> {
  if (text.bracketless !== undefined) return text.bracketless
  const shown = withoutMarkup(text.source)
  const bare = shown.replace(BRACKETS, (bracket) => (mayDrop(bracket) ? ' '.repeat(bracket.length) : bracket))
  text.bracketless = bare === shown ? null : await read(text.source, bare, breathe)
  return text.bracketless
}

const LIGATURE = /ff[il]?|f[ilt]|t[ti]/g

/** @returns whether `left` is what is left of some ligatures in a row when some of them are lost, and no more than that */
export const isLeftOf = (left: string, ligatures: string): boolean =>
  (ligatures.match(LIGATURE) ?? []).reduce(
    (rest, each) => (rest.startsWith(each) ? rest.slice(each.length) : rest),
    left,
  ) === ''

/** @returns the same without letters that fonts join into one sign, which a PDF file may have lost */
export function withoutLigatures({ source, folded, units, index }: Letters): Letters {
  const text = Buffer.from(units.slice().buffer).toString('utf16le')
  const [kept, places] = [new Uint16Array(text.length), new Int32Array(text.length)]
  let length = 0
  let from = 0
  const keep = (to: number) => {
    for (; from < to; from += 1, length += 1) {
      kept[length] = units[from] ?? 0
      places[length] = index[from] ?? 0
    }
  }
  for (const { index: place, 0: ligature } of text.matchAll(LIGATURE)) {
    keep(place)
    from = place + ligature.length
  }
  keep(text.length)
  return { source, folded, units: kept.subarray(0, length), index: places.subarray(0, length) }
}
