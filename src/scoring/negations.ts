/**
 * Tells whether one clause denies what a requirement names. The rules know how Russian and English deny, and know nothing of subjects: the
 * clause must name what is required, and its negation must stand where it denies just that ("X нет", "нет опыта с X", "X не делал",
 * "no X", "X: none", "never did X").
 */
import { NEGATION, NONE_WORDS, NOT_WORDS, within } from './clauses.ts'
import type { Subject } from './relatedness.ts'

const words = (text: string) => text.split(' ')

/** A word that negates. */
export const NEGATIVE = within(NEGATION)
/** Next to one of these a negation may affirm, or deny only a bound or a time: "не только", "not more than", "не работал бы", "до 2021". */
const AMBIGUOUS = within(
  "чтобы|лучше|ничего|(?<!(?:и|или) )(?:других|иных)|остальных|не одн\\p{L}*|не (?:\\p{L}*[аеиоуыюя]ть|\\p{L}+ти|\\p{L}+чь)(?:ся)?|сначала|поначалу|at first|initially|none of|not to (?:be|say|mention)|solo|sólo|sola|só|nur|только|лишь|кроме|просто|бы|но и|до (?:19|20)\\d\\d|(?<!(?:or|any) )others?|only|just|without|except|than|had not|hadn't|(?:before|until) (?:19|20)\\d\\d",
)
/** These exempt somebody from a denial: "Никто, кроме меня, не вёл сайт". */
const EXCEPT = within('кроме|помимо|except|besides')

const PREPOSITIONS = new Set(
  words('с со к ко в во на по о об обо от до из для при у за над под про with in of on for to at by about off'),
)
/** Words between a noun and its denial that do not change the meaning. */
const FILLERS = new Set(
  words(
    'пока еще уже у меня мне я мной нас нам вообще совсем также тоже есть был была было были никакого никакой any yet',
  ),
)
/** Words that any requirement may have. The words next to them say what they are about. */
const MASTERY =
  /^(?:опыт|знани|навык|умени|практик|владени|наличи|работ|experience|knowledge|exposure|background|skills?$|hands|work)/
/** Pronouns that stand for what the clause before named. */
const PRONOUNS = new Set(words('ее его их этого этим этом этой ней ним них нее него it them that this'))
/** Something bad: its negation speaks well of the person, as in "срывов не было", "переездов не боюсь", "never missed a deadline". */
const HARM =
  /^(?:проблем|трудност|сложност|жалоб|претензи|замечани|нарекани|ошиб|авари|инцидент|сбо[йея]|просто[йея]в|прогул|опозда|наруш|конфликт|сорва|срыва|срыв|пропуск|теря|потер|бо[юи]|пуга|смуща|меша|избега|отказ|жале|скрыва|устава|сомнева|люб[лия]|забы|растер|разуч|утра[тч]|лиша|подвод|подвел|быва|пута|уход|уйти|броса|огранич|исключа|возраж|препятств|помех|нужд|нужн|problem|limit|need|object(?:s|ed)?$|averse|beginner|issue|trouble|difficult|complain|error|mistake|accident|incident|violation|restriction|afraid|fear|scare|bother|mind$|miss|fail|los[et]|late$|stranger|doubt|hesitat|avoid|forg|stop|quit|leav|ceas|defect)/

const NOT = new RegExp(`^(?:${NOT_WORDS}|незнаком[аы]?)$`)
const NONE = new RegExp(`^(?:${NONE_WORDS})$`)
const HAD = /^(?:име[еюл]|был[аио]?$|have$|has$|had$|own$)/
/** A Russian verb or short participle by its ending: "работал", "шью", "сдан". Nouns that end so are rare after "не". */
const VERB =
  /^готов|^знаком[аы]?$|^мо[еия]$|(?:[аеиуыюя]л[аои]?|[аеиуюя](?:шь|т|те)|[еи]м|[юу]|ть|чь|ти)(?:ся|сь)?$|(?<!^од)(?:[аеи]н|[аяиы]т)[аоы]?$/
