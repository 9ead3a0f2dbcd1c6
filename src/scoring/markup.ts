/** What looks like a part of the conversation with the model, or hides from a reader: found by its form, in any language. */
import type { Breathe } from '../lib/slices.ts'
import type { Hit, Span } from './spans.ts'

/** Searched at one go, and how far a match may reach beyond. */
const WINDOW = 32_768
const OVERLAP = 2_048
/** A block that is not closed within so many characters ends with its line. */
const MAX_BLOCK = 2_000

type Finder = (text: string) => Hit[]

const LINE_START = '(?<=^[ \\t>*"«“]{0,9})'
const ROLE = '(?:system|assistant|developer|instructions?)'
const OPENS = `(?:<[|｜][a-z_▁ ]{2,30}[|｜]>|\\[INST\\]|<<SYS>>|<${ROLE}>)`
const CLOSES = `(?:<[|｜][a-z_▁ ]{2,30}[|｜]>|\\[/INST\\]|<</SYS>>|</${ROLE}>)`
/** Each word ends where the next begins, so there is one way only to count them. */
const SOME_WORDS = '(?:\\s{0,9}[^\\s<[]{1,40}(?=[\\s<[])){3,300}?'

/** Marks of a chat around some words or at the beginning of a line. In the middle of a sentence they are mentioned only. */
const CHAT_MARKUP = new RegExp(
  [
    `(?<block>${OPENS}${SOME_WORDS}\\s{0,9}${CLOSES})`,
    `${LINE_START}(?:${OPENS}|${CLOSES})`,
    `${LINE_START}\\[{1,2}(?:system|assistant)(?: (?:prompt|message|override|note|instruction)[^\\]\\n]{0,40})?\\]`,
    `${LINE_START}#{1,6} {0,3}(?:${ROLE}|response)(?: prompt| message)? {0,3}:`,
    `${LINE_START}(?:user|human|пользователь) {0,3}:[^\\n]{0,400}\\n[ \\t]{0,9}(?:assistant|ai|ассистент) {0,3}:`,
  ].join('|'),
  'gim',
)
const CLOSING = new RegExp(CLOSES, 'i')

/** @returns to where the block goes on that begins with a mark: its closing mark, or the end of the first line with words */
function blockEnd(text: string, from: number): number {
  const rest = text.slice(from, from + MAX_BLOCK)
  const closing = CLOSING.exec(rest)
  return (
    from + (closing === null ? (/^[\s:]{0,9}[^\n]*/.exec(rest)?.[0].length ?? 0) : closing.index + closing[0].length)
  )
}

const chatMarkup: Finder = (text) => {
  const hits: Hit[] = []
  for (const { index: start, 0: found, groups } of text.matchAll(CHAT_MARKUP)) {
    if (start < (hits.at(-1)?.end ?? 0)) continue
    const end = start + found.length
    hits.push({ kind: 'chat_markup', start, end: groups?.block === undefined ? blockEnd(text, end) : end })
  }
  return hits
}

