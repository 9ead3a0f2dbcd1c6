/**
 * Whether the clause of a quote denies what its requirement names, or only plans it. The rules know the grammar of a denial in
 * Russian and English and no subject: the clause names what is required, and its negation stands where it denies just that ("X нет",
 * "нет опыта с X", "X не делал", "no X", "X: none", "never did X"). Everything else is the model's to judge.
 */
import type { Subject } from './relatedness.ts'
import type { Span } from './spans.ts'

/** How far around the quote its clause may reach, in UTF-16 units. */
const CONTEXT_CHARS = 120
/** How much of a quote is held against its requirement, in UTF-16 units: an honest one has some 150. */
export const MAX_CHARS = 1_000

const within = (pattern: string) => new RegExp(`(?<!\\p{L})(?:${pattern})(?!\\p{L})`, 'u')
const words = (text: string) => text.split(' ')

const NEGATION = "не|нет|отсутству[ею]т|no|not|never|none|cannot|[a-z]+n['’]t"
const NEGATIVE = within(NEGATION)
/** Beside one of these a negation may affirm: "не только", "дня не работал без Excel". */
const AMBIGUOUS = within('только|лишь|кроме|просто|only|just|without|except|но и')

/**
 * Ends a sentence. The end of a line does not where the text goes on in small letters. Each pattern begins with the character that
 * it needs and looks back from there: that is tried several times faster.
 */
const SENTENCE_END = '[!?;•<>]|\\.(?=\\s|$)(?<!(?<!\\p{L})[Nn]o\\.)|\\n(?=\\s*(?:[^\\s\\p{Ll}]|$))'
/**
 * Ends a clause. A comma within a number does not, nor the end of a long line that goes on in small letters, nor a dash or a colon
 * before a negation, which has its subject there: "Terraform — нет".
 */
const CLAUSE_END = [
  SENTENCE_END,
  ',(?!\\d)(?=\\s|$)',
  `(?=\\s)(?<=:|\\s[-–—])(?!\\s+(?:опыта |навыков |знаний )?(?:пока |еще )?(?:${NEGATION})(?!\\p{L}))`,
  '(?=\\s)(?<=\\p{L}(?:ю|л[аи]?)\\s[-–—])',
  '\\n(?<!\\n[^\\n]{40,}\\n)',
  '\\s(?=(?:а|но|зато|but)\\s)',
].join('|')
const [SENTENCE_ENDS, CLAUSE_ENDS] = [new RegExp(SENTENCE_END, 'u'), new RegExp(CLAUSE_END, 'u')]

const plain = (text: string) => text.toLowerCase().replaceAll('ё', 'е').replaceAll('’', "'")

/** The quote and what stands around it in its sentence, in small letters. */
interface Passage {
  before: string
  quote: string
  after: string
}

function passageOf(source: string, { start, end }: Span): Passage {
  const before =
    source
      .slice(Math.max(0, start - CONTEXT_CHARS), start)
      .split(SENTENCE_ENDS)
      .at(-1) ?? ''
  const after = source.slice(end, end + CONTEXT_CHARS).split(SENTENCE_ENDS, 1)[0] ?? ''
  return {
    before: plain(before),
    quote: plain(source.slice(start, Math.min(end, start + MAX_CHARS))),
    after: plain(after),
  }
}

/** @returns the clauses that the quote stands in, whole; and what follows the last one */
function clausesOf({ before, quote, after }: Passage): { clauses: string[]; rest: string } {
  const own = after.split(CLAUSE_ENDS, 1)[0] ?? ''
  const text = (`\n${before}`.split(CLAUSE_ENDS).at(-1) ?? '') + quote + own
  const clauses = text.split(CLAUSE_ENDS).map((clause) => clause.trim())
  return { clauses: clauses.filter((clause) => clause !== ''), rest: after.slice(own.length) }
}

/** The absence of something is required: a denial proves it. */
const ABSENCE = within(
  'отсутстви\\p{L}*|відсутн\\p{L}*|отказ\\p{L}*|без|не|нет|бе[зс]\\p{L}+ность|не\\p{L}+(?:ость|ости)|no|not|without|free|clean|lack|absence|non',
)
/** Wishing, or being in training, is what is required: "Желание учиться", "Студент 3 курса". */
const WISH_WANTED = within(
  'желани\\p{L}*|готовност\\p{L}*|готов\\p{L}*|студент\\p{L}*|учащ\\p{L}*|обуча\\p{L}*|не(?:о|за)конч\\p{L}*|student\\p{L}*|trainee\\p{L}*|стремлени\\p{L}*|мотиваци\\p{L}*|интерес\\p{L}*|want\\p{L}*|will\\p{L}*|desire|interest\\p{L}*|ready|readiness|motivat\\p{L}*',
)

