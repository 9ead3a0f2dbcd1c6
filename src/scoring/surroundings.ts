/** What stands around a quote in the resume: a label that says what it is about, a word that denies it. */
import type { Span } from './spans.ts'

const MAX_LABEL_CHARS = 60
const MAX_HEADING_DISTANCE = 600

/** @returns the text before a colon in the quote's line, or else the nearest line above that ends with one; '' for none */
export function labelOf(source: string, { start }: Span): string {
  const above = source.slice(Math.max(0, start - MAX_HEADING_DISTANCE), start)
  const lines = above.split('\n')
  const inLine = /([^\n.;:]*):[^:]*$/.exec(lines.at(-1) ?? '')?.[1]?.trim()
  if (inLine !== undefined && inLine !== '') return inLine.slice(-MAX_LABEL_CHARS)
  const heading = lines.slice(1, -1).findLast((line) => /:\s*$/.test(line) && line.length <= MAX_LABEL_CHARS)
  return heading?.trim() ?? ''
}

/** @returns the quote's line, so far before and after it at the most */
export function lineOf(source: string, { start, end }: Span, maxChars: number): string {
  const before = source.slice(Math.max(0, start - maxChars), start)
  const after = source.slice(end, end + maxChars)
  return before.slice(before.lastIndexOf('\n') + 1) + source.slice(start, end) + (after.split('\n', 1)[0] ?? '')
}

const NOT_DONE =
  'не (?:име|было|влад|зна|работа|использ|примен|изуча|сталкива|занима|умею)\\p{L}*|(?:do not|don.t|did not|didn.t|have not|haven.t|has no|have no) \\p{L}+'
/** Right before the quote: `не [работал с Kafka]`. */
const DENIED_BEFORE = /(?<!\p{L})(?:не|ни|нет|без|not|no|never|without|lack(?:s|ing)?|cannot|don.t|didn.t|haven.t) +$/iu
/** Right after it: `[Kafka] — нет`. */
const DENIED_AFTER = new RegExp(`^[\\s:—–-]{1,4}(?:нет|отсутств\\p{L}*|${NOT_DONE}|none|no)(?!\\p{L})`, 'iu')
/** The quote itself says that it is not so. */
const DENIAL = new RegExp(
  `^(?:нет|без|никогда не|${NOT_DONE}|no experience|not familiar|never|without)(?!\\p{L})|(?:[:—–-]|\\s)(?:нет|отсутствует|none|${NOT_DONE})[\\s.]*$`,
  'iu',
)

/** @returns whether the resume denies what is quoted, or the quote was cut out of its denial */
export function isDenied(source: string, { start, end }: Span): boolean {
  const quote = source.slice(start, end)
  const before = source.slice(Math.max(0, start - 20), start)
  const after = source.slice(end, end + 40)
  return DENIAL.test(quote) || DENIED_BEFORE.test(before) || DENIED_AFTER.test(after)
}
