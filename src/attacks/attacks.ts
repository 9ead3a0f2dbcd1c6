/**
 * Finds the sentences of a text that are meant for the model: addresses and demands (phrases.ts), ready answers, roles of a chat, closed
 * delimiters, encoded and concealed text (markup.ts). Such texts are flagged, not rejected: nothing in such a sentence counts as proof, and
 * the result is not cached. An attack that is missed gains only what the rest of the resume proves.
 */
import type { Folded } from '../lib/fold.ts'
import { fold, foldInSlices, foldWords } from '../lib/fold.ts'
import type { Hit } from './markup.ts'
import { markupIn } from './markup.ts'
import { CLAUSE, COLON } from './patterns.ts'
import { addressKind, findAnnouncement } from './phrases.ts'
import { findTriggers } from './triggers.ts'
import type { Stripped } from '../lib/sanitize.ts'
import type { Breathe } from '../lib/slices.ts'
import type { Span } from '../lib/span.ts'

export interface Suspicion {
  /** Names of what was found, without repeats. */
  flags: string[]
  /** The passages that count for no proof, in order and without overlaps. */
  passages: Span[]
}

/** How far a sentence may reach before and after the word that was found, in UTF-16 units. */
const MAX_BEFORE = 300
const MAX_AFTER = 600

/** Characters of folded text that are searched in one go, and how far a match may reach beyond them. */
const WINDOW = 32_768
const OVERLAP = 64

/**
 * Ends a sentence. The end of a line does so too, except after a colon or a line in brackets, which announce what follows, and before a
 * small letter, because texts from PDF files break their lines anywhere.
 */
const END =
  /[。！？]|[.!?؟।…](?=[\0-\uffff]?(?:\s|$))|\n(?<!(?::|^\[[^\]\n]{1,40}\])\s{0,2}\n)(?! ?\p{Changes_When_Uppercased})/muy

/** Whether a sentence ends with the character at a place. Letters are passed over at once. */
function endsAt(source: string, place: number): boolean {
  const character = source.charAt(place)
  END.lastIndex = place
  return (character < '@' || character >= '؟') && END.test(source)
}

/** @returns the sentence around a place; it begins no earlier than `floor` */
function sentenceAround(source: string, place: number, floor: number): Span {
  const [first, last] = [Math.max(floor, place - MAX_BEFORE), Math.min(source.length, place + MAX_AFTER)]
  let start = place
  while (start > first && !endsAt(source, start - 1)) start -= 1
  let end = place + 1
  while (end < last && !endsAt(source, end - 1)) end += 1
  return { start, end }
}

/** Three or more words in quotation marks, of which the closing one may be missing; or four letters of a script without spaces. */
const QUOTED =
  /["«“„]\s*[^\s"«»“”„]+\s+[^\s"«»“”„]+\s[^"«»“”„]*(?:["»”“]|$)|["“«「『][\u3040-\u30ff\u3400-\u9fff]{4}[^"”»」』]*["”»」』]/g
/** After words in quotation marks: a sentence that begins with them, or whose line does, goes on. */
const IN_A_SENTENCE = /^[,)]{0,2}(?:[\u3040-\u30ff\uac00-\ud7a3]|\s{1,3}[\p{Ll}\p{Lo}])/u
/** The comma of a relative clause, which does not separate two statements. */
const RELATIVE =
  /,(?=\s+(?:котор|чита|(?:что|що|яка|який|яке|that|which|who|dass|qui|que|che|że)\s|was\s+(?:sie|du|ihr)\s|któr))/gi
const CLAUSE_ENDS = /\s[-–—]\s|[,;()[\]…—!?，、；（）。]+|\.(?=\s|$)/g

/** Colons that divide clauses, and ends of headings in brackets. One before a number does not: "score: 98". */
const COLONS = /[:：=\]]+(?!\s*\d)/g

