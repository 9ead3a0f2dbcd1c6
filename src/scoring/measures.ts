/** How long and how well: the years and the levels of languages that texts state, and whether a quote states fewer than a requirement. */
import { within } from './clauses.ts'
import { languagesIn } from './languages.ts'

const YEAR = 'лет|год(?:а|у|ов)?|рок(?:и|ів|у)|жыл|years?|yrs?|jahre?n?|años?|ans|anni|lat|سنوات|سنة'
const MONTH = 'месяц\\p{L}*|мес|місяц\\p{L}*|months?|mos|mths?|monate?n?|meses|mes|mois|mesi'
/** Abbreviations of years. They count only after a number; elsewhere they are ordinary letters. */
const ABBREVIATED = 'г\\.?|л\\.?'
/** Units in Chinese, Japanese and Korean, which need no space after them. */
const UNSPACED = '年|个月|個月|년|개월'
const DURATION = new RegExp(
  `(?<!\\d)(\\d{1,2}(?:[.,]\\d)?)[-\\s]?(?:х|ти|и)?\\+?\\s*(?:(?:(${MONTH})|${YEAR}|${ABBREVIATED})(?!\\p{L})|(?:${UNSPACED}))`,
  'giu',
)
const UNIT_FIRST = new RegExp(`^\\s*(?:${YEAR}|${MONTH})(?!\\p{L})`, 'iu')
/** A number, in digits or in words. */
const NUMBER =
  '\\d|(?<!\\p{L})(?:дв[ае]|три|четыре|пять|шесть|семь|восемь|девять|десять|полтор\\p{L}|пол\\p{L}*год\\p{L}*|two|three|four|five|six|seven|eight|nine|ten|half|decades?)(?!\\p{L})'
/** A number or a unit of time. Where one is left beside the durations in figures, the length is not known. */
const LEFT = new RegExp(`${NUMBER}|${within(`${YEAR}|${MONTH}`).source}`, 'iu')
/** A year of the calendar. Two of them may be when one job began and ended, beside its stated length. */
const CALENDAR_YEAR = /(?<!\d)(?:19|20)\d\d(?!\d)/g
/** In a text with one of these, a number of years may be an age, a time window or a period. */
const OTHER_TIME =
  'последн\\p{L}*|прошл\\p{L}*|назад|кажд\\p{L}*|раз|ребен\\p{L}*|дет(?:[еия]|ьми)\\p{L}*|сын\\p{L}*|доч\\p{L}*|гаранти\\p{L}*|last|past|ago|every|each|children|kids|old|letzten|alt|últim\\p{L}*|останні\\p{L}*'
/** In a quote with one of these, a number may be a bound, or not the whole length. */
const INEXACT =
  'через|спустя|течени[еи]|длил\\p{L}*|подряд|срок\\p{L}*|took|lasted|during|in (?=\\d)|за|более|больше|свыше|почти|около|возраст\\p{L}*|старше|мне|перерыв\\p{L}*|декрет\\p{L}*|break|leave|over|more|within|aged?|über|mehr|más|plus|понад|більше'
const NO_LENGTH = new RegExp(`\\d\\+|\\d-(?:year|month)|[超多近]|${within(`${OTHER_TIME}|${INEXACT}`).source}`, 'iu')
const NO_LENGTH_WANTED = within(OTHER_TIME, 'iu')
/** "3–5 years" asks for the lower end. */
const RANGE = /(?<!\d)(\d{1,2}(?:[.,]\d)?)\s*(?:[-–—]|до|to|bis|a|à)\s*\d{1,2}(?:[.,]\d)?(?=[-\s])/giu
/** An upper bound. */
const AT_MOST =
  /(?<!\p{L})(?:до|возраст\p{L}*|не (?:более|старше|больше)|младше|up to|under|at most|aged?|bis|höchstens|hasta|máximo|maximum)(?!\p{L})/iu

/** One to ten, in words. */
const NUMERALS = [
  'один|одного|one',
  'два|двух|two',
  'три|трех|three',
  'четыре|четырех|four',
  'пять|пяти|five',
  'шесть|шести|six',
  'семь|семи|seven',
  'восемь|восьми|eight',
  'девять|девяти|nine',
  'десять|десяти|ten',
].map((words) => words.split('|'))
/** A number in words before its unit of time, unless it is the end of a larger one. */
const WORDED = new RegExp(
  `(?<![\\p{L}\\d-]|(?:дцать|десят|сорок|ty)[-\\s])(?:${NUMERALS.flat().join('|')})(?=\\s(?:${YEAR}|${MONTH})(?!\\p{L}))`,
  'giu',
)

/** @returns a text with `е` for `ё` and its lengths of time in figures: "полтора года", "three years" */
const inFigures = (text: string): string =>
  text
    .replaceAll('ё', 'е')
    .replace(WORDED, (word) => String(NUMERALS.findIndex((words) => words.includes(word.toLowerCase())) + 1))
    .replace(/(?<!\p{L})полтора (?=года)/giu, '1.5 ')
    .replace(/(?<!\p{L})полгода(?!\p{L})/giu, '0.5 года')

