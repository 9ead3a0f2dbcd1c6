/**
 * Folds a text to its words, so that two spellings of one passage become the same string. It decomposes Unicode compatibility forms and
 * drops marks (NFKD: whatever NFKC equates becomes equal, except long ligatures, and so do ё and е), drops invisible characters, ignores
 * case, and takes look-alike letters of Cyrillic, Greek and Latin for one. A run of anything but letters, numbers, +, # and % is one space.
 */
import type { Breathe } from './slices.ts'

/** Places in a text, rising. Those of a short text are an array, which is quicker to make; see `placesOf`. */
export type Places = Int32Array | number[]

export interface Folded {
  /** ` word word ... word `: one space between words, before the first and after the last; a lone space when there is none. */
  text: string
  /** For each character of `text`, the place in the source that it came from, rising. One element longer than `text`. */
  at: Places
}

/**
 * The table holds the folded character of each UTF-16 unit. Values below BLANK, the lowest character, are signals; 0 means not looked up
 * yet.
 */
const DROPPED = 1
/** Folds to several characters, or is the first half of a code point beyond U+FFFF. */
const SEVERAL = 2
const BLANK = 0x20

const table = new Uint16Array(65_536)

/**
 * At most this many characters of a ligature are kept. Longer forms (of Japanese units in one square, of Arabic blessings) are cut in the
 * text and in the quote alike, so a ligature equals itself, but not the words that it stands for. This bounds time and memory for a text
 * of 2 MB of ligatures.
 */
const MAX_EXPANSION = 4

/** Maps letters to the Latin ones that they look like: `С++` with a Cyrillic С is `C++`. Capitals are folded to small letters first. */
const STRANGE = 'аеорсухкмтвніѕјһԁԛԝӏαορεικτνχ'
const LATIN = 'aeopcyxkmtbhisjhdqwlaopeiktvx'
const LOOK_ALIKES: ReadonlyMap<string, string> = new Map(
  STRANGE.split('').map((letter, index) => [letter, LATIN.charAt(index)]),
)

