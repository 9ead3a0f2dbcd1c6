/**
 * Finds passages of a text that are meant for the model: instructions, demands for a score, ready answers, closed
 * delimiters, roles of a chat, encoded text. Such texts are flagged, not rejected, and what stands in such a passage proves
 * nothing. Patterns know the common ways only: what holds in any case is that no score exceeds the share of quotes that
 * stand in the resume.
 */
import type { Folded } from './fold.ts'
import { phraseKinds } from './phrases.ts'
import type { Stripped } from '../lib/sanitize.ts'
import type { Breathe } from './slices.ts'

/** A part of a text, in UTF-16 units: from `start` to before `end`. */
export interface Span {
  start: number
  end: number
}

export interface Suspicion {
  /** Names of what was found, without repeats. */
  flags: string[]
  /** The passages that prove nothing, in order, none overlapping another. */
  passages: Span[]
}

/** The same in the source text itself, where the punctuation matters. */
const MARKUP: readonly { kind: string; pattern: RegExp }[] = [
  {
    kind: 'fake_answer',
    pattern: /["'«“”`](?:score|met|quote|recommendation|verdict|requirement|вердикт|оценка)["'»“”`]\s{0,9}[:=]/gi,
  },
  { kind: 'closes_delimiter', pattern: /[<＜]\s{0,3}[/／]?\s{0,3}(?:requirements|resume|cv)\b[^>＞\n]{0,80}[>＞]?/gi },
  {
    kind: 'chat_markup',
    pattern:
      /<[|｜][a-z_▁ ]{2,30}[|｜]>|\[\/?INST\]|<<\/?SYS>>|<\/?(?:system|assistant|instructions?)>|\[(?:system|assistant|developer)[^\]\n]{0,20}\]|^\s{0,9}#{1,6}\s{0,3}(?:system|instructions?|assistant)(?: prompt)?\s{0,3}:?\s{0,9}$|^\s{0,9}(?:system (?:prompt|message|override)|системное сообщение|системный промпт)\s{0,3}:|^\s{0,9}(?:user|human|пользователь)\s{0,3}:[^\n]{0,400}\n\s{0,9}(?:assistant|ai|ассистент)\s{0,3}:/gim,
  },
]

/** Base64 and hexadecimal of some words at least. */
const ENCODED = /[a-z\d+/_-]{32,}={0,2}/gi
/** So much of each is decoded, and so many of them. */
const MAX_ENCODED_CHARS = 8_192
const MAX_ENCODED = 50

/** Two words near each other whose letters are of two alphabets in turn. One may be a slip of the keyboard. */
const MIXED_WORD = '(?:[a-z][а-яё]+[a-z]|[а-яё][a-z]+[а-яё])'
const MIXED_WORDS = new RegExp(`${MIXED_WORD}[^]{0,200}?${MIXED_WORD}`, 'gi')
/** Zero-width characters that a converter may leave behind. */
const INVISIBLE_SUSPICIOUS = 3

/** A passage goes on to the end of its paragraph, so far at the most. */
const MAX_PASSAGE_CHARS = 800
const MAX_SENTENCE_CHARS = 300

/** Searched at one go, and how far a match may reach beyond it. */
const WINDOW = 32_768
const OVERLAP = 1_024

/** Hits of one kind nearer to each other than that are one. */
const NEAR = 200

interface Hit extends Span {
  kind: string
}

async function search(text: string, kinds: typeof MARKUP, breathe: Breathe): Promise<Hit[]> {
  const hits: Hit[] = []
  for (const { kind, pattern } of kinds) {
    let last: Hit | undefined
    for (let from = 0; from < text.length; from += WINDOW) {
      for (const { index, 0: found } of text.slice(from, from + WINDOW + OVERLAP).matchAll(pattern)) {
        const hit = { kind, start: from + index, end: from + index + found.length }
        if (index >= WINDOW) break
        if (last !== undefined && hit.start < last.end + NEAR) last.end = Math.max(last.end, hit.end)
        else hits.push((last = hit))
      }
      await breathe()
    }
  }
  return hits
}

/** @returns the text that a run of base64 or hexadecimal digits stands for; null when it is no text */
function decode(run: string): string | null {
  const cut = run.slice(0, MAX_ENCODED_CHARS)
  const bytes = Buffer.from(cut, /^[\da-f]+$/i.test(cut) && cut.length % 2 === 0 ? 'hex' : 'base64')
  const text = bytes.toString('utf8')
  const letters = text.match(/[\p{L}\p{N}\p{P}\p{Zs}\n]/gu)?.length ?? 0
  return letters > text.length * 0.95 && /\p{L}{3,} \p{L}{2,}/u.test(text) ? text : null
}

async function findEncoded(source: string, breathe: Breathe): Promise<Hit[]> {
  const runs = (await search(source, [{ kind: 'encoded_text', pattern: ENCODED }], breathe)).slice(0, MAX_ENCODED)
  return runs.filter(({ start, end }) => decode(source.slice(start, end)) !== null)
}

/** The passage around a hit: from the beginning of its sentence to the end of its paragraph. */
function passageAround(source: string, { start, end }: Span): Span {
  const before = source.slice(Math.max(0, start - MAX_SENTENCE_CHARS), start)
  const sentence = Math.max(...['\n', '. ', '! ', '? '].map((stop) => before.lastIndexOf(stop)))
  const rest = source.slice(end, end + MAX_PASSAGE_CHARS)
  const [paragraph = '', next = ''] = rest.split(/(?<=\S)[^\S\n]*\n\s*\n/, 2)
  // "Note to the AI:" announces the next paragraph.
  const announced = source
    .slice(start, end + paragraph.length)
    .trimEnd()
    .endsWith(':')
  const length = announced ? rest.indexOf(next, paragraph.length) + next.length : paragraph.length
  return { start: start - before.length + sentence + 1, end: end + length }
}

function merge(spans: Span[]): Span[] {
  const merged: Span[] = []
  for (const span of spans.toSorted((a, b) => a.start - b.start)) {
    const last = merged.at(-1)
    if (last !== undefined && span.start <= last.end) last.end = Math.max(last.end, span.end)
    else merged.push({ ...span })
  }
  return merged
}

/**
 * Looks through a text in slices.
 * @param source a sanitised text, `folded` its folded form
 */
export async function findAttacks(source: string, folded: Folded, breathe: Breathe): Promise<Suspicion> {
  const phrases = (await search(folded.text, phraseKinds, breathe)).map(({ kind, start, end }) => ({
    kind,
    start: folded.at[start + 1] ?? 0,
    end: folded.at[end] ?? source.length,
  }))
  const hits = [...phrases, ...(await search(source, MARKUP, breathe)), ...(await findEncoded(source, breathe))]
  const passages: Span[] = []
  for (const hit of hits) {
    passages.push(passageAround(source, hit))
    await breathe()
  }
  const mixed = await search(source, [{ kind: 'mixed_alphabets', pattern: MIXED_WORDS }], breathe)
  const flags = new Set(hits.map(({ kind }) => kind))
  if (mixed.length > 0) flags.add('mixed_alphabets')
  return { flags: [...flags].toSorted(), passages: merge(passages) }
}

/** @returns the flags of what was stripped from a text; none for the few marks that converters leave */
export function strippedFlags({ deceiving, other }: Stripped): string[] {
  return deceiving > 0 || other >= INVISIBLE_SUSPICIOUS ? ['invisible_characters'] : []
}
