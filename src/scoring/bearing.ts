/**
 * Whether a quote bears on its requirement: a true quote about something else proves nothing ("Родился в Москве" for
 * "Знание Kubernetes"). That it proves the requirement is the model's judgement; this only rejects what cannot.
 *
 * - Words that every vacancy has (опыт, знание, experience) never count; those of mere activity (разработка, проект) only
 *   where a requirement has no others. What is left are its telling words.
 * - A quote bears if it has a telling word, in whatever inflection, or a word of a subject that a telling word names: in the
 *   other language, as an abbreviation, as a part of it (vocabulary.ts). Latin words must be equal but for an English ending:
 *   `Java` is not `JavaScript`.
 * - A label counts as the quote's: "Образование: МГУ", and the heading with a colon above.
 * - A requirement of time only ("Опыт работы от 3 лет") is borne on by a number or a word of time. A quote of time only ("5
 *   лет") counts with what stands beside it.
 * - A quote in another language than the Russian requirement shares no words with it by nature, and is taken as it is; unless
 *   the requirement names something in Latin letters, which reads the same in both.
 */
import { foldWords } from './fold.ts'
import { isEmptyWord, isWeakWord, subjectsOf } from './vocabulary.ts'

type Script = 'cyrillic' | 'latin' | 'number' | 'other'

interface Word {
  folded: string
  script: Script
}

const WORD = /[\p{L}\p{N}\p{M}+#]+/gu
/** Nothing is told by more words than that. */
const MAX_WORDS = 200

function scriptOf(word: string): Script {
  if (!/\p{L}/u.test(word)) return 'number'
  const cyrillic = word.match(/\p{Script=Cyrillic}/gu)?.length ?? 0
  const latin = word.match(/\p{Script=Latin}/gu)?.length ?? 0
  if (cyrillic === 0 && latin === 0) return 'other'
  return cyrillic >= latin ? 'cyrillic' : 'latin'
}

function wordsOf(text: string): Word[] {
  return (text.normalize('NFKC').match(WORD) ?? [])
    .slice(0, MAX_WORDS)
    .map((word) => ({ folded: foldWords(word), script: scriptOf(word) }))
    .filter(({ folded }) => folded !== '')
}

/** Counts of years and the like tell nothing; `44-ФЗ`, `223` and `1С` do. */
const isTelling = ({ folded, script }: Word) =>
  script === 'number' ? /^\d{3,}$/.test(folded) && !/^(?:19|20)\d\d$/.test(folded) : !isEmptyWord(folded)

const ENGLISH_ENDING = /^(?:e?s|e?d|e|e?rs?|ings?|ments?|a?t?ions?|ance|y|ies|ied)?$/

function sharedStart(a: string, b: string): number {
  let length = 0
  while (length < a.length && a[length] === b[length]) length += 1
  return length
}

/** Whether two words are forms of one. */
function isSameWord(a: Word, b: Word): boolean {
  if (a.folded === b.folded) return true
  if (a.script !== b.script || a.script === 'number') return false
  const shared = sharedStart(a.folded, b.folded)
  const shorter = Math.min(a.folded.length, b.folded.length)
  if (a.script === 'latin') {
    const endings = [a.folded.slice(shared), b.folded.slice(shared)]
    return shared >= 4 && endings.every((ending) => ENGLISH_ENDING.test(ending))
  }
  // The beginning of a Russian word stays: `продажи`, `продажах`; `банк`, `банковский`; `разработка`, `разрабатывал`.
  return shorter <= 5 ? shared >= 4 : shared >= 5 && shared >= shorter * 0.6
}

function isAbout(required: Word[], said: Word[]): boolean {
  if (required.some((word) => said.some((other) => isSameWord(word, other)))) return true
  const named = new Set(required.flatMap(({ folded }) => subjectsOf(folded).names))
  return named.size > 0 && said.some(({ folded }) => subjectsOf(folded).all.some((subject) => named.has(subject)))
}

/** A number, or a word of time. */
const TIME = /\d|(?<!\p{L})(?:опыт|стаж|лет|год|месяц|настоящее|year|month|experience|since|present)/iu

/** What a sentence in English has and a list of technologies has not. */
const ENGLISH = /(?<![a-z])(?:the|and|of|in|with|for|to|at|by|on|as|from|an?|was|were|is|are|my|our)(?![a-z])/i

/** @returns whether a text is mainly in Latin letters */
export function isLatin(text: string): boolean {
  const sample = text.slice(0, 20_000)
  return (sample.match(/[a-z]/gi)?.length ?? 0) > 2 * (sample.match(/[а-яё]/gi)?.length ?? 0)
}

/** Whether the words of a quote cannot be those of the requirement, because it is in another language. */
function isOtherLanguage(required: Word[], said: Word[], { line, resumeIsLatin }: Quoted): boolean {
  const has = (words: Word[], script: Script) => words.some((word) => word.script === script)
  if (has(required, 'latin') || has(said, 'cyrillic')) return false
  return has(said, 'other') || (has(said, 'latin') && (resumeIsLatin || (isLatin(line) && ENGLISH.test(line))))
}

/** @returns the same for requirements that ask the same in other words around it: "Знание SQL", "Опыт работы с SQL" */
export function subjectKey(requirement: string): string {
  const telling = wordsOf(requirement).filter(isTelling)
  const words = new Set(telling.map(({ folded }) => folded))
  return words.size === 0 ? foldWords(requirement) : [...words].toSorted().join(' ')
}

export interface Quoted {
  quote: string
  /** What stands before it with a colon, in its line or as the heading above; empty when nothing does. */
  label: string
  /** It with what stands beside it in its line. */
  near: string
  /** The line that it stands in. */
  line: string
  /** See `isLatin`. */
  resumeIsLatin: boolean
}

/** @returns whether the quote can be a proof of the requirement */
export function bears(requirement: string, quoted: Quoted): boolean {
  const { quote, label, near } = quoted
  const required = wordsOf(requirement)
  const telling = required.filter(isTelling)
  const strong = telling.filter(({ folded }) => !isWeakWord(folded))
  const own = wordsOf(quote)
  const isTimeOnly = !own.some(isTelling) && TIME.test(quote) && TIME.test(requirement)
  const said = [...(isTimeOnly ? wordsOf(near) : own), ...wordsOf(label)]
  if (telling.length === 0) return TIME.test(quote) || isAbout(required, said)
  if (isAbout(strong.length > 0 ? strong : telling, said)) return true
  return isOtherLanguage(required, own, quoted)
}
