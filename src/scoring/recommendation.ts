/** The sentence for the recruiter: the model's, where it agrees with the published score; else a plain one made of the facts. */
import type { Verdict } from '../contracts.ts'
import { RECOMMENDATION_MAX_CHARS } from '../contracts.ts'
import { bears } from './bearing.ts'
import { stripInvisible } from '../lib/sanitize.ts'

/** Shortened to whole words where possible; never ends in half a character. */
export function shorten(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text
  const cut = text
    .slice(0, maxChars - 1)
    .toWellFormed()
    .replace(/\ufffd$/, '')
  const words = cut.replace(/[\s\p{P}]+\S*$/u, '')
  return `${words.length > maxChars / 2 ? words : cut}…`
}

/** One line without invisible characters. */
export const tidy = (text: string): string => stripInvisible(text).text.replace(/\s+/g, ' ').trim()

const word = (pattern: string) => `(?<!\\p{L})${pattern}(?!\\p{L})`
const AGAINST = new RegExp(
  [
    word('не (?:\\p{L}+ )?(?:подход\\p{L}*|рекоменд\\p{L}*|соответств\\p{L}*)'),
    word(
      'не (?:стоит|следует|нужно|советую|готов\\p{L}*) (?:\\p{L}+ )?(?:приглаш\\p{L}*|нанима\\p{L}*|рассматр\\p{L}*|брать)',
    ),
    word('(?:отказать|отклонить|отказ|отклонен\\p{L}*|нецелесообразн\\p{L}*|неподходящ\\p{L}*|непригод\\p{L}*)'),
  ].join('|'),
  'giu',
)
const FOR = new RegExp(
  [
    word('подход(?:ит|ящ\\p{L}*)'),
    word(
      '(?:рекоменд\\p{L}*|стоит|следует|можно|нужно|советую|предлагаю) (?:\\p{L}+ )?(?:приглас\\p{L}*|пригла\\p{L}*|наня\\p{L}*|взять|рассмотр\\p{L}*|собеседован\\p{L}*)',
    ),
    word('рекоменд(?:ую|уется|ован\\p{L}*)'),
    word('соответству\\p{L}* (?:\\p{L}+ )?(?:требован\\p{L}*|ваканс\\p{L}*|должност\\p{L}*|позици\\p{L}*)'),
    word('(?:идеальн\\p{L}*|отличн\\p{L}*|сильн\\p{L}*) (?:кандидат\\p{L}*|соискател\\p{L}*)'),
  ].join('|'),
  'giu',
)

/**
 * @returns the verdict that a recommendation speaks: by the first phrase of it that says so, since what follows is mostly a
 * restriction ("Подходит, но не соответствует..."); null when it says none
 */
export function spokenVerdict(text: string): Verdict | null {
  const against = [...text.matchAll(AGAINST)].map(({ index, 0: found }) => ({
    start: index,
    end: index + found.length,
  }))
  // "не подходит" contains "подходит".
  const favour = [...text.matchAll(FOR)].find(
    ({ index }) => !against.some(({ start, end }) => start <= index && index < end),
  )
  const [first] = against
  if (first === undefined) return favour === undefined ? null : 'Подходит'
  return favour !== undefined && favour.index < first.start ? 'Подходит' : 'Не подходит'
}

/** At least a third of the letters are Cyrillic: the rest may be names of technologies. */
function isRussian(text: string): boolean {
  const letters = text.match(/\p{L}/gu)?.length ?? 0
  return letters > 0 && (text.match(/[а-яё]/gi)?.length ?? 0) * 3 >= letters
}

const ADDRESS = /https?:|www\.|[\w.+-]+@[\w-]+\.\w|t\.me\//i

export interface Facts {
  /** The model's, not tidied. */
  recommendation: string
  verdict: Verdict
  /** The verdict that the model's own score would give. */
  modelVerdict: Verdict
  score: number
  modelScore: number
  proved: string[]
  /** Requirements not proved; `dropped` of them the model took for met. */
  unproved: string[]
  dropped: string[]
}

/** Why a recommendation is replaced. */
export type Replaced = 'empty' | 'not_russian' | 'holds_an_address' | 'contradicts_verdict' | 'tells_the_unproved'

function fault(text: string, facts: Facts): Replaced | null {
  if (text === '') return 'empty'
  if (!isRussian(text)) return 'not_russian'
  if (ADDRESS.test(text)) return 'holds_an_address'
  const spoken = spokenVerdict(text)
  if (facts.modelVerdict !== facts.verdict || (spoken !== null && spoken !== facts.verdict))
    return 'contradicts_verdict'
  const tellsScore = facts.score !== facts.modelScore && new RegExp(`(?<!\\d)${facts.modelScore}(?!\\d)`).test(text)
  const quoted = { quote: text, label: '', near: text, line: text, resumeIsLatin: false }
  return tellsScore || facts.dropped.some((requirement) => bears(requirement, quoted)) ? 'tells_the_unproved' : null
}

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

/** @returns a recommendation of at most 700 characters that agrees with the verdict, and why it is not the model's own */
export function recommend(facts: Facts): { recommendation: string; replaced: Replaced | null } {
  const own = shorten(tidy(facts.recommendation), RECOMMENDATION_MAX_CHARS)
  const replaced = fault(own, facts)
  return { recommendation: replaced === null ? own : shorten(plain(facts), RECOMMENDATION_MAX_CHARS), replaced }
}
