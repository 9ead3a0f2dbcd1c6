/**
 * Tells whether one clause denies what a requirement names. The rules know how Russian and English deny, and know nothing of subjects: the
 * clause must name what is required, and its negation must stand where it denies just that ("X нет", "нет опыта с X", "X не делал",
 * "no X", "X: none", "never did X").
 */
import { NONE_WORDS, NOT_WORDS, within } from './clauses.ts'
import type { Subject } from './relatedness.ts'

const words = (text: string) => text.split(' ')

/** Next to one of these a negation may affirm, or deny only a bound or a time: "не только", "not more than", "не работал бы", "до 2021". */
const AMBIGUOUS = within(
  'чтобы|ничего|ниже|меньше|below|less|второ(?:го|й)|second|до этого|before that|(?<!(?:и|или) )(?:других|иных)|(?<!(?:or|any) )others?|не одн\\p{L}*|только|лишь|кроме|бы|native (?:\\p{L}+ )?speakers?|носител\\p{L}+ языка|not least|не (?:\\p{L}*[аеиоуыюя]ть|\\p{L}+ти|\\p{L}+чь)(?:ся)?|сначала|at first|not to mention|only|just|except|than|без|without|with no|(?:до|before|until) (?:19|20)\\d\\d',
)

const PREPOSITIONS = new Set(
  words('с со к ко в во на по о об обо от до из для при у за над под про with in of on for to at by about off через'),
)
/** Words between a noun and its denial that do not change the meaning. */
const FILLERS = new Set(
  words(
    'пока еще уже у меня мне я мной нас нам сам сама вообще совсем также тоже есть был была было были никакого никакой any yet',
  ),
)
/** Words that any requirement may have. The words next to them say what they are about. */
const MASTERY =
  /^(?:опыт|знани|навык|умени|практик|владени|наличи|работ|experience|knowledge|exposure|background|skills?$|hands|work)/
/** Pronouns that stand for what the clause before named. */
const PRONOUNS = new Set(words('ее его их этого этим этом этой ней ним них нее него it them that this'))
/** What somebody says of himself, after a clause about others. */
const SELF = new Set(words('я сам сама лично мне меня мы нам'))
/** What ends as a Russian verb in the first person does (so do some nouns, unlike "компанию"), or how long somebody has done something. */
const OWN = /\p{L}{2}(?<!и)[юу](?:сь)?$|^(?:лет|года?)$/u
/** A clause that begins so tells what its author did, and not what he only saw: "готовила документы, сама не подписывала". */
const DID = /^(?!вид|слы|чит|смотр|был)[а-я]{3,}[аеиуыя]ла?$/
const tellsOwn = (said: readonly string[]): boolean =>
  DID.test(said[0] ?? '') || said.some((word, i) => OWN.test(word) && !PREPOSITIONS.has(said[i - 1] ?? ''))
/** Something bad: a denial in its clause speaks well of the person, as in "срывов не было", "переездов не боюсь", "never missed a deadline". */
export const HARM =
  /^(?:проблем|трудност|сложност|перерыв|жалоб|претензи|замечани|нарекани|выговор|ошиб|авари|инцидент|сбо[йея]|просто(?:ев|ям)|наруш|конфликт|разглаш|срыв|сорв|опозда|опазд|пропуск|бо[юи]|пуга|смуща|меша|отказ|избега|исключа|сомнева|скрыва|люб[лия]|забы|утра[тч]|быва|пута|броса|теря|потер|возраж|допуска(?:ю|ла?$)|препятств|огранич|нужд|problem|issue|trouble|difficult|complain|error|mistake|accident|incident|violat|afraid|fear|scare|averse|mind$|miss|fail|los[et]|late$|forg|stop|limit|need|object$|beginner|stranger|avoid|doubt|hesitat|skip)/

