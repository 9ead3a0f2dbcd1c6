/**
 * What the words of a quote themselves say against its requirement: its own clause denies it or only plans it, or both sides state
 * a number of years or a language level and the quote's is lower. These rules are narrow on purpose. They know function words and
 * the plainest verbs of Russian and English and no subject at all; what they cannot know is the model's to judge.
 */
import type { Span } from './spans.ts'
import type { Subject } from './relatedness.ts'

export type Objection = 'denied' | 'planned' | 'falls_short'

/** A clause is looked for so far around the quote, in UTF-16 units. */
const CONTEXT_CHARS = 120
/** Of a quote so much is looked at: an honest one has some 150. */
const MAX_CHARS = 1_000

/** Where a clause ends. A line that goes on in small letters was only wrapped; a point or comma within a number ends nothing. */
const CLAUSE_END = /[!?;•]|[.,:](?!\d)(?=\s|$)|\n(?=\s*(?:[^\s\p{Ll}]|$))/u

/** @returns the clauses that the quote stands in, whole, in small letters */
function clausesOf(source: string, { start, end }: Span): string[] {
  const before =
    source
      .slice(Math.max(0, start - CONTEXT_CHARS), start)
      .split(CLAUSE_END)
      .at(-1) ?? ''
  const after = source.slice(end, end + CONTEXT_CHARS).split(CLAUSE_END, 1)[0] ?? ''
  const text = before + source.slice(start, Math.min(end, start + MAX_CHARS)) + after
  return text
    .split(CLAUSE_END)
    .map((clause) => clause.toLowerCase().replaceAll('ё', 'е').replaceAll('’', "'").trim())
    .filter((clause) => clause !== '')
}

const words = (text: string) => text.split(' ')
const within = (pattern: string) => new RegExp(`(?<!\\p{L})(?:${pattern})(?!\\p{L})`, 'u')

/** The absence of something is required: a denial proves it. */
const ABSENCE = within('отсутстви\\p{L}*|без|не|нет|не\\p{L}+(?:ость|ости)|no|not|without|free|clean|lack|absence|non')
/** Wishing is what is required: "Желание учиться". */
const WISH_WANTED = within(
  'желани\\p{L}*|готовност\\p{L}*|готов\\p{L}*|стремлени\\p{L}*|мотиваци\\p{L}*|интерес\\p{L}*|want\\p{L}*|will\\p{L}*|desire|interest\\p{L}*|ready|readiness|motivat\\p{L}*',
)

const PREPOSITIONS = new Set(
  words('с со к ко в во на по о об обо от до из для при у за над под про with in of on for to at by about'),
)
/** They stand between a noun and its denial, and change nothing. */
const FILLERS = new Set(
  words('пока еще у меня мне я мной вообще совсем также тоже есть был была было были никакого никакой any yet'),
)
/** What is denied of a thing when it is said not to be mastered. */
const MASTERY = /^(?:опыт|знани|навык|умени|практик|experience|knowledge|exposure|background|skills?$|hands)/
/** It stands for what was named in the clause before. */
const PRONOUNS = new Set(words('ее его их этого этим этом этой ней ним них нее него it them that this'))

/** What is not done, not had or not offered, by the word after the negation. */
const DONE =
  /^(?:работа|использова|применя|владе|уме[еюл]|дела[еюл]|занима|участвова|сталкива|пробова|изуча|учи[лт]|проход|получа|води[лт]|used?$|work|tr(?:y|ied)$|touched|stud|speak|learn|deal|done|did$)/
const HAD = /^(?:име[еюл]|зна[еюл]|have$|has$|had$|know|own$|hold$)/
const OFFERED = /^(?:рассматрива|готов|смогу|могу|буду)/
const NOT = /^(?:не|not|never|don't|didn't|haven't|hasn't|doesn't|cannot|can't)$/
const NONE = /^(?:нет|отсутству[ею]т|no)$/
/** Beside them a denial may affirm: "не только", "дня не работал без Excel". */
const AMBIGUOUS = within('только|лишь|кроме|без|ни|просто|only|just|without|except|but')

