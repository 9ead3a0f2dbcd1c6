/**
 * Tells whether one clause denies what a requirement names. The rules know how Russian and English deny, and know nothing of subjects: the
 * clause must name what is required, and its negation must stand where it denies just that ("X нет", "нет опыта с X", "X не делал",
 * "no X", "X: none", "never did X").
 */
import {
  AMBIGUOUS,
  BUT_ME,
  CAUSE,
  CELL,
  DID,
  EARLIER,
  EMPHASIS,
  FILLERS,
  GAINS,
  HARM,
  HEADS,
  LEARNT,
  LOST,
  MASTERY,
  ME,
  NONE,
  NOT,
  NOW,
  OF_OTHERS,
  OF_THING,
  OWN,
  PAST,
  PREPOSITIONS,
  PRONOUNS,
  REFUSES,
  REPLACED,
  SELF,
  VERB,
} from './denial-words.ts'
import { isPlan } from './plans.ts'
import type { Subject } from './relatedness.ts'

/** An English word of LOST is about the noun before it: "licence expired". Before a noun it only describes that: "removed expired stock". */
const isLatin = (word: string) => /^[a-z]/.test(word)
/** Whether somebody tells what he did or does himself. */
const tellsOwn = (said: readonly string[]): boolean =>
  DID.test(said[0] ?? '') || said.some((word, i) => OWN.test(word) && !PREPOSITIONS.has(said[i - 1] ?? ''))

/** Whether a parenthesis names nothing of its own: "(нет)", "(не использовал)", "(no experience)". */
const namesNothing = (said: string[]): boolean =>
  said.every((word) => FILLERS.has(word) || [MASTERY, NONE, NOT, GAINS].some((pattern) => pattern.test(word)))

export interface Clause {
  text: string
  words: string[]
  /** For each word whether it is about the requirement; and whether any is. */
  about: boolean[]
  isAbout: boolean
  /** The stems of the requirement that it names. */
  named: ReadonlySet<string | null>
}