/** Forms of verbs whose subject is a thing, or nobody: "просрочена", "требуется", "истекло", "отбирали". */
const OF_THING = /(?:[аеи]н|[аяиы]т)[аоы]?$|(?:л[аои]?|[еиуюя]т)с[яь]$|л[ои]$/
/** After a verb in the past, these tell what others lack, or what was worked on. */
const LACKED = /^(?:без|не(?:о|за)конченн.*|unable|unfamiliar|lack(?:ing)?)$/
/** Whom others did not let do it: "ЗУП мне не поручали". */
const ME = /^(?:мне|меня|нам|нас)$/
/** Verbs for using or acquiring a thing or a skill. Other verbs do not deny it: a card that is "не просрочена" is there. */
const GAINS = new RegExp(
  `^(?:${[
    '(?:по|ис|при|про|за|вы|от|до|из|на|об|о|с|у|во)?(?:работ|дела|бра|зна|уч[аеи]|ве[дсл]|води|владе|польз|мен|ним|ход|йд|й[дт]|луч|да[лнтвю]|дан|сво|сваи|им[ае]|кры|форм|внедр|кон[чь]|верш|тренир|сталк|связ|каса|стажир|аттест|сертифиц|чит|пис|держ|служ|став)',
    '(?:had?|have|kn[eo]w|work|do$|did|done|doing|h[eo]ld|touch|tr(?:y|ied)$|own|been$|learn|stud|finish|complet|pass|manag|dr[io]v|certif|licen|train|qualif|experienc|yet$|tak|took|g[eo]t$|attend|obtain|gain|introduc|master|issued|sign|play|pursu|incl|t(?:each|aught)|sp[eo]k|wr[io]t|us(?:e|ed|ing)$|available|possible|willing|able$|familiar|fluent|proficient)',
  ].join('|')})`,
)
/** A cell or a line of a list that says no of all that stands before the sign: "Права на погрузчик | нет". */
const CELL = /[|:–—-]\s*(?:(?:пока|еще)\s)?(?:нет|ні|no|nope|none)[\s.|]*$/
/** Source of a pattern of words which say that a thing was there once. */
export const LOST_SIGNS =
  'просрочен[аоы]?|исте(?:к|кл[аои])|аннулирован[аоы]?|отозван[аоы]?|(?:у|по)терян[аоы]?|(?:утеря|потеря|просрочи)л[аи]?|недействител(?:ен|ьн[аоы])|(?:за)?кончил(?:ся|[аои]сь)|expired|lapsed|revoked|inactive'
const LOST = new RegExp(`^(?:${LOST_SIGNS})$`)
/** An English word of these after its noun says what has become of it: "licence expired", but "removed expired stock". */
const isLatin = (word: string) => /^[a-z]/.test(word)
/** What is lost has a successor. */
const REPLACED = within('прежн\\p{L}*|стар\\p{L}*|предыдущ\\p{L}*|previous|old|earlier')
/** A verb in the past tense, which denies experience but not readiness. */
const PAST = /л[аои]?(?:сь|ся)?$|ed$/
const PAST_ENGLISH = /ed$|ght$/
const PERFECT = /^(?:have|has|had|did)(?:n't)?$|^never$/
const PARTICIPLE = /^(?:\p{L}+(?:[аеи]н|[аяиы]т)[аоы]?|\p{L}+ed)$/u

/** Words that name no further thing: who, how, how long. */
const NO_THING =
  /^(?:сам[аи]?|себя|лично|я|мы|но|и|так|опыта|лет|года?|i|we|but|so|and|then|myself|years?|self-taught|\d+|\p{L}{3,}(?:о(?<!ого|его)|ски)|[a-z]+ly)$/u

/** Whether a clause names nothing but what the clause before named: "(сам не работал)", "(no experience)", ", so I learned it myself". */
export const namesNothing = (said: string[]): boolean =>
  said.every(
    (word, i) =>
      [FILLERS, PRONOUNS, PREPOSITIONS].some((set) => set.has(word)) ||
      [NO_THING, MASTERY, NONE, NOT, GAINS].some((pattern) => pattern.test(word)) ||
      PREPOSITIONS.has(said[i - 1] ?? ''),
  )

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
  const stems = said.map((word) => (MASTERY.test(word) ? null : requirement.stemIn(word)))
  const about = stems.map((stem) => stem !== null)
  return { text, words: said, about, isAbout: about.includes(true), named: new Set(stems) }
}

/** Whether something is not there: "медкнижки нет", "нет опыта с Kafka", "no hands-on Terraform". @param at of the negation */
function isAbsent({ words: said, about, isAbout }: Clause, at: number, after: number, previous?: Clause): boolean {
  let noun = at - 1
  while (FILLERS.has(said[noun] ?? '')) noun -= 1
  // A noun after a preposition is not what is denied ("проблем с переездом нет"), unless there is no other noun.
  const isAdjunct = PREPOSITIONS.has(said[noun - 1] ?? '') && noun > 1 && about[noun - 2] !== true
  // "Kafka у нас в контуре нет", and nothing after it.
  let before = noun - 2
  while (FILLERS.has(said[before] ?? '')) before -= 1
  if (after >= said.length && PREPOSITIONS.has(said[noun - 1] ?? '') && about[before] === true) return true
  if (!isAdjunct && (said[at] !== 'no' || at === said.length - 1)) {
    if (about[noun] === true || (isAbout && MASTERY.test(said[noun] ?? ''))) return true
    if (PRONOUNS.has(said[noun] ?? '')) return previous?.isAbout === true
  }
  // A list without signs: "Nomad нет Kubernetes да".
  if (said.some((word, i) => i > after && about[i - 1] === true && /^(?:да|есть|yes)$/.test(word))) return false
  let end = after
  const isEnd = (word: string) => PREPOSITIONS.has(word) || /^(?:please|sorry|thanks|yet|so|far)$/.test(word)
  while (end < said.length && end < after + 3 && !isEnd(said[end] ?? '')) end += 1
  if (said[at] === 'no' ? end > after && about[end - 1] === true : about.slice(after, end).includes(true)) return true
  return isAbout && [said[0] ?? '', ...said.slice(after, end)].some((word) => MASTERY.test(word))
}

