/**
 * Finds what looks like a part of the conversation with the model, or is hidden from a reader. It goes by form alone, so it works in any
 * language.
 */
import type { Span } from '../lib/span.ts'

/** What was found, and where. */
export interface Hit extends Span {
  kind: string
}

/** Characters that are searched in one go, and how far a match may reach beyond them. */
const WINDOW = 32_768
const OVERLAP = 2_048
/** A block that is not closed within this many characters ends with its first line. */
const MAX_BLOCK = 2_000

const LINE_START = '(?<=^[ \\t>*"«“]{0,9})'
const ROLE = '(?:system|assistant|developer|instructions?)'
const TOKEN = '<[|｜][a-z_▁ ]{2,30}[|｜]>'
const OPENS = `(?:${TOKEN}|\\[INST\\]|<<SYS>>|<${ROLE}>)`
const CLOSES = `(?:${TOKEN}|\\[/INST\\]|<</SYS>>|</${ROLE}>)`

const ASKS = '(?:user|human|пользователь)'
const ANSWERS = '(?:assistant|ai|ассистент)'

/** Not before a comma, a full stop or "and": there the text lists marks, and only mentions this one. */
const LISTED = '(?!\\s{0,3}[,;.)]|\\s(?:and|or|и|или|und|oder)\\s)'

/** Marks of a chat. One in the middle of a sentence is only mentioned there, unless it encloses at least three words. */
const CHAT_MARKUP = new RegExp(
  [
    `${LINE_START}(?:${OPENS}|${CLOSES})${LISTED}`,
    `${LINE_START}#{1,6} {0,3}(?:${ROLE}|response)(?: prompt| message)? {0,3}:`,
    `${LINE_START}${ASKS} {0,3}:[^\\n]{0,400}\\n[ \\t]{0,9}${ANSWERS} {0,3}:`,
    `${LINE_START}${ANSWERS} {0,3}:[^\\n]{0,400}\\n[ \\t]{0,9}${ASKS} {0,3}:`,
    `(?<opening>${OPENS})`,
  ].join('|'),
  'gim',
)
/** Every mark of a chat holds it, and most texts do not. */
const CHAT_SIGN = new RegExp(`[<[#]|${ANSWERS} {0,3}:`, 'i')
const CLOSING = new RegExp(CLOSES, 'i')

/**
 * @returns the end of the block whose opening mark ends at `from`, and the text before its closing mark; null: it is not closed, and ends
 * with the first line that has words
 */
function blockFrom(text: string, from: number): { end: number; inner: string | null } {
  const ahead = text.slice(from, from + MAX_BLOCK)
  const closing = CLOSING.exec(ahead)
  if (closing !== null) return { end: from + closing.index + closing[0].length, inner: ahead.slice(0, closing.index) }
  const [line = ''] = /^[\s:]{0,9}[^\n]*/.exec(ahead) ?? []
  return { end: from + line.length, inner: null }
}