/** @returns the words of a clause in small letters, without its signs */
export const wordsOf = (text: string) => (text.match(/[\p{L}\p{N}+#'-]+/gu) ?? []).filter((word) => !/^-+$/.test(word))

/** @param text in small letters. @returns its words, and which of them are about the requirement */
export function clauseOf(text: string, requirement: Subject): Clause {
  const said = wordsOf(text)
  // "Опыт работы" asks for nothing else.
  const isBare = requirement.core.every((stem) => MASTERY.test(stem))
  const stemOf = (word: string) => (!isBare && MASTERY.test(word) ? null : requirement.stemIn(word))
  const about = said.map((word) => stemOf(word) !== null)
  const named = new Set(said.flatMap((word) => word.split('-').map(stemOf)))
  return { text, words: said, about, isAbout: about.includes(true), named }
}

/** Whether something is not there: "медкнижки нет", "нет опыта с Kafka", "no hands-on Terraform". @param at of the negation */
function isAbsent({ words: said, about, isAbout }: Clause, at: number): boolean {
  let noun = at - 1
  while (FILLERS.has(said[noun] ?? '')) noun -= 1
  // "Kafka у нас в контуре нет", and nothing after it.
  let before = noun - 2
  while (FILLERS.has(said[before] ?? '')) before -= 1
  if (at === said.length - 1 && PREPOSITIONS.has(said[noun - 1] ?? '') && about[before] === true) return true
  // "Гражданства РФ нет".
  const isPreposition = (i: number) => PREPOSITIONS.has(said[i] ?? '')
  const isHeld = HEADS.test(said[noun] ?? '')
  if (said[at] === 'нет' && about[noun - 1] === true && !isPreposition(noun) && (isHeld || !isPreposition(noun - 2)))
    return true
  const isAfterNoun = (said[at] !== 'no' && said[at] !== 'никаких') || at === said.length - 1
  // "Недостач по кассе нет" denies what stands before the preposition.
  const isOfOther =
    noun > 1 &&
    isPreposition(noun - 1) &&
    !said.slice(0, noun - 1).some((word, i) => about[i] === true || HEADS.test(word))
  if (isAfterNoun && ((about[noun] === true && !isOfOther) || (isAbout && MASTERY.test(said[noun] ?? '')))) return true
  let end = at + 1
  const isEnd = (word: string) => PREPOSITIONS.has(word) || /^(?:please|sorry|thanks|yet|so|far)$/.test(word)
  while (end < said.length && end <= at + 3 && !isEnd(said[end] ?? '')) end += 1
  if (said[at] === 'no' ? end > at + 1 && about[end - 1] === true : about.slice(at, end).includes(true)) return true
  return isAbout && said.slice(at, end).some((word) => MASTERY.test(word))
}

const isLack = (word: string) => /^(?:без|without)$/.test(word)
/** Whether it says nothing but "без опыта работы с Kafka", "Kafka: без опыта". */
function isWithout({ words: said, about, isAbout }: Clause): boolean {
  const lack = said.findIndex(isLack)
  if (!isAbout || lack < 0 || !said.slice(lack).some((word) => MASTERY.test(word))) return false
  const saysNothingElse = (word: string, i: number) =>
    about[i] === true || isLack(word) || MASTERY.test(word) || PREPOSITIONS.has(word) || FILLERS.has(word)
  return said.every(saysNothingElse)
}

/**
 * @param wantsReadiness the requirement is readiness, so experience may be missing
 * @param previous the clause before, which may name what this one denies: "я в этом не участвовал"
 * @returns whether the clause denies the requirement
 */
export function isDenied(clause: Clause, wantsReadiness: boolean, previous?: Clause): boolean {
  const { words: said, about, isAbout, text } = clause
  if (isWithout(clause)) return true
  if (AMBIGUOUS.test(text) || BUT_ME.test(previous?.text ?? '')) return false
  const caused = new Set(wordsOf(CAUSE.exec(text)?.[0] ?? ''))
  const isHarm = said.some(
    (word, i) => HARM.test(word) && (about[i] !== true || word.startsWith('возраж')) && !caused.has(word),
  )
  if (isAbout && !isHarm && CELL.test(text)) return true
  // "There is no formula I haven't used."
  if (said.filter((word) => /^(?:no|not|never|hardly|[a-z]+n't)$/.test(word)).length > 1 && !said.includes('and'))
    return false
  if (text.startsWith('(') && !isAbout) return previous?.isAbout === true && namesNothing(said)
  // "Work permit no. 123".
  const none = said.findIndex((word, i) => NONE.test(word) && !(word === 'no' && /^\d+$/.test(said[i + 1] ?? '')))
  if (none >= 0 && !isHarm && isAbsent(clause, none)) return true
  const not = said.findIndex((word, i) => NOT.test(word) && !(word === 'neither' && i === 0))
  if (not >= 0) return !isHarm && isNotDone(clause, not, wantsReadiness, previous)
  return (
    none < 0 &&
    !REPLACED.test(text) &&
    said.some(
      (word, i) =>
        LOST.test(word) && about.slice(Math.max(0, i - 2), isLatin(word) && i > 0 ? i : i + 2).includes(true),
    )
  )
}

/**
 * Whether somebody speaks of himself, and of nothing else but a place, after a clause about others: "Credo видел у коллег, сам не
 * открывал"; or of what others did not let him do: "Релизы катал тимлид, мне доступов не давали".
 */
function isContrast(said: readonly string[]): boolean {
  if (!said.some((word) => SELF.has(word))) return false
  const isPlace = (i: number) => /^(?:в|на|у)$/.test(said[i] ?? '')
  const others = said.filter(
    (word, i) => ![SELF, FILLERS].some((set) => set.has(word)) && !NOT.test(word) && !isPlace(i) && !isPlace(i - 1),
  )
  return others.length === 1 || (said.some((word) => ME.test(word)) && /л[ои]$/.test(others.at(-1) ?? ''))
}

/** @returns whether somebody says, after what he denies, that he learnt it without help ("освоил сам") or did just that ("я его внедрил") */
export function isOwnDeed({ words: said }: Clause): boolean {
  if (said.includes('self-taught')) return true
  const others = said.filter((word) => !PRONOUNS.has(word))
  const isDeed = said.some((word) => LEARNT.test(word) || (others.length < said.length && PAST.test(word)))
  return isDeed && !said.some((word) => NOT.test(word)) && isContrast(others)
}

/** @returns whether somebody says what he does in place of what the clause before denies: "чарты не копирую, а параметризую" */
export const isInstead = ({ words: said }: Clause): boolean =>
  said.length === 2 && said[0] === 'а' && OWN.test(said[1] ?? '')

/** @returns whether a clause says that what was lacking before is there now: "раньше не знала, теперь пишу" */
export const isSince = (before: Clause, { text, words: said }: Clause): boolean =>
  EARLIER.test(before.text) && NOW.test(text) && !said.some((word) => NOT.test(word)) && !isPlan(text)

const OBJECTLESS = [FILLERS, PREPOSITIONS, SELF, PRONOUNS]
const isObject = (word: string) =>
  /\p{L}{3}/u.test(word) &&
  ![NONE, EMPHASIS].some((each) => each.test(word)) &&
  !OBJECTLESS.some((set) => set.has(word))

/** Whether a negation denies something else than what is required. @param not of the negation */
function deniesOther({ words: said, about }: Clause, not: number): boolean {
  const isRussian = said[not] === 'не'
  const verb = said[not + 1] ?? ''
  if (isRussian && REFUSES.test(verb)) return false
  const isNamedAfter = about.slice(not + 1).includes(true)
  // "В продажах не останавливаюсь на достигнутом", "стрижки не требуют укладки".
  const after = wordsOf(
    said
      .slice(not + 2)
      .join(' ')
      .replace(CAUSE, ' '),
  )
  if (isRussian && !GAINS.test(verb) && about.slice(0, not).includes(true) && !isNamedAfter && after.some(isObject))
    return true
  // "Licence not expired" against "not licensed", and "millinery, wouldn't call it a skill".
  const isMeant = said.some((word, i) => i > not && i < not + 6 && (about[i] === true || PRONOUNS.has(word)))
  const isOfThing = isRussian
    ? OF_THING.test(verb) && !said.some((word) => ME.test(word))
    : not < said.length - 1 && !isMeant
  return isOfThing && !said.slice(not + 1, not + 4).some((word, i) => GAINS.test(word) || about[not + 1 + i])
}

/** Whether something was not done, or is not known: "с Docker не работал", "I do not know Docker". @param not of the negation */
function isNotDone(clause: Clause, not: number, wantsReadiness: boolean, previous?: Clause): boolean {
  const { words: said, about, isAbout, text } = clause
  const isRussian = said[not] === 'не'
  const verb = said[not + 1] ?? ''
  // "CI/CD настраивал не я, а коллега".
  if (isRussian && verb === 'я' && not + 2 === said.length)
    return isAbout || (previous?.isAbout === true && !tellsOwn(previous.words))
  if (isRussian && !VERB.test(verb)) return false
  if (wantsReadiness && PAST.test(verb)) return false
  if (deniesOther(clause, not)) return false
  // In English a negation further off belongs to another verb: "I speak French and will not be shy".
  if (isRussian ? isAbout : about.slice(Math.max(0, not - 3)).includes(true)) return true
  // What somebody says of himself in the clause before stands.
  if (previous?.isAbout !== true || tellsOwn(previous.words)) return false
  // "Перенёс в Docker, раньше его не использовали": so it was before, and nobody's deed is not his.
  if (OF_OTHERS.test(text) || (/ли(?:сь)?$/.test(verb) && EARLIER.test(text))) return false
  return said.some((word) => PRONOUNS.has(word)) || (GAINS.test(verb) && isContrast(said))
}