interface Clause {
  text: string
  words: string[]
  /** For each word whether it is about the requirement; and whether any is. */
  about: boolean[]
  isAbout: boolean
}

function clauseOf(text: string, requirement: Subject): Clause {
  const said = (text.match(/[\p{L}\p{N}+#'-]+/gu) ?? []).filter((word) => !/^-+$/.test(word))
  const about = said.map(requirement.namesIn)
  return { text, words: said, about, isAbout: about.includes(true) }
}

/** Whether something is not there: "медкнижки нет", "нет опыта с Kafka", "no hands-on Terraform". @param at of the negation */
function isAbsent({ words: said, about, isAbout }: Clause, at: number, after: number, previous?: Clause): boolean {
  let noun = at - 1
  while (FILLERS.has(said[noun] ?? '')) noun -= 1
  // A noun that hangs on a preposition is not what is denied: "проблем с переездом нет".
  if (said[at] !== 'no' && !PREPOSITIONS.has(said[noun - 1] ?? '')) {
    if (about[noun] === true) return true
    if (PRONOUNS.has(said[noun] ?? '')) return previous?.isAbout === true
  }
  let end = after
  while (end < said.length && end < after + 3 && !PREPOSITIONS.has(said[end] ?? '')) end += 1
  if (end > after && (about[after] === true || about[end - 1] === true))
    return said[at] !== 'no' || about[end - 1] === true
  return isAbout && [said[0] ?? '', ...said.slice(after, end)].some((word) => MASTERY.test(word))
}

/** Whether a clause denies the subject, or what the clause before it names: "я в этом не участвовал". */
function isDenied(clause: Clause, previous?: Clause): boolean {
  const { words: said, about, isAbout, text } = clause
  const none = said.findIndex((word) => NONE.test(word))
  if (none >= 0 && isAbsent(clause, none, none + 1, previous)) return true
  const not = said.findIndex((word) => NOT.test(word))
  if (not < 0 || AMBIGUOUS.test(text)) return false
  const verb = said[not + 1] ?? ''
  if (HAD.test(verb)) return isAbsent(clause, not, not + 2, previous)
  if (DONE.test(verb)) return isAbout || (previous?.isAbout === true && said.some((word) => PRONOUNS.has(word)))
  if (!OFFERED.test(verb)) return false
  const named = said.map((word, i) => PREPOSITIONS.has(word) || FILLERS.has(word) || about[i] === true)
  const isNamed = (from: number, to: number) =>
    about.slice(from, to).includes(true) && !named.slice(from, to).includes(false)
  return isNamed(0, not) || isNamed(not + 2, said.length)
}

const ACQUIRE =
  '(?:из|вы|на|об|до)?уч\\p{L}*|осво\\p{L}*|осваива\\p{L}*|пройти|проходить|получ\\p{L}*|сда(?:ть|вать)|попробовать|перейти|начать|стать|специализироваться|поступ\\p{L}*'
/** A wish to acquire what is not there yet, or its acquisition in the future. */
const PLAN = within(
  `(?:хочу|хотел[аи]?(?: бы)?|хотелось бы|планирую|собираюсь|намерен[аы]?|мечтаю|думаю|буду) (?:\\p{L}+ )?(?:${ACQUIRE})|(?:из|вы|об|на)уч(?:у|усь)|освою|(?:want|plan(?:ning)?|hope|hoping|intend|would like|'d like|going|willing|eager|keen) to (?:learn|study|get|obtain|take|try|master|start|pass|acquire)`,
)
/** What is wanted to go on is there. */
const GOING_ON = within('дальше|продолж\\p{L}*|углуб\\p{L}*|повы\\p{L}*|further|continue|deepen|improve')

const isPlanned = ({ text, isAbout }: Clause) => isAbout && PLAN.test(text) && !GOING_ON.test(text)

function denialOf(requirement: string, subject: Subject, texts: string[]): 'denied' | 'planned' | null {
  const clauses = texts.map((text) => clauseOf(text, subject))
  const wanted = requirement.toLowerCase()
  const [wantsAbsence, wantsWish] = [ABSENCE.test(wanted), WISH_WANTED.test(wanted)]
  const found = clauses.map((clause, i) => {
    if (!wantsAbsence && isDenied(clause, clauses[i - 1])) return 'denied'
    return !wantsWish && isPlanned(clause) ? 'planned' : null
  })
  const first = found.findIndex((each) => each !== null)
  // Another clause may affirm what this one denies; but one before a pronoun only names what the pronoun denies.
  const isNaming = (i: number) => i === first - 1 && clauses[first]?.isAbout === false
  const affirms = ({ text, isAbout }: Clause, i: number) =>
    found[i] === null && isAbout && !NEGATIVE.test(text) && !isNaming(i)
  return clauses.some(affirms) ? null : (found[first] ?? null)
}

const DURATION =
  /(\d{1,2}(?:[.,]\d)?)[-\s]?(?:х|ти|и)?\+?\s*(лет|год(?:а|у|ов)?|years?|yrs?|месяц\p{L}*|мес|months?)(?!\p{L})/giu
const UNIT = /(?<!\p{L})(?:лет|год\p{L}*|years?|yrs?|месяц\p{L}*|мес|months?)(?!\p{L})/giu
/** Beside them a number of years is no length of experience, or not all of it. */
const NO_LENGTH =
  /(?:19|20)\d\d|\d\+|(?<!\p{L})(?:за|более|больше|свыше|почти|около|последн\p{L}*|прошл\p{L}*|назад|кажд\p{L}*|раз|возраст\p{L}*|ребен\p{L}*|дет[еия]\p{L}*|сын\p{L}*|доч\p{L}*|гаранти\p{L}*|старше|мне|over|more|last|past|ago|every|each|within|aged?|old)(?!\p{L})/iu
/** A bound from above. */
const AT_MOST = /(?<!\p{L})(?:до|возраст\p{L}*|не (?:более|старше|больше)|младше|up to|under|at most|aged?)(?!\p{L})/iu

const yearsOf = (text: string) =>
  [...text.matchAll(DURATION)].map(
    ([, number = '', unit = '']) => Number(number.replace(',', '.')) / (/^(?:мес|mon)/i.test(unit) ? 12 : 1),
  )

/** Whether both sides state years and the quote fewer, all of them together. */
function lacksYears(requirement: string, quote: string): boolean {
  const wanted = yearsOf(requirement)
  if (wanted.length === 0 || AT_MOST.test(requirement)) return false
  const stated = yearsOf(quote)
  const isAllInFigures = stated.length > 0 && stated.length === (quote.match(UNIT)?.length ?? 0)
  if (!isAllInFigures || NO_LENGTH.test(quote.replaceAll('ё', 'е'))) return false
  return stated.reduce((sum, years) => sum + years, 0) < Math.min(...wanted)
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

/** Whether both sides state a level of the Common European Framework and the quote none that is high enough. */
function lacksLevel(requirement: string, quote: string): boolean {
  const [lowest] = levelsOf(requirement)
  const highest = levelsOf(quote).at(-1)
  if (lowest === undefined || highest === undefined || /категори|\bcategory/i.test(requirement)) return false
  return highest < lowest && !/свободн|родной|носител|fluent|native/i.test(quote)
}

const NEGATIVE = within("не|нет|отсутству[ею]т|no|not|never|cannot|\\p{L}+n't")
/** Clauses with none of these say nothing of the kind. */
const MAY_DENY = new RegExp(`${NEGATIVE.source}|${PLAN.source}`, 'u')

/** Requirements with none of these ask for no years and no level. */
const MAY_ASK_FIGURES = /\d|intermediate/i

/** @returns what the quote's own words say against its requirement; null: nothing that can be known */
export function objectionOf(requirement: string, subject: Subject, source: string, span: Span): Objection | null {
  if (MAY_ASK_FIGURES.test(requirement)) {
    const quote = source.slice(span.start, Math.min(span.end, span.start + MAX_CHARS))
    if (lacksYears(requirement, quote) || lacksLevel(requirement, quote)) return 'falls_short'
  }
  const clauses = clausesOf(source, span)
  return clauses.some((clause) => MAY_DENY.test(clause)) ? denialOf(requirement, subject, clauses) : null
}
