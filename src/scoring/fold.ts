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

function learn(unit: number): number {
  const folded = unit >= 0xd800 && unit < 0xdc00 ? null : foldCodePoint(unit)
  let value = SEVERAL
  if (folded === '') value = DROPPED
  else if (folded === ' ') value = SPACE
  else if (folded?.length === 1) value = folded.charCodeAt(0)
  table[unit] = value
  return value
}

/** Memory that is not written to is not taken from the system. */
const roomFor = (length: number) => ({
  units: new Uint16Array(length * MAX_EXPANSION + 3),
  at: new Int32Array(length * MAX_EXPANSION + 3),
})

/** UTF-16 units that are folded in one go. Texts that are no longer are folded in the same memory, which saves most of their time. */
const SLICE = 8_192
const shared = roomFor(SLICE)

/** Pauses after every slice. */
function* folding(source: string): Generator<void, Folded> {
  const isShort = source.length <= SLICE
  const { units, at } = isShort ? shared : roomFor(source.length)
  units[0] = BLANK
  at[0] = 0
  let length = 1
  for (let place = 0, pause = SLICE; place < source.length; place += 1) {
    if (place >= pause) {
      yield
      pause += SLICE
    }
    const unit = source.charCodeAt(place)
    const value = table[unit] || learn(unit)
    if (value === DROPPED) continue
    if (value !== SPACE && value !== SEVERAL) {
      units[length] = value
      at[length] = place
      length += 1
      continue
    }
    const codePoint = value === SPACE ? BLANK : (source.codePointAt(place) ?? unit)
    const folded = value === SPACE ? ' ' : foldSeveral(codePoint)
    for (let i = 0; i < folded.length; i += 1) {
      const next = folded.charCodeAt(i)
      if (next === BLANK && units[length - 1] === BLANK) continue
      units[length] = next
      at[length] = place
      length += 1
    }
    if (codePoint > 0xffff) place += 1
  }
  if (units[length - 1] !== BLANK) {
    units[length] = BLANK
    at[length] = source.length
    length += 1
  }
  at[length] = source.length
  return {
    text: Buffer.from(units.buffer, 0, length * 2).toString('utf16le'),
    at: isShort ? at.slice(0, length + 1) : at.subarray(0, length + 1),
  }
}

/** Folds a text of any length, with pauses. */
export async function foldInSlices(source: string, breathe: Breathe): Promise<Folded> {
  const steps = folding(source)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    await breathe()
  }
}

/** Folds a text in one go: some 5 ms for a million characters. */
export function fold(source: string): Folded {
  const steps = folding(source)
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** @returns the folded words, without a space before and after */
export const foldWords = (source: string): string => fold(source).text.trim()