const PREPOSITIONS = new Set(
  words('с со к ко в во на по о об обо от до из для при у за над под про with in of on for to at by about'),
)
/** Words between a noun and its denial that change nothing. */
const FILLERS = new Set(
  words('пока еще уже у меня мне я мной вообще совсем также тоже есть был была было были никакого никакой any yet'),
)
/** Words of every requirement: what they name is told by the words beside them. */
const MASTERY =
  /^(?:опыт|знани|навык|умени|практик|владени|наличи|работ|experience|knowledge|exposure|background|skills?$|hands|work)/
/** Pronouns that stand for what the clause before has named. */
const PRONOUNS = new Set(words('ее его их этого этим этом этой ней ним них нее него it them that this'))
/** Something bad: its negation speaks well of the person, as in "срывов не было", "переездов не боюсь", "never missed a deadline". */
const HARM =
  /^(?:проблем|трудност|сложност|жалоб|претензи|замечани|нарекани|ошиб|авари|инцидент|сбо[йея]|просто[йея]в|прогул|опозда|наруш|конфликт|сорва|срыва|срыв|пропуск|теря|потер|бо[юи]|пуга|смуща|меша|избега|отказ|жале|скрыва|устава|сомнева|люб[лия]|problem|issue|trouble|difficult|complain|error|mistake|accident|incident|violation|restriction|afraid|fear|scare|bother|mind$|miss|fail|los[et]|late$|stranger|doubt|hesitat|avoid)/

