/**
 * Turns the model's answer into what is published. Only requirements that a quote proves count.
 *
 *   score = min(the model's own, share of requirements proved, 40 with fewer than 3 proved, 20 with 0 or 1)
 *
 * The caps are the original service's. They count proofs, however many requirements the vacancy has: one or two are not enough evidence for
 * a higher score, and an answer that was talked into naming only the requirements that are met gains nothing. The prompt divides compound
 * requirements, so a vacancy rarely has fewer than three.
 */
import type { Score, Verdict } from '../contracts.ts'
import { MATCHES_MAX } from '../contracts.ts'
import type { ModelAnswer } from './answer.ts'
import type { Finding } from './proofs.ts'
import { examine, examineVacancy, findProofs, isProved } from './proofs.ts'
import type { Replaced } from './recommendation.ts'
import { recommend } from './recommendation.ts'
import type { Texts } from '../lib/sanitize.ts'
import { createBreathe } from '../lib/slices.ts'

export type Correction =
  'requirements_repeated' | 'proofs_dropped' | 'score_lowered' | 'matches_limited' | `recommendation_${Replaced}`

/** Why a person should look at a result. */
export type ReviewReason =
  /** The vacancy or the resume holds something suspicious, or the server cut the prompt off. */
  | 'flagged'
  /** Hardly any quote is about its requirement, or hardly any requirement is the vacancy's. Those claims did not count. */
  | 'unrelated'
  /** The first answer was doubtful, so the model was asked once more. */
  | 'asked_twice'

export interface Verified {
  score: Score
  findings: Finding[]
  modelScore: number
  /** What was corrected in the model's answer. */
  corrections: Correction[]
  /** Where something suspicious was found, and what: `resume:fake_answer`; see attacks.ts. Or `truncated_prompt`, of scoring.ts. */
  flags: string[]
  /** Each reason once; empty when nobody needs to look. `unrelated`: the answer is doubtful, and worth asking for once more. */
  review: readonly ReviewReason[]
  /** The answer has a requirement and a recommendation, so the result may be cached. */
  complete: boolean
}

/** @param score 0 to 100, as published */
export const verdictOf = (score: number, verdictMinScore: number): Verdict =>
  score >= verdictMinScore ? 'Подходит' : 'Не подходит'

/** @returns the flags of both texts, each with the name of its text */
export const flagsOf = (requirements: string[], resume: string[]): string[] => [
  ...requirements.map((flag) => `requirements:${flag}`),
  ...resume.map((flag) => `resume:${flag}`),
]

/**
 * @param proved how many of `all` requirements have a proof
 * @returns 0 to 100
 */
export function publishedScore(modelScore: number, proved: number, all: number): number {
  const share = all === 0 ? 0 : Math.round((100 * proved) / all)
  const cap = proved <= 1 ? 20 : proved < 3 ? 40 : 100
  return Math.min(modelScore, share, cap)
}

/**
 * An answer is doubtful when a smaller share of its quotes has a word in common with its requirement. In honest answers half of the quotes
 * do, and one answer in a hundred has none; of randomly chosen quotes next to none do. Texts that address the model are trusted less.
 */
const LEAST_RELATED = { usual: 1 / 6, flagged: 1 / 3 }
/** Fewer quotes than this say nothing about an answer. */
const MIN_QUOTES = 3
/** An answer is also doubtful when a smaller share of its requirements has a word of the vacancy. In honest answers nearly all have one. */
const LEAST_OF_VACANCY = 1 / 2
const MIN_REQUIREMENTS = 3

/** Whether less than the share `least` of the judgements is true. null is no judgement; fewer than `enough` judgements say nothing. */
function areFew(judged: readonly (boolean | null)[], least: number, enough: number): boolean {
  const known = judged.filter((each) => each !== null)
  return known.length >= enough && known.filter(Boolean).length < least * known.length
}

/** @returns the findings; in a doubtful answer, those that are about something else prove nothing */
function dropUnrelated(findings: Finding[], trust: 'usual' | 'flagged'): { findings: Finding[]; isDoubtful: boolean } {
  const related = findings.map((finding) => finding.related)
  const isUnrelated = areFew(related, LEAST_RELATED[trust], MIN_QUOTES)
  const ofVacancy = findings.map((finding) => finding.ofVacancy)
  const isForeign = areFew(ofVacancy, LEAST_OF_VACANCY, MIN_REQUIREMENTS)
  const dropped = findings.map((finding): Finding => {
    if (!isProved(finding)) return finding
    if (isForeign && finding.ofVacancy === false) return { ...finding, why: 'not_in_vacancy' }
    return isUnrelated && finding.related === false ? { ...finding, why: 'unrelated' } : finding
  })
  return { findings: dropped, isDoubtful: isUnrelated || isForeign }
}

function conclude(answer: ModelAnswer, findings: Finding[], verdictMinScore: number) {
  const proved = findings.filter(isProved).map(({ requirement }) => requirement)
  const unproved = findings.filter((finding) => !isProved(finding)).map(({ requirement }) => requirement)
  const score = publishedScore(answer.score, proved.length, findings.length)
  const verdict = verdictOf(score, verdictMinScore)
  const modelVerdict = verdictOf(answer.score, verdictMinScore)
  const { recommendation, replaced } = recommend({ ...answer, verdict, modelVerdict, proved, unproved })
  const corrections: Correction[] = []
  if (findings.length < answer.requirements.length) corrections.push('requirements_repeated')
  if (findings.some(({ why }) => why !== null)) corrections.push('proofs_dropped')
  if (score < answer.score) corrections.push('score_lowered')
  if (proved.length > MATCHES_MAX) corrections.push('matches_limited')
  if (replaced !== null) corrections.push(`recommendation_${replaced}`)
  return { score: { score, matches: proved.slice(0, MATCHES_MAX), recommendation, verdict }, corrections }
}

/**
 * Verifies an answer, in slices of some milliseconds between which the event loop goes on.
 * @param texts sanitised, as in the prompt
 */
export async function verifyAnswer(answer: ModelAnswer, texts: Texts, verdictMinScore: number): Promise<Verified> {
  const breathe = createBreathe()
  const vacancy = await examineVacancy(texts.requirements)
  const resume = await examine(texts.resume, breathe)
  const flags = flagsOf(vacancy.flags, resume.flags)
  const found = await findProofs(answer, vacancy, resume, breathe)
  const { findings, isDoubtful } = dropUnrelated(found, flags.length > 0 ? 'flagged' : 'usual')
  const review: ReviewReason[] = []
  if (flags.length > 0) review.push('flagged')
  if (isDoubtful) review.push('unrelated')
  return {
    ...conclude(answer, findings, verdictMinScore),
    findings,
    modelScore: answer.score,
    flags,
    review,
    complete: findings.length > 0 && answer.recommendation.trim() !== '',
  }
}