/** @param text with its lengths in figures */
const yearsOf = (text: string) =>
  [...text.matchAll(DURATION)].map(
    ([found, number = '', month]) =>
      Number(number.replace(',', '.')) / (month !== undefined || /[个個개]/.test(found) ? 12 : 1),
  )

/** Whether a quote states years in figures, and all of them together are fewer than wanted. */
function isShorter(said: string, wanted: number): boolean {
  const quote = inFigures(said)
  const stated = yearsOf(quote)
  const rest = quote.replace(DURATION, ' ')
  const total = stated.reduce((sum, years) => sum + years, 0)
  const [from, to, ...more] = (rest.match(CALENDAR_YEAR) ?? []).map(Number)
  const isOfOneJob = from !== undefined && to !== undefined && more.length === 0 && Math.abs(to - from) <= total + 1
  if (stated.length === 0 || LEFT.test(isOfOneJob ? rest.replace(CALENDAR_YEAR, ' ') : rest) || NO_LENGTH.test(quote))
    return false
  return total < wanted
}

const LEVEL = /(?<![\p{L}\p{N}])[ABCАВС][12](?![\p{L}\p{N}])|(?:upper[-\s]?|pre[-\s]?)?intermediate/giu
const NAMED: Record<string, string> = { pre: 'A2', int: 'B1', upp: 'B2' }
const LATIN: Record<string, string> = { А: 'A', В: 'B', С: 'C' }

/** @returns the levels of a text, the lowest first */
const levelsOf = (text: string) =>
  (text.match(LEVEL) ?? [])
    .map((level) => NAMED[level.slice(0, 3).toLowerCase()] ?? level.toUpperCase())
    .map((level) => level.replace(/[АВС]/, (letter) => LATIN[letter] ?? letter))
    .toSorted()

/** A level after one of these is where somebody began. */
const BEGAN = new RegExp(`(?<!\\p{L})(?:с|из|from)\\s+(?:${LEVEL.source})`, 'giu')
/** Who teaches a language states the levels of pupils. */
const TEACHES = within('преподаю|преподавала?|teach(?:ing)?|taught', 'iu')
const FLUENT = /свободн|родной|носител|fluent|native/i
/** The score of another test, which we do not convert to a level. */
const OTHER_SCORE = /\d[.,]\d|(?<!\d)\d{2,3}(?!\d)/

/**
 * Whether a quote states levels of the Common European Framework, and all of them are lower than wanted. What it says of another language
 * than the required one does not count.
 */
function isLower(quote: string, wanted: string, language: string | null): boolean {
  const isOther = (part: string) => {
    const named = languagesIn(part)
    return language !== null && named.length > 0 && !named.includes(language)
  }
  const stated = quote
    .split(/[,;|/•\n]/)
    .filter((part) => !isOther(part))
    .join(', ')
    .replace(BEGAN, ' ')
  const highest = levelsOf(stated).at(-1)
  return highest !== undefined && highest < wanted && [OTHER_SCORE, FLUENT, TEACHES].every((each) => !each.test(stated))
}

/** What a requirement asks for in figures. */
export interface Least {
  /** null: none. */
  years: number | null
  level: string | null
  /** The code of the only language that it names; null: none, or several. */
  language: string | null
}

/** @returns the figures of a requirement that a quote can fall short of */
export function leastOf(requirement: string): Least {
  const lower = inFigures(requirement).replace(RANGE, '$1')
  const years = AT_MOST.test(lower) || NO_LENGTH_WANTED.test(lower) ? [] : yearsOf(lower)
  const [level] = /категори|\bcategory/i.test(requirement) ? [] : levelsOf(requirement)
  const [language = null, ...others] = new Set(languagesIn(requirement))
  return {
    years: years.length === 0 ? null : Math.min(...years),
    level: level ?? null,
    language: others.length === 0 ? language : null,
  }
}

/** @returns whether a quote speaks of what the requirement asks for without sharing a word: of years, or of a language by another name */
export const isOfKind = ({ years, language }: Least, quote: string): boolean =>
  (years !== null && (yearsOf(inFigures(quote)).length > 0 || quote.search(CALENDAR_YEAR) >= 0)) ||
  (language !== null && languagesIn(quote).includes(language))

/** @returns whether a quote states fewer years, or a lower level, than are asked for */
export const fallsShort = (quote: string, { years, level, language }: Least): boolean =>
  (years !== null && isShorter(quote, years)) || (level !== null && isLower(quote, level, language))

/** @returns whether a text states years or a level */
export const isMeasured = (text: string): boolean => yearsOf(inFigures(text)).length > 0 || levelsOf(text).length > 0

/** @returns whether a text begins with a unit of time, whose number stands before it */
export const beginsWithUnit = (text: string): boolean => UNIT_FIRST.test(text)
