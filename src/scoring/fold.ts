/**
 * Folds a text to its words, so that two spellings of one passage become the same string: Unicode compatibility forms
 * (NFKD without marks, which equates whatever NFKC equates but for some ligatures, ё and е too), case, look-alike letters of
 * Cyrillic, Greek and Latin, and every run of white space, quotes, dashes and other punctuation as one space.
 */
import type { Breathe } from '../lib/slices.ts'

export interface Folded {
  /** ` word word ... word `: one space between words, before the first and after the last; a lone space when there is none. */
  text: string
  /** For each character of `text` the place in the source that it came from, rising; one longer than `text`. */
  at: Int32Array
}

/** Values of the table that are no character; 0 is what has not been looked up yet. */
const SPACE = 1
const DROPPED = 2
/** Several characters, or the first half of a code point beyond U+FFFF. */
const SEVERAL = 3
const BLANK = 0x20

const table = new Uint16Array(65_536)
const several = new Map<number, string>()

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

/** Where it has not been stripped, it divides words of Arabic script; see lib/sanitize.ts. */
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

function learn(unit: number): number {
  const folded = unit >= 0xd800 && unit < 0xdc00 ? null : foldCodePoint(unit)
  let value = SEVERAL
  if (folded === '') value = DROPPED
  else if (folded === ' ') value = SPACE
  else if (folded?.length === 1) value = folded.charCodeAt(0)
  else if (folded !== null) several.set(unit, folded)
  table[unit] = value
  return value
}

/** For short texts, which are many; each is folded in one go, so that one at a time needs it. */
const SHORT = 512
const shortUnits = new Uint16Array(SHORT * (MAX_EXPANSION + 1))
const shortAt = new Int32Array(SHORT * (MAX_EXPANSION + 1))

/**
 * Makes the folded form of `source` piece by piece, so that a long text need not be folded in one go.
 * @param isShort it is folded before another one is begun, and has at most 512 UTF-16 units
 */
export function createFolder(source: string, isShort = false) {
  let units = isShort ? shortUnits : new Uint16Array(source.length + 64)
  let at = isShort ? shortAt : new Int32Array(source.length + 64)
  let length = 1
  let place = 0
  units[0] = BLANK

  function makeRoom(needed: number): void {
    if (needed <= units.length) return
    const [oldUnits, oldAt] = [units, at]
    units = new Uint16Array(needed * 2)
    at = new Int32Array(needed * 2)
    units.set(oldUnits)
    at.set(oldAt)
  }

  function pushAll(folded: string, from: number): void {
    for (let i = 0; i < folded.length; i += 1) {
      const unit = folded.charCodeAt(i)
      if (unit === BLANK && units[length - 1] === BLANK) continue
      units[length] = unit
      at[length] = from
      length += 1
    }
  }

  /** Folds the code point at `place` that has no single folded unit of its own. */
  function foldOdd(unit: number): void {
    const codePoint = source.codePointAt(place) ?? unit
    pushAll(codePoint > 0xffff ? foldCodePoint(codePoint) : (several.get(unit) ?? ''), place)
    if (codePoint > 0xffff) place += 1
  }

  /**
   * Folds `count` further UTF-16 units of the source, as far as there are any.
   * @returns whether all of the source is folded
   */
  function step(count: number): boolean {
    const end = Math.min(source.length, place + count)
    for (; place < end; place += 1) {
      const unit = source.charCodeAt(place)
      const value = table[unit] || learn(unit)
      if (value === SPACE && units[length - 1] === BLANK) continue
      makeRoom(length + MAX_EXPANSION + 2)
      if (value === SEVERAL) {
        foldOdd(unit)
      } else if (value !== DROPPED) {
        units[length] = value === SPACE ? BLANK : value
        at[length] = place
        length += 1
      }
    }
    return place >= source.length
  }

  /** @returns the folded form, when `step` has been through all of it */
  function result(): Folded {
    makeRoom(length + 2)
    if (units[length - 1] !== BLANK) {
      units[length] = BLANK
      at[length] = place
      length += 1
    }
    at[length] = place
    return {
      text: Buffer.from(units.buffer, 0, length * 2).toString('utf16le'),
      at: isShort ? at.slice(0, length + 1) : at.subarray(0, length + 1),
    }
  }

  return { step, result }
}

/** Folded at one go, in UTF-16 units. */
const SLICE = 32_768

/** Folds a text of any length in slices. */
export async function foldInSlices(source: string, breathe: Breathe): Promise<Folded> {
  const folder = createFolder(source)
  while (!folder.step(SLICE)) await breathe()
  return folder.result()
}

/** Folds a text in one go: some 5 ms for a million characters. */
export function fold(source: string): Folded {
  const folder = createFolder(source, source.length <= SHORT)
  folder.step(source.length)
  return folder.result()
}

/** @returns the folded words, without a space before and after */
export const foldWords = (source: string): string => fold(source).text.trim()
