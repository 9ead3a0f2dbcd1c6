/**
 * Tells whether the clauses of a quote deny what its requirement names, or only plan it. Another clause of the quote may affirm what one
 * denies. Everything that the rules do not know is left to the model.
 */
import { clausesOf, CONTEXT_CHARS, DENYING_WORDS, MAX_CHARS, NEGATION, within } from './clauses.ts'
import type { Clause } from './negations.ts'
import { HARM, LOST_SIGNS } from './denial-words.ts'
import { clauseOf, isDenied, isInstead, isOwnDeed, isSince } from './negations.ts'
import { isPlan, isThere, PLAN_SIGNS, wantsWish } from './plans.ts'
import type { Subject } from './relatedness.ts'
import type { Span } from '../lib/span.ts'

/** The requirement is the absence of something, so a denial proves it. */
const ABSENCE = within(
  'отсутстви\\p{L}*|відсутн\\p{L}*|отказ\\p{L}*|без|не|нет|бе[зс]\\p{L}+ность|не\\p{L}+(?:ость|ости)|не(?:о|за)конч\\p{L}*|просроч\\p{L}*|отозв\\p{L}*|аннулир\\p{L}*|expired|revoked|inactive|lapsed|no|not|without|free|clean|lack|absence|non',
)
/** The requirement is readiness, so experience may be missing. */
const READINESS = within('готов\\p{L}*|willing\\p{L}*|ready|readiness')

/** The requirement names several things of which one is enough. */
const ALTERNATIVES = /[/(]|(?<!\p{L})(?:или|либо|or)(?!\p{L})/u

function denialOf(requirement: string, subject: Subject, texts: string[]): 'denied' | 'planned' | null {
  const clauses = texts.map((text) => clauseOf(text, subject))
  const wanted = requirement.toLowerCase()
  const wantsAbsence = ABSENCE.test(wanted)
  const wantsReadiness = READINESS.test(wanted)
  const isNamed = clauses.some((clause) => clause.isAbout)
  const isHead = (i: number) => /[:|–—-]$/.test(texts[i] ?? '')
  const found = clauses.map((clause, i) => {
    if (!wantsAbsence && isDenied(clause, wantsReadiness, clauses[i - 1])) return 'denied'
    // The model chose the quote that says most. If that names nothing of the requirement and begins with a plan, the plan is meant.
    const isMeant =
      (i === 0 && !isNamed) ||
      clause.isAbout ||
      (isHead(i - 1) && clauses[i - 1]?.isAbout === true) ||
      (isHead(i) && clauses[i + 1]?.isAbout === true)
    return isMeant && isPlan(clause.text) && !wantsWish(wanted) && !isThere(texts.join(' ')) ? 'planned' : null
  })
  const first = found.includes('denied') ? found.indexOf('denied') : found.indexOf('planned')
  const objecting = clauses[first]
  if (objecting === undefined) return null
  // Another clause may affirm what this one denies, if it names all of that, or more of the requirement, or if one of several things is
  // enough. But a clause before a colon, or before a denial without a subject, only names what is denied, and one after the head of a plan
  // what is planned. What somebody did without help, does instead or does by now affirms it without its name.
  const isNaming = (i: number) =>
    (i === first - 1 && (isHead(i) || !objecting.isAbout)) || (i > first && found[first] === 'planned' && isHead(first))
  const ofCore = ({ named }: Clause) => subject.core.filter((stem) => named.has(stem))
  const denied = ofCore(objecting)
  const isEnough = (affirmed: string[]) =>
    ALTERNATIVES.test(wanted) || affirmed.length > denied.length || denied.every((stem) => affirmed.includes(stem))
  const affirms = (clause: Clause, i: number) =>
    found[i] === null &&
    ((i > first && (isOwnDeed(clause) || isSince(objecting, clause))) ||
      (i === first + 1 && isInstead(clause)) ||
      (clause.isAbout && !isNaming(i) && isEnough(ofCore(clause))))
  return clauses.some(affirms) ? null : (found[first] ?? null)
}

/**
 * A clause with none of these neither denies nor plans anything. Most quotes have none, and without the u flag that is found out at once.
 */
const MAY_DENY = new RegExp(
  `(?:^|[^a-zа-я])(?:${[NEGATION, 'без|without', LOST_SIGNS.replaceAll('е', '[её]'), PLAN_SIGNS].join('|')})(?![a-zа-яё])`,
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

/** A quote right after this reverses what the resume says. */
const CUT_OFF = new RegExp(`(?<!\\p{L})(?:${DENYING_WORDS}|вряд ли)[^\\S\\n]$`, 'iu')
/** A quote that begins with a bound reverses nothing: "не [только продавал]", "not [less than 5 years]". */
const BOUND =
  /^(?:только|лишь|просто|менее|более|больше|меньше|хуже|один|одн\p{L}+|one|only|just|least|merely|simply|solely|fewer|less|more|than|nur|раз|раньше|позднее|лише|тільки|weniger|solo|solamente|apenas|só|tylko)$/u

function isCutOff(source: string, { start }: Span): boolean {
  if (!CUT_OFF.test(source.slice(Math.max(0, start - 9), start))) return false
  const [first = ''] = source
    .slice(start, start + 20)
    .toLowerCase()
    .split(/[^\p{L}]/u, 1)
  return !BOUND.test(first) && (!HARM.test(first) || /^(?:люб|need)/.test(first))
}

/** @returns whether the clauses of the quote deny what is required, or only plan it; null: neither */
export function findDenial(requirement: string, subject: Subject, source: string, span: Span) {
  if (isCutOff(source, span) && !ABSENCE.test(requirement.toLowerCase())) return 'denied'
  const end = Math.min(span.end, span.start + MAX_CHARS)
  if (!MAY_DENY.test(around(source, { start: span.start, end }))) return null
  const clauses = clausesOf(source, span, MAY_DENY)
  return clauses.some((clause) => MAY_DENY.test(clause)) ? denialOf(requirement, subject, clauses) : null
}