const KEY =
  /["'“”«»`](requirement|met|quote|evidence|score|recommendation|verdict|вердикт|оценка|рекомендация)s?["'“”«»`]\s{0,9}[:=]/gi
/** Keys nearer to each other are of one object. */
const MAX_BETWEEN_KEYS = 300
const ONLY_A_SCORE = /^\{\s{0,9}["']score["']\s{0,3}:\s{0,3}\d{1,3}\s{0,9}\}/i
/** @returns the lines of a hit, from the bracket that opens them and to the one that closes */
function wholeObject(text: string, { start, end }: Span): Span {
  const before = text.slice(Math.max(0, start - MAX_BETWEEN_KEYS), start)
  const bracket = before.search(/\{[^}]*$/)
  const opening = bracket < 0 ? before.lastIndexOf('\n') + 1 : bracket
  const [rest = ''] =
    /^[^\n]{0,2000}(?:\n[ \t]{0,99}[\]}"',][^\n]{0,200}){0,20}/.exec(text.slice(end, end + MAX_BLOCK)) ?? []
  return { start: start - before.length + opening, end: end + rest.length }
}

/** Answers in the schema of the answer: two of its keys together, or a score alone. */
const fakeAnswers: Finder = (text) => {
  const objects: (Span & { keys: Set<string> })[] = []
  for (const { index: start, 0: found, 1: key = '' } of text.matchAll(KEY)) {
    const end = start + found.length
    const last = objects.at(-1)
    if (last !== undefined && start - last.end < MAX_BETWEEN_KEYS) {
      last.end = end
      last.keys.add(key.toLowerCase())
    } else objects.push({ start, end, keys: new Set([key.toLowerCase()]) })
  }
  const answers = objects.filter(
    ({ start, keys }) => keys.size > 1 || ONLY_A_SCORE.test(text.slice(text.lastIndexOf('{', start), start + 40)),
  )
  return answers.map((span) => ({ kind: 'fake_answer', ...wholeObject(text, span) }))
}

const OUR_TAG = /[<＜]\s{0,3}([/／]?)\s{0,3}(resume|requirements|cv)\b[^<>＜＞\n]{0,80}[>＞]/gi
const END_ANNOUNCED =
  /[=*#~-]{3}\s{0,3}(?:end(?: of)?(?: the)?|конец|ende|fin(?: de)?)\s{1,3}(?:resume|requirements|cv|input|document|data|резюме|требований|данных)\s{0,3}[=*#~-]{3}/gi

/** Tags that close what the text itself has not opened: an export in XML is balanced, a way out of our block is not. */
const closedDelimiters: Finder = (text) => {
  const hits: Hit[] = []
  const add = ({ index: start, 0: { length } }: RegExpExecArray) => {
    if (start >= (hits.at(-1)?.end ?? 0))
      hits.push({ kind: 'closes_delimiter', start, end: blockEnd(text, start + length) })
  }
  const open = { resume: 0, requirements: 0, cv: 0 }
  for (const tag of text.matchAll(OUR_TAG)) {
    const name = tag[2]?.toLowerCase() as keyof typeof open
    if (tag[1] === '') open[name] += tag[0].endsWith('/>') ? 0 : 1
    else if (open[name] > 0) open[name] -= 1
    else add(tag)
  }
  for (const announcement of text.matchAll(END_ANNOUNCED)) add(announcement)
  return hits
}

/** Base64 and hexadecimal of some words at least, but for encoded headers of mail. */
const MIN_ENCODED_CHARS = 32
/** So much of each is decoded, and so many of a window. */
const MAX_ENCODED_CHARS = 2_048
const MAX_ENCODED = 20

/** @returns whether a run of base64 or hexadecimal digits stands for some words */
function isProse(run: string): boolean {
  const cut = run.slice(0, MAX_ENCODED_CHARS)
  const bytes = Buffer.from(cut, /^[\da-f]+$/i.test(cut) && cut.length % 2 === 0 ? 'hex' : 'base64')
  const text = bytes.toString('utf8')
  const odd = text.match(/[^\p{L}\p{N}\p{P}\p{Zs}\n]/gu)?.length ?? 0
  return odd <= text.length * 0.05 && /\p{L}{3} \p{L}{2}/u.test(text)
}

const DIGITS = new Set(
  Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-', (digit) => digit.charCodeAt(0)),
)

/** Every row of 32 digits holds a place that is a multiple of 32. */
const encoded: Finder = (text) => {
  const hits: Hit[] = []
  for (let place = 0; place < text.length && hits.length < MAX_ENCODED; place += MIN_ENCODED_CHARS) {
    let [start, end] = [place, place]
    while (DIGITS.has(text.charCodeAt(end))) end += 1
    if (end === place) continue
    while (DIGITS.has(text.charCodeAt(start - 1))) start -= 1
    place += end - place - ((end - place) % MIN_ENCODED_CHARS)
    if (end - start < MIN_ENCODED_CHARS || /\?b\?$/i.test(text.slice(Math.max(0, start - 3), start))) continue
    if (isProse(text.slice(start, end))) hits.push({ kind: 'encoded_text', start, end: end + 2 })
  }
  return hits
}

const TAG = /<[a-z]{1,10}\s[^<>]{0,400}>([^<]{0,2000})/gi
const HIDES =
  /display\s{0,2}:\s{0,2}none|visibility\s{0,2}:\s{0,2}hidden|font-size\s{0,2}:\s{0,2}[01](?:px|pt)?\s{0,2}[;"']|opacity\s{0,2}:\s{0,2}0\s{0,2}[;"']/i

/** Words that HTML does not show. */
const hidden: Finder = (text) =>
  Array.from(text.matchAll(TAG), ({ index, 0: found, 1: content = '' }) => ({ start: index, found, content }))
    .filter(
      ({ found, content }) =>
        HIDES.test(found.slice(0, found.length - content.length)) && /(?:\S+\s+){3}/.test(content),
    )
    .map(({ start, found }) => ({ kind: 'hidden_text', start, end: start + found.length }))

/** Each with what its hits hold, which is looked for first. */
const FINDERS: readonly { find: Finder; needs: RegExp }[] = [
  { find: chatMarkup, needs: /[<[]|#\s|ssistant|ссистент|AI:/ },
  { find: fakeAnswers, needs: /["'“”«»`]\s{0,9}[:=]/ },
  { find: closedDelimiters, needs: /[<＜]|[=*#~-]{3}/ },
  { find: encoded, needs: /^/ },
  { find: hidden, needs: /style/i },
]

/** @param source a sanitised text, looked through in slices */
export async function findMarkup(source: string, breathe: Breathe): Promise<Hit[]> {
  const hits: Hit[] = []
  for (let from = 0; from < source.length; from += WINDOW) {
    const text = source.slice(from, from + WINDOW + OVERLAP)
    for (const { find, needs } of FINDERS) {
      if (!needs.test(text)) continue
      for (const { kind, start, end } of find(text)) {
        if (start < WINDOW) hits.push({ kind, start: from + start, end: from + end })
      }
      await breathe()
    }
  }
  return hits
}
