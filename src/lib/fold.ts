/**
 * Folds a text to its words, so that two spellings of one passage become the same string: Unicode compatibility forms
 * (NFKD without marks, which equates whatever NFKC equates but for some ligatures, ё and е too), case, look-alike letters of
 * Cyrillic, Greek and Latin, and every run of white space, quotes, dashes and other punctuation as one space.
 */
import type { Breathe } from './slices.ts'

/** Places in a text, rising. Those of a short text are an array, which takes less to make; see `placesOf`. */
export type Places = Int32Array | number[]

export interface Folded {
  /** ` word word ... word `: one space between words, before the first and after the last; a lone space when there is none. */
  text: string
  /** For each character of `text` the place in the source that it came from, rising; one longer than `text`. */
  at: Places
}

/** Values of the table below BLANK, the lowest character, are none; 0 is what has not been looked up yet. */
const DROPPED = 1
/** Several characters, or the first half of a code point beyond U+FFFF. */
const SEVERAL = 2
const BLANK = 0x20

const table = new Uint16Array(65_536)

/**
 * A ligature of more letters (Japanese units in one square, Arabic blessings) is cut, in the text and in the quote alike: it
 * equals itself, and not what it stands for. That bounds time and memory for two megabytes of them.
 */
const MAX_EXPANSION = 4

/** Letters that look alike, to the Latin one: `С++` with a Cyrillic С is `C++`. Lower case stands for upper case as well. */
const STRANGE = 'аеорсухкмтвніѕјһԁԛԝӏαορεικτνχ'
const LATIN = 'aeopcyxkmtbhisjhdqwlaopeiktvx'
const LOOK_ALIKES: ReadonlyMap<string, string> = new Map(
  STRANGE.split('').map((letter, index) => [letter, LATIN.charAt(index)]),
)

const WORD_CHARACTER = /[\p{L}\p{N}+#%]/u
const NOT_SEEN =
  /[\p{M}\p{Cs}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\ufff9-\ufffb]|(?!\s|\x85)\p{Cc}/u

/** Where it has not been stripped, it divides words of Arabic script; see sanitize.ts. */
const ZERO_WIDTH_NON_JOINER = 0x200c

/** @returns a code point's folded form: '' for what is not seen, a space for what separates words */
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

/** Folded forms of code points that have several units, or lie beyond U+FFFF. */
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

/** Where a text is put together: its units, and where each comes from. */
export interface Room {
  units: Uint16Array
  /** The memory of the units. */
  bytes: Buffer
  at: Int32Array
}

/** Memory that is not written to is not taken from the system. */
function newRoom(chars: number): Room {
  const units = new Uint16Array(chars * MAX_EXPANSION + 3)
  return { units, bytes: Buffer.from(units.buffer), at: new Int32Array(chars * MAX_EXPANSION + 3) }
}

const shared = newRoom(SLICE)

/** @returns room for what a text of so many characters is folded to; the same for all short ones: to allocate takes longer than to fold */
export const roomFor = (chars: number): Room => (chars <= SLICE ? shared : newRoom(chars))

/** So many places are an array. */
const FEW = 400

/** @returns what was put there */
export const textOf = ({ bytes }: Room, length: number): string => bytes.toString('utf16le', 0, length * 2)
export function placesOf({ at }: Room, length: number): Places {
  if (at !== shared.at) return at.subarray(0, length)
  if (length > FEW) return at.slice(0, length)
  const places: number[] = []
  for (let i = 0; i < length; i += 1) places.push(at[i] ?? 0)
  return places
}

/** A text of which a part is folded. */
interface Folding extends Room {
  source: Uint16Array
  /** What is not folded begins there. */
  place: number
  /** Of what is folded. */
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

/** Folds up to a place, or to the first character that takes more than a look at the table. Without a call its loop is twice as fast. */
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

/** Looks up the next character; one that stands for several is folded. */
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