/**
 * @param wantsReadiness the requirement is readiness, so experience may be missing
 * @param previous the clause before, which may name what this one denies: "я в этом не участвовал"
 * @returns whether the clause denies the requirement
 */
export function isDenied(clause: Clause, wantsReadiness: boolean, previous?: Clause): boolean {
  const { words: said, about, isAbout, text } = clause
  if (AMBIGUOUS.test(text) || (previous !== undefined && EXCEPT.test(previous.text))) return false
  if (isAbout && CELL.test(text) && !said.some((word) => HARM.test(word))) return true
  // "There is no formula I haven't used."
  if (said.filter((word) => /^(?:no|not|never|lack|[a-z]+n't)$/.test(word)).length > 1) return false
  if (text.startsWith('(') && !isAbout) return previous?.isAbout === true && namesNothing(said)
  // What others lack: "Обучал сотрудников без опыта", "taught pupils with no English".
  const lacking = said.findIndex((word, i) => LACKED.test(word) || (word === 'with' && said[i + 1] === 'no'))
  if (lacking > 0 && said.slice(0, lacking).some((word) => VERB.test(word) || PAST_ENGLISH.test(word))) return false
  const none = said.findIndex((word, i) => NONE.test(word) && !/^\d/.test(said[i + 1] ?? ''))
  if (none >= 0 && !isHarm(said, none) && isAbsent(clause, none, none + 1, previous)) return true
  const not = said.findIndex((word) => NOT.test(word))
  if (said.includes('без')) return isWithout(clause, not >= 0)
  if (not >= 0) return !isHarm(said, not) && isNotDone(clause, not, wantsReadiness, previous)
  return (
    none < 0 &&
    !REPLACED.test(text) &&
    said.some(
      (word, i) =>
        LOST.test(word) && about.slice(Math.max(0, i - 2), isLatin(word) && i > 0 ? i : i + 2).includes(true),
    )
  )
}

/** Whether a negation stands beside something bad, and so speaks well of the person. */
const isHarm = (said: readonly string[], at: number) =>
  said.slice(Math.max(0, at - 2), at + 3).some((word) => HARM.test(word))

/** "Без командировок" and no word more, or "Docker — без опыта". */
function isWithout(clause: Clause, isNegated: boolean): boolean {
  const { words: said, isAbout } = clause
  if (!isAbout) return false
  const without = said.indexOf('без')
  if (without === 0 && said.length <= 4 && !said.some((word) => VERB.test(word))) return true
  return !isNegated && isAbsent(clause, without, without + 1) && MASTERY.test(said[without + 1] ?? '')
}

/** Whether something was not done, or is not known: "с Docker не работал", "I do not know Docker". @param not of the negation */
function isNotDone(clause: Clause, not: number, wantsReadiness: boolean, previous?: Clause): boolean {
  const { words: said, about, isAbout } = clause
  const isRussian = said[not] === 'не'
  const next = said[not + 1] ?? ''
  const verb = /^(?:очень|\p{L}{3,}о)$/u.test(next) && !HAD.test(next) ? (said[not + 2] ?? next) : next
  if (HAD.test(verb)) return isAbsent(clause, not, not + 2, previous)
  if (isRussian && !VERB.test(verb)) return false
  if (wantsReadiness && (PAST.test(verb) || [said[not - 1], said[not]].some((word) => PERFECT.test(word ?? ''))))
    return false
  // "Licence not expired" against "not licensed", and "millinery, wouldn't call it a skill".
  const isNamedAfter = said.some((word, i) => i > not && i < not + 6 && (about[i] === true || PRONOUNS.has(word)))
  const isOfThing = isRussian
    ? OF_THING.test(verb) && !said.some((word) => ME.test(word))
    : not < said.length - 1 && !isNamedAfter
  if (isOfThing && !said.slice(not + 1, not + 4).some((word, i) => GAINS.test(word) || about[not + 1 + i])) return false
  // In English a negation further off belongs to another verb: "I speak French and will not be shy".
  if (isRussian ? isAbout : about.slice(Math.max(0, not - 3)).includes(true)) return true
  const isElided = not === 0 && PARTICIPLE.test(verb) && !PREPOSITIONS.has(said[not + 2] ?? '')
  const refersBack = said.some((word) => PRONOUNS.has(word)) || isElided
  return refersBack && previous?.isAbout === true
}
