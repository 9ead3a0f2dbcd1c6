/**
 * Makes texts fit for publication: removes what the author of a text could smuggle in, and replaces a recommendation that does not fit the
 * verdict by a plain one.
 */
import type { Verdict } from '../contracts.ts'
import { RECOMMENDATION_MAX_CHARS } from '../contracts.ts'
import { stripInvisible } from '../lib/sanitize.ts'

/** At most this much of a text is read. */
const MAX_CHARS_READ = 4_000

/** Shortens to whole words where possible; never ends in half a character. */
export function shorten(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text
  const cut = text
    .slice(0, maxChars - 1)
    .toWellFormed()
    .replace(/\ufffd$/, '')
  const words = cut.replace(/[\s\p{P}]+\S*$/u, '')
  return `${words.length > maxChars / 2 ? words : cut}…`
}

/**
 * Patterns of what a reader's program could take for markup, an address or a phone number. Each has a sign that all its matches hold,
 * because looking for the sign alone is many times faster.
 */
const UNWANTED: readonly [sign: RegExp, pattern: RegExp][] = [
  [/[<&]/, /<[^<>]{0,300}>|<(?=[a-z/!?])|&(?:lt|gt|#\d{1,7}|#x[\da-f]{1,6});/gi],
  [/:\/\/|www\./i, /(?:\p{L}[\p{L}\d+.-]{1,20}:\/\/|www\.)\S+/giu],
  [/:/, /(?:mailto|tel|javascript|data):\S+/gi],
  // Addresses of mail or of a messenger.
  [/@/, /[\p{L}\d._%+-]{1,64}@[\p{L}\d-]{1,64}(?:\.[\p{L}\d-]{1,64}){1,4}|(?<![\p{L}\d])@[\p{L}\d_.]{2,}/giu],
  // A domain with a path. Without a path it may be a name ("Booking.com"), which is only kept from becoming a link.
  [/\//, /(?:[\p{L}\d-]{1,64}\.){1,4}\p{L}{2,24}\/\S*/giu],
  [/\.\S/, /(?<=[\p{L}\d-])\.(?=(?:com|ru|org|info|biz|xyz|top|site|online|link|рф|me|kz|by|ua)(?![\p{L}\d]))/giu],
  [
    /\d{3}|\+\d/,
    /\+\d[\d\s().-]{7,20}\d|(?<!\d)[78][\s(-]{0,2}\d{3}[\s)-]{0,2}\d{3}[\s-]?\d{2}[\s-]?\d{2}(?!\d)|(?<!\d)\d{10,15}(?!\d)/g,
  ],
]

const withoutUnwanted = (text: string) =>
  UNWANTED.reduce((clean, [sign, pattern]) => (sign.test(clean) ? clean.replace(pattern, ' ') : clean), text)

/** @returns one line of at most `maxChars` without invisible characters, HTML, links, addresses, phone numbers, formulas */
export function tidy(text: string, maxChars: number): string {
  const given = stripInvisible(text.slice(0, MAX_CHARS_READ)).text
  const once = withoutUnwanted(given)
  // When something is removed, the rest may form something unwanted.
  const clean = once === given ? given : withoutUnwanted(once)
  const line = clean.replace(/\s{2,}|[^\S ]/g, ' ').replace(/^[\s=+@|-]+/, '')
  return shorten(line.trim(), maxChars)
}

export interface Facts {
  /** The model's own words, unchanged. */
  recommendation: string
  verdict: Verdict
  /** The verdict that the model's own score would give. */
  modelVerdict: Verdict
  proved: string[]
  unproved: string[]
}

/** Why a recommendation is replaced. */
export type Replaced = 'empty' | 'contradicts_verdict'

function plain({ verdict, proved, unproved }: Facts): string {
  const all = proved.length + unproved.length
  const counted =
    all === 0 ? 'Требования вакансии не выделены.' : `В резюме подтверждено требований: ${proved.length} из ${all}.`
  const named = unproved
    .slice(0, 3)
    .map((requirement) => `«${requirement}»`)
    .join(', ')
  if (verdict === 'Подходит') {
    return `${counted} Рекомендуется пригласить кандидата на собеседование${named === '' ? '' : ` и уточнить: ${named}`}.`
  }
  return `${counted} Кандидат не подходит${named === '' ? '' : `: не подтверждено ${named}`}.`
}

/** @returns the model's own words; replaced, with the reason, if there are none or the published verdict is not the model's */
export function recommend(facts: Facts): { recommendation: string; replaced: Replaced | null } {
  const own = tidy(facts.recommendation, RECOMMENDATION_MAX_CHARS)
  const replaced = facts.modelVerdict !== facts.verdict ? 'contradicts_verdict' : own === '' ? 'empty' : null
  return { recommendation: replaced === null ? own : shorten(plain(facts), RECOMMENDATION_MAX_CHARS), replaced }
}