function chatMarkup(text: string): Span[] {
  const spans: Span[] = []
  if (!CHAT_SIGN.test(text)) return spans
  for (const { index: start, 0: found, groups } of text.matchAll(CHAT_MARKUP)) {
    if (start < (spans.at(-1)?.end ?? 0)) continue
    const { end, inner } = blockFrom(text, start + found.length)
    const isBlock = inner !== null && !/[<[]/.test(inner) && inner.trim().split(/\s+/, 3).length === 3
    if (isBlock || groups?.['opening'] === undefined) spans.push({ start, end })
  }
  return spans
}

const KEY =
  /["'“”«»`](requirement|met|quote|evidence|score|recommendation|verdict|вердикт|оценка|рекомендация)s?["'“”«»`]\s{0,9}[:=](?!\s?0?\.\d)/gi
/** Keys that are fewer than this many characters apart belong to one object. */
const MAX_BETWEEN_KEYS = 300
const ONLY_A_SCORE = /^\{\s{0,9}["']score["']\s{0,3}:\s{0,3}\d{1,3}\s{0,9}\}/i

/** @returns the whole object that some keys stand in, from its opening bracket, or the beginning of the line, to its closing bracket */
function wholeObject(text: string, { start, end }: Span): Span {
  const before = text.slice(Math.max(0, start - MAX_BETWEEN_KEYS), start)
  const bracket = before.search(/\{[^}]*$/)
  const opening = bracket < 0 ? before.lastIndexOf('\n') + 1 : bracket
  const [rest = ''] =
    /^[^\n]{0,2000}(?:\n[ \t]{0,99}[\]}"',][^\n]{0,200}){0,20}/.exec(text.slice(end, end + MAX_BLOCK)) ?? []
  return { start: start - before.length + opening, end: end + rest.length }
}

/** Finds ready answers in the form of the model's: two of its keys together, or a score alone. */
function fakeAnswers(text: string): Span[] {
  const objects: (Span & { keys: Set<string> })[] = []
  for (const { index: start, 0: found, 1: key = '' } of text.matchAll(KEY)) {
    const end = start + found.length
    const last = objects.at(-1)
    if (last !== undefined && start - last.end < MAX_BETWEEN_KEYS) {
      last.end = end
      last.keys.add(key.toLowerCase())
    } else objects.push({ start, end, keys: new Set([key.toLowerCase()]) })
  }
  const isAnswer = ({ start, keys }: (typeof objects)[number]) =>
    keys.size > 1 || ONLY_A_SCORE.test(text.slice(text.lastIndexOf('{', start), start + 40))
  return objects.filter(isAnswer).map((span) => wholeObject(text, span))
}

const OUR_TAG = /[<＜]\s{0,3}([/／]?)\s{0,3}(resume|requirements|cv)\b[^<>＜＞\n]{0,80}[>＞]/gi
const END_ANNOUNCED =
  /[=*#~-]{3}\s{0,3}(?:end(?: of)?(?: the)?|конец|ende|fin(?: de)?)\s{1,3}(?:resume|requirements|cv|input|document|data|резюме|требований|данных)\s{0,3}[=*#~-]{3}/gi

/**
 * Finds tags that close what the text itself has not opened, and marks that announce its end. In an XML export tags are balanced; a text
 * that tries to leave our block has a closing tag too many.
 */
function closedDelimiters(text: string): Span[] {
  const open = { resume: 0, requirements: 0, cv: 0 }
  const isUnopened = ({ 0: tag, 1: slash, 2: given = '' }: RegExpExecArray) => {
    const name = given.toLowerCase() as keyof typeof open
    if (slash !== '' && open[name] === 0) return true
    if (!tag.endsWith('/>')) open[name] += slash === '' ? 1 : -1
    return false
  }
  const found = [...Array.from(text.matchAll(OUR_TAG)).filter(isUnopened), ...text.matchAll(END_ANNOUNCED)]
  return found
    .toSorted((a, b) => a.index - b.index)
    .map(({ index: start, 0: { length } }) => ({ start, end: blockFrom(text, start + length).end }))
}

/** At most this many characters of a base64 or hexadecimal run are decoded. */
const MAX_ENCODED_CHARS = 2_048
/** At most this many runs of a window are decoded. */
const MAX_ENCODED = 20

/** @returns what a run of base64 or hexadecimal digits encodes; '' when that is no text */
function decode(run: string): string {
  const cut = run.slice(0, MAX_ENCODED_CHARS)
  const bytes = Buffer.from(cut, /^[\da-f]+$/i.test(cut) && cut.length % 2 === 0 ? 'hex' : 'base64')
  const text = bytes.toString('utf8')
  const odd = text.match(/[^\p{L}\p{N}\p{P}\p{Zs}\n\x20-\x7e]/gu)?.length ?? 0
  return odd <= text.length * 0.05 ? text : ''
}

/** A run of at least this many digits of base64 may be an encoded text. */
const LEAST_ENCODED = 32
const DIGIT = /[\w+/-]/

/** Whether a run of digits of base64 is that long: each such run has a digit at a multiple of that length, so only there is looked. */
function hasLongRun(text: string): boolean {
  const isDigit = (place: number) => DIGIT.test(text.charAt(place))
  for (let place = LEAST_ENCODED - 1; place < text.length; place += LEAST_ENCODED) {
    if (!isDigit(place)) continue
    let [from, to] = [place, place + 1]
    while (isDigit(from - 1)) from -= 1
    while (isDigit(to)) to += 1
    if (to - from >= LEAST_ENCODED) return true
  }
  return false
}

/** Finds encoded text that would be found if it stood there plain. Encoded words in mail headers do not count. */
const encoded = (text: string, addresses: Addresses): Span[] =>
  (hasLongRun(text) ? Array.from(text.matchAll(/(?<!\?b\?)(?<![\w+/-])[\w+/-]{32,}={0,2}/gi)) : [])
    .slice(0, MAX_ENCODED)
    .filter(([run]) => {
      const plain = decode(run)
      return addresses(plain) || [chatMarkup, fakeAnswers, closedDelimiters].some((find) => find(plain).length > 0)
    })
    .map(({ index: start, 0: { length } }) => ({ start, end: start + length }))

const HIDES =
  /display\s{0,2}:\s{0,2}none|visibility\s{0,2}:\s{0,2}hidden|font-size\s{0,2}:\s{0,2}[01](?:px|pt)?\s{0,2}[;"']|opacity\s{0,2}:\s{0,2}0\s{0,2}[;"']/i

/** Finds three or more words that HTML does not show. */
const hidden = (text: string): Span[] =>
  Array.from(text.matchAll(/(<[a-z]{1,10}\s[^<>]{0,400}>)([^<]{0,2000})/gi))
    .filter(([, tag = '', content = '']) => HIDES.test(tag) && /\S\s+\S+\s+\S+\s/.test(content))
    .map(({ index: start, 0: { length } }) => ({ start, end: start + length }))

type Addresses = (text: string) => boolean

/** Each but `encoded` looks first for a character that its matches begin with, which most texts do not have. */
const FINDERS: Record<string, (text: string, addresses: Addresses) => Span[]> = {
  chat_markup: chatMarkup,
  fake_answer: fakeAnswers,
  closes_delimiter: closedDelimiters,
  encoded_text: encoded,
  hidden_text: hidden,
}

/**
 * Looks through a sanitised text: yields what it finds, and null where a caller may pause.
 * @param addresses whether a text addresses the model
 */
export function* markupIn(source: string, addresses: Addresses): Generator<Hit | null> {
  for (let from = 0; from < source.length; from += WINDOW) {
    const text = source.slice(from, from + WINDOW + OVERLAP)
    for (const [kind, find] of Object.entries(FINDERS)) {
      for (const { start, end } of find(text, addresses)) {
        if (start < WINDOW) yield { kind, start: from + start, end: from + end }
      }
      yield null
    }
  }
}