/** What follows one of these is why something is denied, and not what is denied: "не работал из-за проблем со сном". */
const CAUSE = /(?:из-за|ввиду|после|because of|due to|since|after)\s+(?:\p{L}+\s+)?\p{L}+/u

const NOT = new RegExp(`^(?:${NOT_WORDS})$`)
const NONE = new RegExp(`^(?:${NONE_WORDS})$`)
/** A Russian verb or short participle by its ending: "работал", "шью", "сдан". Nouns that end so are rare after "не". */
const VERB =
  /^готов|^знаком[аы]?$|^мо[еия]$|(?:[аеиуыюя]л[аои]?|[аеиуюя](?:шь|т|те)|[еи]м|[юу]|ш[ео]?л[аои]?|ть|чь|ти)(?:ся|сь)?$|(?<!^од)(?:[аеи]н|[аяиы]т)[аоы]?$/
/** Forms of verbs whose subject is a thing, or nobody: "просрочена", "требуется", "истекло", "отбирали". */
const OF_THING = /(?:[аеи]н|[аяиы]т)[аоы]?$|(?:л[аои]?|[еиуюя]т)с[яь]$|л[ои]$/
/** Whom others did not let do it: "ЗУП мне не поручали". */
const ME = /^(?:мне|меня|нам|нас)$/
/** Verbs for using or acquiring a thing or a skill. Other verbs do not deny it: a card that is "не просрочена" is there. */
const GAINS = new RegExp(
  `^(?:${[
    '(?:под|по|ис|при|про|за|вы|от|до|из|на|об|о|с|у|во)?(?:работ|дела|бра|зна|уч[аеи]|ве[дсл]|води|владе|польз|мен|ним|ход|йд|й[дт]|луч|да[лнтвю]|дан|сво|сваи|им[ае]|кры|форм|внедр|кон[чь]|верш|тренир|сталк|связ|каса|стажир|аттест|сертифиц|чит|пис|держ|служ|став|веря|руча|пуска)',
    '(?:had?|have|kn[eo]w|work|do$|did|done|doing|h[eo]ld|touch|tr(?:y|ied)$|own|been$|learn|stud|finish|complet|pass|manag|dr[io]v|certif|licen|train|qualif|experienc|yet$|tak|took|g[eo]t$|attend|obtain|gain|introduc|master|issued|sign|play|pursu|incl|t(?:each|aught)|sp[eo]k|wr[io]t|us(?:e|ed|ing)$|available|possible|willing|able$|familiar|fluent|proficient)',
  ].join('|')})`,
)
/** A cell or a line of a list that says no of all that stands before the sign: "Права на погрузчик | нет". */
const CELL = /[|:–—-]\s*(?:(?:пока|еще)\s)?(?:нет|ні|no|nope|none)[\s.|]*$/
/** Source of a pattern of words which say that a thing was there once. */
export const LOST_SIGNS =
  'просрочен[аоы]?|исте(?:к|кл[аои])|аннулирован[аоы]?|отозван[аоы]?|(?:у|по)терян[аоы]?|(?:утеря|потеря|утрати|просрочи)л(?:[аи]?|ся|[аои]сь)|утрачен[аоы]?|недействител(?:ен|ьн[аоы])|(?:за)?кончил(?:ся|[аои]сь)|expired|lapsed|revoked|inactive'
const LOST = new RegExp(`^(?:${LOST_SIGNS})$`)
/** An English word of these after its noun says what has become of it: "licence expired", but "removed expired stock". */
const isLatin = (word: string) => /^[a-z]/.test(word)
/** What is lost has a successor. */
const REPLACED = within('прежн\\p{L}*|стар\\p{L}*|предыдущ\\p{L}*|previous|old|earlier')
/** A verb in the past tense, which denies experience but not readiness. */
const PAST = /л[аои]?(?:сь|ся)?$|ed$/

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
  if (said[at] === 'нет' && about[noun - 1] === true && !PREPOSITIONS.has(said[noun] ?? '')) return true
  const isAfterNoun = said[at] !== 'no' || at === said.length - 1
  if (isAfterNoun && (about[noun] === true || (isAbout && MASTERY.test(said[noun] ?? '')))) return true
  let end = at + 1
  const isEnd = (word: string) => PREPOSITIONS.has(word) || /^(?:please|sorry|thanks|yet|so|far)$/.test(word)
  while (end < said.length && end <= at + 3 && !isEnd(said[end] ?? '')) end += 1
  if (said[at] === 'no' ? end > at + 1 && about[end - 1] === true : about.slice(at, end).includes(true)) return true
  return isAbout && [said[0] ?? '', ...said.slice(at, end)].some((word) => MASTERY.test(word))
}