const NOT = /^(?:не|not|never|cannot|\p{L}+n't)$/u
const NONE = /^(?:нет|отсутству[ею]т|no|none)$/
const HAD = /^(?:име[еюл]|был[аио]?$|have$|has$|had$|own$)/
/** A Russian verb or short participle by its ending: "работал", "шью", "сдан". Nouns that end so are rare after "не". */
const VERB =
  /^готов|^знаком[аы]?$|^мо[еия]$|(?:[аеиуыюя]л[аои]?|[аеиуюя](?:шь|т|те)|[еи]м|[юу]|ть|чь|ти)(?:ся|сь)?$|(?<!^од)(?:[аеи]н|[аяиы]т)[аоы]?$/
const PARTICIPLE = /^(?:\p{L}+(?:[аеи]н|[аяиы]т)[аоы]?|\p{L}+ed)$/u

interface Clause {
  text: string
  words: string[]
  /** For each word whether it is about the requirement; and whether any is. */
  about: boolean[]
  isAbout: boolean
}

function clauseOf(text: string, requirement: Subject): Clause {
  const said = (text.match(/[\p{L}\p{N}+#'-]+/gu) ?? []).filter((word) => !/^-+$/.test(word))
  const about = said.map((word) => !MASTERY.test(word) && requirement.namesIn(word))
  return { text, words: said, about, isAbout: about.includes(true) }
}

/** Whether something is not there: "медкнижки нет", "нет опыта с Kafka", "no hands-on Terraform". @param at of the negation */
function isAbsent({ words: said, about, isAbout }: Clause, at: number, after: number, previous?: Clause): boolean {
  let noun = at - 1
  while (FILLERS.has(said[noun] ?? '')) noun -= 1
  // A noun that hangs on a preposition is not what is denied ("проблем с переездом нет"), unless nothing else is there.
  const isAdjunct = PREPOSITIONS.has(said[noun - 1] ?? '') && noun > 1 && about[noun - 2] !== true
  if (!isAdjunct && (said[at] !== 'no' || at === said.length - 1)) {
    if (about[noun] === true || (isAbout && MASTERY.test(said[noun] ?? ''))) return true
    if (PRONOUNS.has(said[noun] ?? '')) return previous?.isAbout === true
  }
  let end = after
  while (end < said.length && end < after + 3 && !PREPOSITIONS.has(said[end] ?? '')) end += 1
  if (said[at] === 'no' ? end > after && about[end - 1] === true : about.slice(after, end).includes(true)) return true
  return isAbout && [said[0] ?? '', ...said.slice(after, end)].some((word) => MASTERY.test(word))
}

/** Whether a clause denies the subject, or what the clause before it names: "я в этом не участвовал". */
function isDenied(clause: Clause, previous?: Clause): boolean {
  const { words: said, about, isAbout, text } = clause
  if (AMBIGUOUS.test(text)) return false
  const isHarm = (at: number) => said.slice(Math.max(0, at - 2), at + 3).some((word) => HARM.test(word))
  const none = said.findIndex((word, i) => NONE.test(word) && !/^\d/.test(said[i + 1] ?? ''))
  if (none >= 0 && !isHarm(none) && isAbsent(clause, none, none + 1, previous)) return true
  const without = said.indexOf('без')
  const not = said.findIndex((word) => NOT.test(word))
  if (without >= 0)
    return not < 0 && isAbout && isAbsent(clause, without, without + 1) && MASTERY.test(said[without + 1] ?? '')
  if (not < 0 || isHarm(not)) return false
  const next = said[not + 1] ?? ''
  const verb = /^(?:очень|\p{L}{3,}о)$/u.test(next) && !HAD.test(next) ? (said[not + 2] ?? next) : next
  if (HAD.test(verb)) return isAbsent(clause, not, not + 2, previous)
  if (said[not] === 'не' && !VERB.test(verb)) return false
  // In English a negation further off belongs to another verb: "I speak French and will not be shy".
  if (said[not] === 'не' ? isAbout : about.slice(Math.max(0, not - 3)).includes(true)) return true
  const refersBack = said.some((word) => PRONOUNS.has(word)) || (not === 0 && PARTICIPLE.test(verb))
  return refersBack && previous?.isAbout === true
}

const WISH = 'хочу|хотел[аи]?(?: бы)?|хотелось бы|планирую|собираюсь|намерен[аы]?|мечтаю|думаю|буду'
const ACQUIRE =
  '(?:из|вы|на|об|до)?уч\\p{L}*|осво\\p{L}*|осваива\\p{L}*|пройти|проходить|получ\\p{L}*|сда(?:ть|вать)|попробовать|перейти|начать|стать|специализироваться|поступ\\p{L}*'
const ACQUIRING =
  '(?:из|вы|об|на)уч(?:у|усь)|освою|получу|сдам|пройду|окончу|осваиваю|учусь|обучаюсь|прохожу (?:курс[а-я]*|обучение)|в планах|in progress'
const WISH_TO =
  "(?:want|plan(?:ning)?|hope|hoping|intend|aim|aiming|would (?:like|love)|['’]d (?:like|love)|going|willing|eager|keen) to"
const LEARNING = '(?:learning|studying)'
/** A wish to acquire what is not there yet, its acquisition in the future, or one that is under way. */
const PLAN = within(
  [
    `(?:${WISH}) (?:\\p{L}+ )?(?:${ACQUIRE})`,
    ACQUIRING,
    `${WISH_TO} (?:learn|study|get|obtain|take|try|explore|master|start|pass|acquire)`,
    `(?:(?<=^)|am |i'm |still |currently |now )${LEARNING}`,
  ].join('|'),
)
/** With one of these it is there after all: it goes on, or what was planned has been done since. */
const THERE = within(
  'дальше|продолж\\p{L}*|углуб\\p{L}*|повы\\p{L}*|further|continue|deepen|improve|сдал[аи]?|прош(?:ел|ла)|получил[аи]?|passed|took|completed',
)

function denialOf(requirement: string, subject: Subject, texts: string[], rest: string): 'denied' | 'planned' | null {
  const clauses = texts.map((text) => clauseOf(text, subject))
  const wanted = requirement.toLowerCase()
  const [wantsAbsence, wantsWish] = [ABSENCE.test(wanted), WISH_WANTED.test(wanted)]
  const isThere = () => THERE.test([...texts, rest].join(' '))
  const isHead = (i: number) => /[:–—-]$/.test(texts[i] ?? '')
  const found = clauses.map((clause, i) => {
    const isContrast = /^[\s,–—-]*а\s(?!вот)/.test(texts[i + 1] ?? rest)
    if (!wantsAbsence && !isContrast && isDenied(clause, clauses[i - 1])) return 'denied'
    const isNamed = clause.isAbout || (isHead(i - 1) && clauses[i - 1]?.isAbout === true)
    return !wantsWish && isNamed && PLAN.test(clause.text) && !isThere() ? 'planned' : null
  })
  const first = found.findIndex((each) => each !== null)
  // Another clause may affirm what this one denies; but one before a colon or a denial without a subject only names what that denies.
  const isNaming = (i: number) => i < first && (isHead(i) || (i === first - 1 && clauses[first]?.isAbout === false))
  const affirms = ({ text, isAbout }: Clause, i: number) =>
    found[i] === null && isAbout && !NEGATIVE.test(text) && !isNaming(i)
  return clauses.some(affirms) ? null : (found[first] ?? null)
}

/** A clause with none of these neither denies nor plans anything. Most quotes are such, and without the u flag that is known at once. */
const MAY_DENY = new RegExp(
  `(?:^|[^a-zа-я])(?:${[NEGATION, 'без', WISH, ACQUIRING, WISH_TO, LEARNING].join('|')})(?![a-zа-яё])`,
  'i',
)

/** @returns whether the clauses of the quote deny what is required, or only plan it; null: neither */
export function findDenial(requirement: string, subject: Subject, source: string, span: Span) {
  const end = Math.min(span.end, span.start + MAX_CHARS)
  if (!MAY_DENY.test(source.slice(Math.max(0, span.start - CONTEXT_CHARS), end + CONTEXT_CHARS))) return null
  const passage = passageOf(source, span)
  if (!MAY_DENY.test(`${passage.before}${passage.quote}${passage.after}`)) return null
  const { clauses, rest } = clausesOf(passage)
  if (!clauses.some((clause) => MAY_DENY.test(clause))) return null
  return denialOf(requirement, subject, clauses, rest)
}
