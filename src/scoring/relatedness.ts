/**
 * Whether two texts share the stems of words. It tells hardly anything of one claim ("Резервное копирование", proved by "Veeam"),
 * and much of a whole answer: where next to no quote has a word of its requirement, or next to no requirement a word of the
 * vacancy, the answer is about something else.
 */
import { stemmer as english } from '@orama/stemmers/english'
import { stemmer as russian } from '@orama/stemmers/russian'
import { remember } from '../lib/remember.ts'
import { foldWords } from '../lib/fold.ts'
import { isAkin, isCar, isCompound } from './roots.ts'

/** Of a requirement so many words tell enough. */
const MAX_WORDS = 24
/** Stems of so many letters share a run of letters rather than all: `грузоперевозк` and `автоперевозк`. */
const RUN = 5
/** Words whose stems are kept in mind: stemming takes microseconds a word. */
const KNOWN_WORDS = { most: 5_000, maxChars: 40 }

interface Stem {
  stem: string
  /** As it stands in a folded text. */
  folded: string
}

const stemOf = remember((word): Stem => {
  let stem = /[а-я]/.test(word) ? russian(word) : /^[a-z]+$/.test(word) ? english(word) : word
  // "опыт" is taken for a form of a verb "оп".
  if (stem.length < 3) stem = word
  // The English stemmer ends "unity" and "study" with an i, which stands in no text.
  return { stem, folded: foldWords(stem.length > 3 ? stem.replace(/(?<=[a-z])i$/, '') : stem) }
}, KNOWN_WORDS)

/** The stem of a word of a sentence; '' where it tells nothing. */
const ownStemOf = remember(
  (word) => wordsOf(word.replaceAll('-', ' ')).filter(isTelling).map(stemOf)[0]?.stem ?? '',
  KNOWN_WORDS,
)

export interface Subject {
  /** @returns the stem of `core` of which a word is a form; null when it is of none */
  stemIn: (word: string) => string | null
  /**
   * @param folded of the text, see fold.ts
   * @returns whether the text has a word, or a part of one, in common; null: it is in another language, by its letters
   */
  isIn: (text: string, folded: string) => boolean | null
  /** The stems that say what it is about; all of its words where there is nothing else. */
  core: string[]
  /** Numbers, single letters and pairs of Cyrillic capitals, which tell a kind from another: "OSHA 30", "Категория B", "ТК РФ". */
  figures: string
}

const FIGURE = /(?<![\p{L}\p{N}])(?:\p{L}?[-.]?\d[\d.,/]*|(?<=\s)(?:[А-ЯЁ]{2}|\p{Lu}))(?![\p{L}\p{N}])/gu

const figuresOf = (text: string): string =>
  (text.normalize('NFKC').match(FIGURE) ?? [])
    .map((figure) => foldWords(figure))
    .toSorted()
    .join(' ')

const wordsOf = (text: string) =>
  (
    text
      .normalize('NFKC')
      .toLowerCase()
      .replaceAll('ё', 'е')
      .match(/[\p{L}\p{N}+#]+/gu) ?? []
  ).slice(0, MAX_WORDS)

/** Short words and numbers tell nothing; short Latin ones are names. */
const isTelling = (word: string) =>
  /^[a-z+#\d]*[a-z][a-z+#\d]*$/.test(word) ||
  (word.length >= 3 && /\p{L}/u.test(word)) ||
  /^(?:\d{3,}|\d+\p{L}+)$/u.test(word)

function occurs(stem: string, folded: string): boolean {
  if (stem.length <= 2) return folded.includes(` ${stem} `)
  if (stem.length <= RUN) return folded.includes(` ${stem}`) || (/^[a-z]+$/.test(stem) && folded.includes(`${stem} `))
  for (let i = 0; i + RUN <= stem.length; i += 1) if (folded.includes(stem.slice(i, i + RUN))) return true
  return false
}

/** A number of one digit tells nothing. */
const LONG_NUMBER = /(?<![\p{L}\p{N}])\d{2,}(?![\p{L}\p{N}])/gu
const LATIN = /[a-z]/i
const CYRILLIC = /[а-яё]/i

/** @param text a requirement */
export function subjectOf(text: string): Subject {
  const telling = wordsOf(text).filter(isTelling)
  const found = [...new Set(telling.map(stemOf))]
  const stems = found.map(({ stem }) => stem)
  const core = coreOf(stems.length > 0 ? stems : foldWords(text).split(' ').filter(Boolean))
  const numbers = text.match(LONG_NUMBER) ?? []
  /** Names of things are in Latin letters in every language. */
  const isNamed = LATIN.test(text)
  return {
    stemIn: (word) => {
      const own = ownStemOf(word)
      return own === ''
        ? null
        : (core.find((stem) => isAkin(stem, own) || isCompound(own, stem, core) || isCar(word, stem)) ?? null)
    },
    isIn: (other, otherFolded) => {
      if (found.some(({ folded }) => folded !== '' && occurs(folded, otherFolded))) return true
      if (numbers.some((number) => otherFolded.includes(` ${number} `))) return true
      return isNamed || (CYRILLIC.test(text) && CYRILLIC.test(other)) ? false : null
    },
    core,
    figures: figuresOf(text),
  }
}

/** Words of every requirement, of readiness and degree, and such that only join others. */
const COMMON =
  /^(?:опыт|знан|навык|умен|практик|владен|налич|готовн|готов|гот|возможн|работ|уверен|хорош|отличн|глубок|год|лет|experi|knowledg|exposur|background|skill|hand|work|abil|abl|readi|willing|profici|strong|good|deep|solid|valid|year|least|minimum|with|of|in|the|a|an|and|at|on|to|for)$/

function coreOf(stems: string[]): string[] {
  const core = stems.filter((stem) => !COMMON.test(stem))
  return core.length > 0 ? core : stems
}

/** @returns whether two requirements are one: about the same, in whatever order, unless both have figures and differ in them */
export function isSameSubject(one: Subject, other: Subject): boolean {
  if (one.figures !== '' && other.figures !== '' && one.figures !== other.figures) return false
  return one.core.length === other.core.length && one.core.every((stem) => other.core.includes(stem))
}
