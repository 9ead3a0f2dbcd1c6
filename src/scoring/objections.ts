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

const DONE =
  /^(?:работа|использова|применя|владе|уме[еюл]|дела[еюл]|занима|участвова|сталкива|пробова|изуча|учи[лт]|проход|получа|води[лт]|used?$|work|tr(?:y|ied)$|touched|stud|speak|learn|deal|done|did$)/
const HAD = /^(?:име[еюл]|зна[еюл]|have$|has$|had$|know|own$|hold$)/
const READY = /^(?:рассматрива|готов|смогу|могу|буду)/
const NOT_EN = /^(?:not|never|don't|didn't|haven't|hasn't|doesn't|cannot|can't)$/
/** Beside them a denial may affirm: "не только", "дня не работал без Excel". */
const AMBIGUOUS = within('только|лишь|кроме|без|ни|просто|only|just|without|except|but')

interface Clause {
  words: string[]
  /** Whether a word is about the requirement. */
  isAbout: (index: number) => boolean
}

function clauseOf(text: string, requirement: Subject): Clause {
  const said = text.match(/[\p{L}\p{N}+#'-]+|[—–]/gu)?.filter((word) => !/^[-—–]+$/.test(word)) ?? []
  return { words: said, isAbout: (index) => requirement.namesIn(said[index] ?? '') }
}

const anyAbout = ({ words: said, isAbout }: Clause, except = -1) => said.some((_word, i) => i !== except && isAbout(i))

/** The noun before a place, without fillers; -1: there is none, or it hangs on a preposition and is not what is denied. */
function nounBefore({ words: said }: Clause, place: number): number {
  let i = place - 1
  while (i >= 0 && FILLERS.has(said[i] ?? '')) i -= 1
  return i > 0 && PREPOSITIONS.has(said[i - 1] ?? '') ? -1 : i
}

/** Whether something is said not to be there: "медкнижки нет", "нет опыта с Kafka", "no hands-on Terraform". */
function isAbsent(clause: Clause, previous: Clause | null): boolean {
  const { words: said, isAbout } = clause
  const place = said.findIndex((word) => /^(?:нет|отсутству[ею]т)$/.test(word))
  if (place >= 0) {
    const noun = nounBefore(clause, place)
    if (noun >= 0 && isAbout(noun)) return true
    if (noun >= 0 && PRONOUNS.has(said[noun] ?? '')) return previous !== null && anyAbout(previous)
    const next = said[place + 1] ?? ''
    if (isAbout(place + 1)) return true
    return (MASTERY.test(next) || MASTERY.test(said[0] ?? '')) && anyAbout(clause)
  }
  if (said[0] !== 'no') return false
  const end = said.findIndex(
    (word, i) => i > 0 && (PREPOSITIONS.has(word) || MASTERY.test(word) || i === said.length - 1),
  )
  if (end < 0 || said.length > 8) return false
  return MASTERY.test(said[end] ?? '') ? anyAbout(clause) : !PREPOSITIONS.has(said[end] ?? '') && isAbout(end)
}

/** Whether something is said not to have been done, had or wanted: "с Kubernetes не работал", "я в этом не участвовал". */
function isUndone(clause: Clause, previous: Clause | null, text: string): boolean {
  const { words: said, isAbout } = clause
  const place = said.findIndex((word) => word === 'не' || NOT_EN.test(word))
  if (place < 0 || AMBIGUOUS.test(text)) return false
  const verb = said[place + 1] ?? ''
  const noun = nounBefore(clause, place)
  if (HAD.test(verb))
    return (
      isAbout(place + 2) ||
      (noun >= 0 && isAbout(noun)) ||
      (MASTERY.test(said[place + 2] ?? '') && anyAbout(clause, place + 1))
    )
  if (READY.test(verb)) {
    const named = said.slice(0, place).map((word, i) => PREPOSITIONS.has(word) || FILLERS.has(word) || isAbout(i))
    return named.includes(true) && !named.includes(false) && anyAbout(clause, place + 1)
  }
  if (!DONE.test(verb)) return false
  if (anyAbout(clause, place + 1)) return true
  return said.some((word) => PRONOUNS.has(word)) && previous !== null && anyAbout(previous)
}

const ACQUIRE =
  '(?:из|вы|на|об|до)?уч\\p{L}*|осво\\p{L}*|осваива\\p{L}*|пройти|проходить|получ\\p{L}*|сда(?:ть|вать)|попробовать|перейти|начать|стать|специализироваться|поступ\\p{L}*'
/** A wish to acquire what is not there yet, or its acquisition in the future. */
const PLAN = within(
  `(?:хочу|хотел[аи]?(?: бы)?|хотелось бы|планирую|собираюсь|намерен[аы]?|мечтаю|думаю|буду) (?:\\p{L}+ )?(?:${ACQUIRE})|хотел[аи]? бы (?:${ACQUIRE})|(?:из|вы|об|на)уч(?:у|усь)|освою|(?:want|plan(?:ning)?|hope|hoping|intend|would like|'d like|going|willing|eager|keen) to (?:learn|study|get|obtain|take|try|master|start|pass|acquire)`,
)
/** What is wanted to go on is there. */
const GOING_ON = within('дальше|продолж\\p{L}*|углуб\\p{L}*|повы\\p{L}*|further|continue|deepen|improve')

function denialOf(requirement: string, subject: Subject, clauses: string[]): 'denied' | 'planned' | null {
  const read = clauses.map((clause) => clauseOf(clause, subject))
  const wantsAbsence = ABSENCE.test(requirement.toLowerCase())
  const wantsWish = WISH_WANTED.test(requirement.toLowerCase())
  const found = clauses.map((text, i) => {
    const [clause, previous] = [read[i], read[i - 1] ?? null]
    if (clause === undefined) return null
    if (!wantsAbsence && (isAbsent(clause, previous) || isUndone(clause, previous, text))) return 'denied'
    return !wantsWish && PLAN.test(text) && !GOING_ON.test(text) && anyAbout(clause) ? 'planned' : null
  })
  const first = found.findIndex((each) => each !== null)
  if (first < 0) return null
  // Another clause may affirm what this one denies. One before a pronoun only names what the pronoun denies.
  const affirms = read.some(
    (clause, i) => found[i] === null && i !== first - 1 && anyAbout(clause) && !NEGATIVE.test(clauses[i] ?? ''),
  )
  const before = read[first - 1]
  const namedBefore =
    before !== undefined && found[first - 1] === null && anyAbout(before) && !NEGATIVE.test(clauses[first - 1] ?? '')
  const isOwn = anyAbout(read[first] as Clause)
  return affirms || (namedBefore && isOwn) ? null : (found[first] ?? null)
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

const LEVELS = words('A1 A2 B1 B2 C1 C2')
const LEVEL = /(?<![\p{L}\p{N}])[ABCАВС][12](?![\p{L}\p{N}])|(?:upper[-\s]?|pre[-\s]?)?intermediate/giu
const NAMED: Record<string, string> = { pre: 'A2', int: 'B1', upp: 'B2' }
const CYRILLIC: Record<string, string> = { А: 'A', В: 'B', С: 'C' }

const levelsOf = (text: string) =>
  (text.match(LEVEL) ?? []).map((level) => {
    const latin =
      NAMED[level.slice(0, 3).toLowerCase()] ??
      level.toUpperCase().replace(/[АВС]/, (letter) => CYRILLIC[letter] ?? letter)
    return LEVELS.indexOf(latin)
  })

/** Whether both sides state a level of the Common European Framework and the quote none that is high enough. */
function lacksLevel(requirement: string, quote: string): boolean {
  const [wanted, stated] = [levelsOf(requirement), levelsOf(quote)]
  if (wanted.length === 0 || stated.length === 0 || /категори|\bcategory/i.test(requirement)) return false
  if (/свободн|родной|носител|fluent|native/i.test(quote)) return false
  return Math.max(...stated) < Math.min(...wanted)
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
