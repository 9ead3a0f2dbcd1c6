/** The sentence and the clauses that a quote stands in. */
import { PARAGRAPH, readable } from './letters.ts'
import type { Span } from '../lib/span.ts'

/** How far around the quote its clause may reach, in UTF-16 units. */
export const CONTEXT_CHARS = 120
/** How much of a quote is compared with its requirement, in UTF-16 units. An honest quote has some 150. */
export const MAX_CHARS = 1_000

/** @returns a pattern of whole words; without the flag `i` it fits text in small letters */
export const within = (pattern: string, flags = 'u') => new RegExp(`(?<!\\p{L})(?:${pattern})(?!\\p{L})`, flags)

/** Words which say that something is not there. */
export const NONE_WORDS = 'нет|ні|никаких|отсутству[ею]т|невозмож[а-я]+|no|nope|none'
/** Words that negate what stands beside them. */
export const NOT_WORDS =
  "neither|не|не(?:о|за)конченн[а-я]*|not|never|cannot|unable|unfamiliar|незнаком[аоы]?|[a-z]+n['’]t"
/** Words of several languages that deny what stands right after them, whatever it is. "No" and "нет" may end what stands before. */
export const DENYING_WORDS =
  'не|ни|едва|not|nor|never|cannot|hardly|barely|kein\\p{L}{0,2}|nicht|nie|não|nunca|jamais|pas|non|ні|و?(?:لا|لم|ليس)'
/** Words that negate. `yet to` is read as `not`. */
export const NEGATION = `${NOT_WORDS}|${NONE_WORDS}|yet to`
const NEGATED = within(NEGATION).source

/**
 * Ends a sentence. These do not: a dot within a word or a number, or after "No"; the end of a line after which the text goes on in small
 * letters; the sign of a question that is answered with no. Each pattern begins with the character that it needs and looks back from there,
 * which is several times faster.
 */
const SENTENCE_END = [
  `[!;•<>${PARAGRAPH}]`,
  '\\?(?!\\s*(?:[Нн]ет?|[Nn]o|[Nn]ot|[Nn]one|[Nn]ever)(?!\\p{L}))',
  '\\.(?=\\s|$)(?<!(?<!\\p{L})[Nn]o\\.)',
  '\\n(?=\\s*(?:[^\\s\\p{Ll}]|$))',
].join('|')
/**
 * Ends a clause. These do not: a comma within a number; the end of a long line that goes on in small letters; a dash or a colon before a
 * negation or "без опыта", whose subject stands before the sign ("Terraform — нет").
 */
const CLAUSE_END = [
  SENTENCE_END,
  // "Ни Angular, ни Vue не знаю".
  ',(?!\\d)(?=\\s|$|\\p{L})(?!(?<=(?<!\\p{L})ни\\s(?!од)[^,\\n]{1,40},)\\s+ни\\s)',
  // A clause keeps the bracket that opens a negating parenthesis: negations.ts then looks in the clause before for what is negated.
  `(?=\\([^()]*${NEGATED}[^()]*\\))`,
  `\\)(?<=\\([^()]*${NEGATED}[^()]*\\))`,
  // An item of a line and a cell keep the sign after them, as what stands before a colon does. A negation belongs to the item before it.
  `(?=\\s)(?<=(?:^|\\s)[·|/])(?!\\s+${NEGATED})`,
  `(?=\\s)(?<=:|\\s[-–—])(?!\\s+(?:пока )?без опыта)(?!\\s+(?:опыта? |навыков |знани[йея] )?(?:пока |еще |никогда |ни разу )?${NEGATED})`,
  // A dash after a Russian verb ends a clause even before a negation.
  '(?=\\s)(?<=\\p{L}(?:ю|л[аи]?)\\s[-–—])',
  '\\n(?<!\\n[^\\n]{40,}\\n)',
  '\\s(?=(?:а|но|зато|but)\\s)',
].join('|')
const [SENTENCE_ENDS, CLAUSE_ENDS] = [new RegExp(SENTENCE_END, 'u'), new RegExp(CLAUSE_END, 'u')]

/** @returns the text in small letters, with `е` for `ё`, a straight apostrophe for a curly one, and "have not" for "have yet to" */
export const plain = (text: string) =>
  text
    .toLowerCase()
    .replaceAll('ё', 'е')
    .replaceAll('’', "'")
    .replaceAll(/(?<=ha(?:ve|s) )yet to /g, 'not ')

/**
 * @param signs none of them in the sentence: its clauses are not wanted
 * @returns the whole clauses that the quote at this span stands in, in small letters, with a parenthesis right after it. Around the quote
 * {@link CONTEXT_CHARS} to each side are read
 */
export function clausesOf(source: string, { start, end }: Span, signs: RegExp): string[] {
  const part = (from: number, to: number) => readable(source.slice(Math.max(0, from), to))
  const before = plain(
    part(start - CONTEXT_CHARS, start)
      .split(SENTENCE_ENDS)
      .at(-1) ?? '',
  )
  const after = plain(part(end, end + CONTEXT_CHARS).split(SENTENCE_ENDS, 1)[0] ?? '')
  const quote = plain(part(start, Math.min(end, start + MAX_CHARS)))
  if (!signs.test(before + quote + after)) return []
  const own = /^\s*\([^()]*\)/.exec(after)?.[0] ?? after.split(CLAUSE_ENDS, 1)[0] ?? ''
  const text = (`\n${before}`.split(CLAUSE_ENDS).at(-1) ?? '') + quote + own
  return text
    .split(CLAUSE_ENDS)
    .map((clause) => clause.trim())
    .filter((clause) => clause !== '')
}