/** Begins with the name of a value, or goes on to the next name: the text is data in JSON, whose quotation marks quote nothing. */
const IS_JSON = /^(?:[\s{[]{0,9}|[^"]{1,300}",\s{0,9})"[^"\n]{1,60}"\s{0,3}:/
/** Between a name and its value. */
const NAME_ENDS = /"\s{0,3}:\s{0,3}"?/g

/** @returns a sentence's folded words with marks between its clauses; words that it quotes are left out, unless it begins with them */
function prepare(given: string): string {
  const sentence = IS_JSON.test(given) ? given.replace(NAME_ENDS, ':').replaceAll('"', ';') : given
  const firstLetter = sentence.search(/\p{L}/u)
  const unquoted = sentence.replace(QUOTED, (quoted: string, at: number) =>
    at > firstLetter || IN_A_SENTENCE.test(sentence.slice(at + quoted.length)) ? ' ' : quoted,
  )
  const marked = unquoted.replace(COLONS, ` ${COLON} `).replace(RELATIVE, ' ').replace(CLAUSE_ENDS, ` ${CLAUSE} `)
  return ` ${foldWords(marked)} `
}

/** @returns where a sentence to the model ends; a note that it announces ("Note to the system:", "[SYSTEM]") goes on to the end of the line */
function noteEnd(source: string, { start, end }: Span): number {
  const length = source.slice(start, end).search(/[:：\]]/) + 1
  const heading = prepare(source.slice(start, start + length))
  if (length === 0 || (addressKind(heading) !== 'addresses_model' && findAnnouncement(heading) === null)) return end
  const lineEnd = source.indexOf('\n', end - 1)
  return Math.min(lineEnd < 0 ? source.length : Math.max(end, lineEnd), start + MAX_AFTER)
}

/** Looks through a text sentence by sentence: yields each that addresses the model, and null where a caller may pause. */
function* addressesIn(source: string, { text, at }: Folded): Generator<Hit | null> {
  let seen = 0
  for (let from = 0; from < text.length; from += WINDOW) {
    const window = text.slice(from, from + WINDOW + OVERLAP)
    for (const index of findTriggers(window)) {
      const place = at[from + index] ?? 0
      if (place < seen) continue
      const sentence = sentenceAround(source, place, seen)
      seen = sentence.end
      const kind = addressKind(prepare(source.slice(sentence.start, sentence.end)))
      if (kind !== null) {
        seen = noteEnd(source, sentence)
        yield { kind, start: sentence.start, end: seen }
      }
      yield null
    }
    yield null
  }
}

/** @returns whether a short text has a sentence that addresses the model */
const addresses = (text: string): boolean => addressesIn(text, fold(text)).some((hit) => hit !== null)

/** More single letters in a row than a letter-spaced heading has. */
const SPACED = /(?: [^ ]){16,}(?= )/g

/**
 * Finds sentences whose letters are set apart, so that only a reader sees words. Words are divided by two signs in a row, or by white space
 * if the letters have other signs between them, such as dots.
 */
function* spacedIn(source: string, { text, at }: Folded): Generator<Hit | null> {
  for (let from = 0; from < text.length; from += WINDOW) {
    for (const { index, 0: found } of text.slice(from, from + WINDOW).matchAll(SPACED)) {
      const [start, end] = [at[from + index + 1] ?? 0, at[from + index + found.length] ?? source.length]
      const letters = source.slice(start, Math.min(end, start + 2 * MAX_AFTER))
      const words = letters
        .split(/^[\p{L}\p{N}][^\p{L}\p{N}\s]/u.test(letters) ? /\s+/ : /[^\p{L}\p{N}]{2,}/u)
        .map((word) => word.replace(/[^\p{L}\p{N}]/gu, ''))
        .join(' ')
      const kind = addressKind(prepare(words))
      const rest = sentenceAround(source, Math.max(start, end - 1), start)
      if (kind !== null) yield { kind, start: sentenceAround(source, start, 0).start, end: rest.end }
      yield null
    }
    yield null
  }
}

function merge(spans: Span[]): Span[] {
  const merged: Span[] = []
  for (const { start, end } of spans.toSorted((a, b) => a.start - b.start)) {
    const last = merged.at(-1)
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end)
    else merged.push({ start, end })
  }
  return merged
}

/** A line break as JSON escapes it. A path may hold the same two characters (`C:\new`); to break it does no harm: no order follows. */
const ESCAPED_BREAK = /(?<!\\)\\[nr]/g

/** @returns the shown text with a line break in the place of each that the source escapes, and its folded form */
async function breakLines(source: string, shown: string, breathe: Breathe) {
  let broken = ''
  for (let from = 0, to = 0; from < source.length; from = to) {
    // No slice ends within an escape.
    to = source[from + WINDOW - 1] === '\\' ? from + WINDOW - 1 : from + WINDOW
    const part = shown.slice(from, to)
    let at = 0
    for (const { index } of source.slice(from, to).matchAll(ESCAPED_BREAK)) {
      broken += `${part.slice(at, index)}\n `
      at = index + 2
    }
    broken += part.slice(at)
    await breathe()
  }
  return { shown: broken, folded: await foldInSlices(broken, breathe) }
}

/**
 * Looks through a text in slices.
 * @param source a sanitised text
 * @param shown what a reader of the text sees, every character in its place; see `showInSlices`
 * @param folded the folded form of `shown`
 */
export async function findAttacks(source: string, shown: string, folded: Folded, breathe: Breathe): Promise<Suspicion> {
  const hits: Hit[] = []
  const seen = source.search(ESCAPED_BREAK) < 0 ? { shown, folded } : await breakLines(source, shown, breathe)
  for (const found of [
    addressesIn(seen.shown, seen.folded),
    spacedIn(seen.shown, seen.folded),
    markupIn(source, addresses),
  ]) {
    for (const hit of found) {
      if (hit === null) await breathe()
      else hits.push(hit)
    }
  }
  return { flags: [...new Set(hits.map(({ kind }) => kind))].toSorted(), passages: merge(hits) }
}

/** @returns the flags of what was stripped from a text */
export const strippedFlags = ({ concealed }: Stripped): string[] => (concealed ? ['invisible_characters'] : [])
