/**
 * Tells whether the clauses of a quote deny what its requirement names, or only plan it. Another clause of the quote, or what follows it, may
 * affirm what one denies. Everything that the rules do not know is left to the model.
 */
import { clausesOf, CONTEXT_CHARS, MAX_CHARS, NEGATION, within } from './clauses.ts'
import type { Clause } from './negations.ts'
import { clauseOf, isDenied, LOST_SIGNS, namesNothing, NEGATIVE, wordsOf } from './negations.ts'
import { isPlan, isThere, PLAN_SIGNS, wantsWish } from './plans.ts'
import type { Subject } from './relatedness.ts'
import type { Span } from '../lib/span.ts'

/** The requirement is the absence of something, so a denial proves it. */
const ABSENCE = within(
  'отсутстви\\p{L}*|відсутн\\p{L}*|отказ\\p{L}*|без|не|нет|бе[зс]\\p{L}+ность|не\\p{L}+(?:ость|ости)|не(?:о|за)конч\\p{L}*|просроч\\p{L}*|отозв\\p{L}*|аннулир\\p{L}*|expired|revoked|inactive|lapsed|no|not|without|free|clean|lack|absence|non',
)
/** The requirement is readiness, so experience may be missing. */
const READINESS = within('готов\\p{L}*|willing\\p{L}*|ready|readiness')

const AUXILIARY = /^(?:is|are|was|were|am|be|been|do|does|did|have|has|had|will|would|can|could|should|may|might)$/

/** Verbs for having acquired a skill. */
const ACQUIRED = within(
  'освоил[аи]?|научил[аи]с[ья]|научился|изучил[аи]?|выучил[аи]?|внедрил[аи]?|learn(?:ed|t)|self-taught|mastered|introduced',
)

const RELATIVE = new RegExp(
  `^[\\s,]*(?:\\p{L}{1,3}\\s)?(?:котор|that|which|who)\\p{L}*\\s.*(?<!\\p{L})(?:${NEGATION})`,
  'u',
)

/**
 * Whether the next clause turns a denial: "не 1С, а SAP", "not five but fifteen", "нет CRM, с которой я не работал", "не изучал в
 * вузе, освоил сам".
 */
function undoes(next: string, { words: said }: Clause): boolean {
  if (/^[\s,–—-]*а\s(?!вот)/.test(next) || RELATIVE.test(next)) return true
  const own = /^[\s,–—-]*([^,;.()–—]*)/.exec(next)?.[1] ?? ''
  if (ACQUIRED.test(own) && !NEGATIVE.test(own) && namesNothing(wordsOf(own))) return true
  const not = said.indexOf('not')
  return not >= 0 && said[not + 1] !== 'yet' && !AUXILIARY.test(said[not - 1] ?? '') && /^[\s,–—-]*but\s/.test(next)
}

/** The requirement names several things of which one is enough. */
const ALTERNATIVES = /[/(]|(?<!\p{L})(?:или|либо|or)(?!\p{L})/u

/** Somebody else's words: "Отработка возражений «нет денег»". */
const QUOTED_DENIAL = /«(?:не|нет)\s[^«»]*»/gu

function denialOf(requirement: string, subject: Subject, texts: string[], rest: string): 'denied' | 'planned' | null {
  const clauses = texts.map((text) => clauseOf(text.replace(QUOTED_DENIAL, '«»'), subject))
  const wanted = requirement.toLowerCase()
  const wantsAbsence = ABSENCE.test(wanted)
  const wantsReadiness = READINESS.test(wanted)
  const isHead = (i: number) => /[:|–—-]$/.test(texts[i] ?? '')
  const found = clauses.map((clause, i) => {
    const isUndone = undoes(texts[i + 1] ?? rest, clause)
    if (!wantsAbsence && !isUndone && isDenied(clause, wantsReadiness, clauses[i - 1])) return 'denied'
    // The model chose the quote that says most. If that is nothing but a plan, it need not name the requirement.
    const isMeant = texts.length === 1 || clause.isAbout || (isHead(i - 1) && clauses[i - 1]?.isAbout === true)
    return isMeant && isPlan(clause.text) && !wantsWish(wanted) && !isThere([...texts, rest].join(' '))
      ? 'planned'
      : null
  })
  const first = found.includes('denied') ? found.indexOf('denied') : found.indexOf('planned')
  const objecting = clauses[first]
  if (objecting === undefined) return null
  // Another clause may affirm what this one denies, if it names all of that, or more of the requirement, or if one of several things is
  // enough. But a clause before a colon, or before a denial without a subject, only names what is denied.
  const isNaming = (i: number) => i === first - 1 && (isHead(i) || !objecting.isAbout)
  const ofCore = ({ named }: Clause) => subject.core.filter((stem) => named.has(stem))
  const denied = ofCore(objecting)
  const isEnough = (affirmed: string[]) =>
    ALTERNATIVES.test(wanted) || affirmed.length > denied.length || denied.every((stem) => affirmed.includes(stem))
  const affirms = (clause: Clause, i: number) =>
    found[i] === null && clause.isAbout && !NEGATIVE.test(clause.text) && !isNaming(i) && isEnough(ofCore(clause))
  return clauses.some(affirms) ? null : (found[first] ?? null)
}

/**
 * A clause with none of these neither denies nor plans anything. Most quotes have none, and without the u flag that is found out at once.
 */
const MAY_DENY = new RegExp(
  `(?:^|[^a-zа-я])(?:${[NEGATION, 'без', LOST_SIGNS.replaceAll('е', '[её]'), PLAN_SIGNS].join('|')})(?![a-zа-яё])`,
  'i',
)

/** Whether a line that begins so surely begins a sentence (clauses.ts knows more beginnings): with a digit or a capital. */
const beginsSentence = (unit: number) =>
  (unit >= 0x30 && unit <= 0x39) || (unit >= 0x41 && unit <= 0x5a) || (unit >= 0x410 && unit <= 0x42f)

/** @returns the quote with what stands around it, at most {@link CONTEXT_CHARS} to each side and no further than its lines surely reach */
function around(source: string, { start, end }: Span): string {
  const [line, next] = [source.lastIndexOf('\n', start - 1), source.indexOf('\n', end)]
  const isFirst = line + 1 === start || beginsSentence(source.charCodeAt(line + 1))
  const isLast = next >= 0 && beginsSentence(source.charCodeAt(next + 1))
  const from = Math.max(0, start - CONTEXT_CHARS, isFirst ? line + 1 : 0)
  return source.slice(from, Math.min(end + CONTEXT_CHARS, isLast ? next : Infinity))
}

/** @returns whether the clauses of the quote deny what is required, or only plan it; null: neither */
export function findDenial(requirement: string, subject: Subject, source: string, span: Span) {
  const end = Math.min(span.end, span.start + MAX_CHARS)
  if (!MAY_DENY.test(around(source, { start: span.start, end }))) return null
  const { clauses, rest } = clausesOf(source, span, MAY_DENY)
  if (!clauses.some((clause) => MAY_DENY.test(clause))) return null
  return denialOf(requirement, subject, clauses, rest)
}
