/**
 * Whether two texts share the stems of words. It tells hardly anything of one claim ("Резервное копирование", proved by "Veeam"),
 * and much of a whole answer: where next to no quote has a word of its requirement, or next to no requirement a word of the
 * vacancy, the answer is about something else.
 */
import { stemmer as english } from '@orama/stemmers/english'
import { stemmer as russian } from '@orama/stemmers/russian'
import { remember } from '../lib/remember.ts'
import { foldWords } from './fold.ts'

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
  return { stem, folded: foldWords(stem) }
}, KNOWN_WORDS)

/** The stem of a word of a sentence; '' where it tells nothing. */
const ownStemOf = remember(
  (word) => wordsOf(word.replaceAll('-', ' ')).filter(isTelling).map(stemOf)[0]?.stem ?? '',
  KNOWN_WORDS,
)

export interface Subject {
  /** Whether a word is a form of one of the requirement's. */
  namesIn: (word: string) => boolean
  /**
   * @param folded of the text, see fold.ts
   * @returns whether the text has a word, or a part of one, in common; null: it is in another language, by its letters
   */
  isIn: (text: string, folded: string) => boolean | null
  stems: string[]
}

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
  /^[a-z+#\d]*[a-z][a-z+#\d]*$/.test(word) || (word.length >= 3 && /\p{L}/u.test(word)) || /^\d{3,}$/.test(word)

function occurs(stem: string, folded: string): boolean {
  if (stem.length <= 2) return folded.includes(` ${stem} `)
  if (stem.length <= RUN) return folded.includes(` ${stem}`) || (/^[a-z]+$/.test(stem) && folded.includes(`${stem} `))
  for (let i = 0; i + RUN <= stem.length; i += 1) if (folded.includes(stem.slice(i, i + RUN))) return true
  return false
}

const LATIN = /[a-z]/i
const CYRILLIC = /[а-яё]/i

/** @param text a requirement */
export function subjectOf(text: string): Subject {
  const telling = wordsOf(text).filter(isTelling)
  const found = [...new Set(telling.map(stemOf))]
  const stems = found.map(({ stem }) => stem)
  /** Names of things are in Latin letters in every language. */
  const isNamed = LATIN.test(text)
  return {
    namesIn: (word) => {
      const own = ownStemOf(word)
      if (own === '') return false
      return stems.some(
        (stem) =>
          stem === own || (Math.min(stem.length, own.length) >= 4 && (stem.startsWith(own) || own.startsWith(stem))),
      )
    },
    isIn: (other, otherFolded) => {
      if (found.some(({ folded }) => folded !== '' && occurs(folded, otherFolded))) return true
      return isNamed || (CYRILLIC.test(text) && CYRILLIC.test(other)) ? false : null
    },
    stems: stems.length > 0 ? stems : foldWords(text).split(' ').filter(Boolean),
  }
}

/** @returns whether two requirements are one: the same words, or the same names with more words around them ("Знание Python") */
export function isSameSubject({ stems: some }: Subject, { stems: others }: Subject): boolean {
  const [fewer, more] = some.length <= others.length ? [some, others] : [others, some]
  if (!fewer.every((stem) => more.includes(stem))) return false
  return (
    fewer.length === more.length || (fewer.some(isName) && !more.some((stem) => isName(stem) && !fewer.includes(stem)))
  )
}

const isName = (stem: string) => LATIN.test(stem)