/** Apostrophes that Unicode takes for letters separate words as others do. */
const WORD_CHARACTER = /(?![\u02b9-\u02bf])[\p{L}\p{N}+#%]/u
const NOT_SEEN =
  /[\p{M}\p{Cs}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\ufff9-\ufffb\u0640]|(?!\s|\x85)\p{Cc}/u

/** Divides words of Arabic script. sanitize.ts strips it everywhere else. */
const ZERO_WIDTH_NON_JOINER = 0x200c

/** @returns a code point's folded form: '' for an invisible one, a space for one that separates words */
function foldCodePoint(codePoint: number): string {
  if (codePoint === ZERO_WIDTH_NON_JOINER) return ' '
  const decomposed = String.fromCodePoint(codePoint).normalize('NFKD').toUpperCase().toLowerCase().normalize('NFKD')
  let folded = ''
  for (const character of decomposed) {
    if (NOT_SEEN.test(character)) continue
    folded += WORD_CHARACTER.test(character) ? (LOOK_ALIKES.get(character) ?? character) : ' '
  }
  return folded.slice(0, MAX_EXPANSION)
}

/** Folded forms of code points that fold to several characters, or lie beyond U+FFFF. */
const several = new Map<number, string>()
const MAX_SEVERAL = 10_000

function foldSeveral(codePoint: number): string {
  let folded = several.get(codePoint)
  if (folded === undefined) {
    folded = foldCodePoint(codePoint)
    if (several.size < MAX_SEVERAL) several.set(codePoint, folded)
  }
  return folded
}

function learn(unit: number): void {
  const folded = unit >= 0xd800 && unit < 0xdc00 ? null : foldCodePoint(unit)
  let value = SEVERAL
  if (folded === '') value = DROPPED
  else if (folded?.length === 1) value = folded.charCodeAt(0)
  table[unit] = value
}

/** UTF-16 units that are folded in one go. */
const SLICE = 8_192

/** A buffer for a folded text: its units, and the place that each comes from. */
export interface Room {
  units: Uint16Array
  /** The same memory as `units`. */
  bytes: Buffer
  at: Int32Array
}

/** Large enough for the worst case: the system provides no memory for pages that are never written. */
function newRoom(chars: number): Room {
  const units = new Uint16Array(chars * MAX_EXPANSION + 3)
  return { units, bytes: Buffer.from(units.buffer), at: new Int32Array(chars * MAX_EXPANSION + 3) }
}

const shared = newRoom(SLICE)

/**
 * @returns a buffer for the folded form of a text of this many characters. All texts of up to one slice share one buffer, because
 * allocating takes longer than folding
 */
export const roomFor = (chars: number): Room => (chars <= SLICE ? shared : newRoom(chars))

/** Up to this many places are returned as an array. */
const FEW = 400

/** @returns the first `length` units as a string */
export const textOf = ({ bytes }: Room, length: number): string => bytes.toString('utf16le', 0, length * 2)
export function placesOf({ at }: Room, length: number): Places {
  if (at !== shared.at) return at.subarray(0, length)
  if (length > FEW) return at.slice(0, length)
  const places: number[] = []
  for (let i = 0; i < length; i += 1) places.push(at[i] ?? 0)
  return places
}

/** A text that is being folded. */
interface Folding extends Room {
  source: Uint16Array
  /** Everything before this place of the source is folded. */
  place: number
  /** Units of the folded text so far. */
  length: number
}

function begin(text: string): Folding {
  const bytes = Buffer.from(text, 'utf16le')
  const source = new Uint16Array(bytes.buffer, bytes.byteOffset, text.length)
  const room = roomFor(text.length)
  room.units[0] = BLANK
  room.at[0] = 0
  return { ...room, source, place: 0, length: 1 }
}

/**
 * Folds up to the place `to`, or to the first character that the table alone cannot fold. The loop calls no function, which makes it twice
 * as fast.
 */
function foldSimple(work: Folding, to: number): void {
  const { source, units, at } = work
  let { place, length } = work
  for (; place < to; place += 1) {
    const value = table[source[place] ?? 0] ?? 0
    if (value < BLANK) {
      if (value === DROPPED) continue
      break
    }
    if (value === BLANK && units[length - 1] === BLANK) continue
    units[length] = value
    at[length] = place
    length += 1
  }
  work.place = place
  work.length = length
}

/** Enters the next character in the table if it is not there yet, and folds it if the table alone cannot. */
function foldNext(work: Folding): void {
  const { source, units, at, place } = work
  const unit = source[place] ?? 0
  if (table[unit] === 0) learn(unit)
  if (table[unit] !== SEVERAL) return
  const codePoint = String.fromCharCode(unit, source[place + 1] ?? 0).codePointAt(0) ?? unit
  for (const next of foldSeveral(codePoint).split('')) {
    if (next === ' ' && units[work.length - 1] === BLANK) continue
    units[work.length] = next.charCodeAt(0)
    at[work.length] = place
    work.length += 1
  }
  work.place += codePoint > 0xffff ? 2 : 1
}

/** Folds the next slice. */
function foldSlice(work: Folding): void {
  const to = Math.min(work.place + SLICE, work.source.length)
  while (work.place < to) {
    foldSimple(work, to)
    if (work.place < to) foldNext(work)
  }
}

function finish(work: Folding): Folded {
  const { source, units, at } = work
  let { length } = work
  if (units[length - 1] !== BLANK) {
    units[length] = BLANK
    at[length] = source.length
    length += 1
  }
  at[length] = source.length
  return { text: textOf(work, length), at: placesOf(work, length + 1) }
}

/** Folds a text of any length, with pauses. */
export async function foldInSlices(text: string, breathe: Breathe): Promise<Folded> {
  const work = begin(text)
  foldSlice(work)
  while (work.place < work.source.length) {
    await breathe()
    foldSlice(work)
  }
  return finish(work)
}

/** Folds a text in one go: some 5 ms for a million characters. */
export function fold(text: string): Folded {
  const work = begin(text)
  while (work.place < work.source.length) foldSlice(work)
  return finish(work)
}

/** @returns the folded words, without a space before and after */
export const foldWords = (source: string): string => fold(source).text.trim()