/**
 * @param wantsReadiness the requirement is readiness, so experience may be missing
 * @param previous the clause before, which may name what this one denies: "я в этом не участвовал"
 * @returns whether the clause denies the requirement
 */
export function isDenied(clause: Clause, wantsReadiness: boolean, previous?: Clause): boolean {
  const { words: said, about, isAbout, text } = clause
  if (AMBIGUOUS.test(text)) return false
  const caused = new Set(wordsOf(CAUSE.exec(text)?.[0] ?? ''))
  const isHarm = said.some(
    (word, i) => HARM.test(word) && (about[i] !== true || word.startsWith('возраж')) && !caused.has(word),
  )
  if (isAbout && !isHarm && CELL.test(text)) return true
  // "There is no formula I haven't used."
  if (said.filter((word) => /^(?:no|not|never|[a-z]+n't)$/.test(word)).length > 1 && !said.includes('and')) return false
  if (text.startsWith('(') && !isAbout) return previous?.isAbout === true && namesNothing(said)
  // "Work permit no. 123".
  const none = said.findIndex((word, i) => NONE.test(word) && !(word === 'no' && /^\d+$/.test(said[i + 1] ?? '')))
  if (none >= 0 && !isHarm && isAbsent(clause, none)) return true
  const not = said.findIndex((word) => NOT.test(word))
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

const LEARNT = /^(?:(?:на|вы|из|об)?уч|осв[ао])[а-я]*л[аи]?(?:с[ья])?$/
/** @returns whether somebody says that he learnt without help, and nothing else, after what he denies: "в вузе не изучал, освоил сам" */
export const isSelfTaught = ({ words: said }: Clause): boolean =>
  said.includes('self-taught') ||
  (said.some((word) => LEARNT.test(word)) && !said.some((word) => NOT.test(word)) && isContrast(said))

/** Whether something was not done, or is not known: "с Docker не работал", "I do not know Docker". @param not of the negation */
function isNotDone(clause: Clause, not: number, wantsReadiness: boolean, previous?: Clause): boolean {
  const { words: said, about, isAbout } = clause
  const isRussian = said[not] === 'не'
  const verb = said[not + 1] ?? ''
  if (isRussian && !VERB.test(verb)) return false
  if (wantsReadiness && PAST.test(verb)) return false
  // "Licence not expired" against "not licensed", and "millinery, wouldn't call it a skill".
  const isNamedAfter = said.some((word, i) => i > not && i < not + 6 && (about[i] === true || PRONOUNS.has(word)))
  const isOfThing = isRussian
    ? OF_THING.test(verb) && !said.some((word) => ME.test(word))
    : not < said.length - 1 && !isNamedAfter
  if (isOfThing && !said.slice(not + 1, not + 4).some((word, i) => GAINS.test(word) || about[not + 1 + i])) return false
  // In English a negation further off belongs to another verb: "I speak French and will not be shy".
  if (isRussian ? isAbout : about.slice(Math.max(0, not - 3)).includes(true)) return true
  // What somebody says of himself in the clause before stands.
  if (previous?.isAbout !== true || tellsOwn(previous.words)) return false
  return said.some((word) => PRONOUNS.has(word)) || (GAINS.test(verb) && isContrast(said))
}
