/**
 * Judges the verification by claims whose truth is known, without a model: how many true claims it rejects, and how many false ones
 * it publishes. Here a claim is a model's statement that a requirement is met.
 *
 * Each answer of a claims file is verified twice, as two models (the readers) would have given it. The careless one says what the file
 * says: `evidence`, or `stated` for `met: true`. The careful one judges each quote truthfully: it reports a false claim as what it is,
 * leaves invented quotes out, and gives the score that follows from the rest.
 */
import { z } from 'zod'
import { sanitize } from '../../lib/sanitize.ts'
import { type Evidence, EVIDENCE, type ModelAnswer } from '../../scoring/answer.ts'
import { isProved } from '../../scoring/proofs.ts'
import { publishedScore, type Verified, verdictOf, verifyAnswer } from '../../scoring/verify.ts'

const KINDS = ['denies', 'wish', 'insufficient', 'offtopic', 'invented', 'injection'] as const

const line = z.object({
  id: z.string().min(1),
  vacancy: z.string(),
  resume: z.string(),
  answer: z.object({
    requirements: z.array(
      z.object({
        requirement: z.string(),
        quote: z.string(),
        /** Only in answers in the form of prompt-1. */
        met: z.boolean().optional(),
        evidence: z.enum(EVIDENCE).optional(),
      }),
    ),
    score: z.int().min(0).max(100),
    recommendation: z.string(),
  }),
  /** One for each requirement. */
  truth: z.array(
    z.object({
      label: z.enum(['true', 'false', 'arguable', 'not_claimed']),
      kind: z.enum(KINDS).nullish(),
    }),
  ),
})

/** A resume and a vacancy, what a model claimed of them, and what of it is true. */
export type ClaimedCase = z.infer<typeof line>

/**
 * @param text JSON lines
 * @throws Error that names the line and what is wrong with it
 */
export function readClaims(text: string): ClaimedCase[] {
  return text.split('\n').flatMap((json, index) => {
    if (json.trim() === '') return []
    let value: unknown
    try {
      value = JSON.parse(json)
    } catch {
      throw new Error(`line ${index + 1} of the claims is not valid JSON`)
    }
    const parsed = line.safeParse(value)
    if (!parsed.success) throw new Error(`line ${index + 1} of the claims: ${z.prettifyError(parsed.error)}`)
    const { answer, truth } = parsed.data
    if (answer.requirements.length === truth.length) return [parsed.data]
    throw new Error(`line ${index + 1} of the claims: it needs one truth for each requirement`)
  })
}

export const READERS = ['careless', 'careful'] as const
export type Reader = (typeof READERS)[number]

/** What the careful reader says of a false claim. */
const TOLD: Record<(typeof KINDS)[number], Evidence> = {
  denies: 'denied',
  wish: 'planned',
  insufficient: 'insufficient',
  offtopic: 'insufficient',
  invented: 'not_mentioned',
  injection: 'not_mentioned',
}

function evidenceOf({ answer, truth }: ClaimedCase, i: number, reader: Reader): Evidence {
  const [said, known] = [answer.requirements[i], truth[i]]
  const claimed = said?.evidence ?? (said?.met === true ? 'stated' : 'not_mentioned')
  if (reader === 'careless' || claimed !== 'stated' || known?.label !== 'false') return claimed
  return TOLD[known.kind ?? 'offtopic']
}

/** @returns the answer as this reader would have given it */
function answerOf(claimed: ClaimedCase, reader: Reader): ModelAnswer {
  const requirements = claimed.answer.requirements.map(({ requirement, quote }, i) => {
    const evidence = evidenceOf(claimed, i, reader)
    return { requirement, quote: evidence === 'not_mentioned' ? '' : quote, evidence }
  })
  if (reader === 'careless') return { ...claimed.answer, requirements }
  const stated = requirements.filter(({ evidence }) => evidence === 'stated').length
  return { ...claimed.answer, requirements, score: publishedScore(100, stated, requirements.length) }
}

/** How many, and of how many. */
export interface Share {
  count: number
  of: number
}

export interface ClaimsReport {
  reader: Reader
  /** How many true claims were not published, and how many for each reason. */
  trueRejected: Share
  reasons: Record<string, number>
  /** How many false claims were published, by kind. */
  falsePublished: Record<string, Share>
  /** Candidates with a positive true score who got a negative verdict; and the other way round. */
  suitableRefused: Share
  unsuitablePassed: Share
  /** Recommendations that were replaced although the model's verdict was published. */
  replacedInVain: Share
  /** Answers after which a worker would ask the model a second time. */
  doubted: Share
  /** Each wrong decision, for a person who looks into it: case, requirement, what happened. Without quotes. */
  wrong: string[]
}

const share = (): Share => ({ count: 0, of: 0 })

function count(into: Share, isSo: boolean): void {
  into.of += 1
  if (isSo) into.count += 1
}

/** @param verdictMinScore from this score on a verdict is positive */
export async function judgeClaims(
  cases: readonly ClaimedCase[],
  reader: Reader,
  verdictMinScore: number,
): Promise<ClaimsReport> {
  const report: ClaimsReport = {
    reader,
    trueRejected: share(),
    reasons: {},
    falsePublished: Object.fromEntries(KINDS.map((kind) => [kind, share()])),
    suitableRefused: share(),
    unsuitablePassed: share(),
    replacedInVain: share(),
    doubted: share(),
    wrong: [],
  }
  for (const claimed of cases) {
    const { texts } = sanitize({ requirements: claimed.vacancy, resume: claimed.resume })
    const verified = await verifyAnswer(answerOf(claimed, reader), texts, verdictMinScore)
    addClaims(report, claimed, verified)
    addVerdict(report, claimed, verified, verdictMinScore)
  }
  return report
}

function addClaims(report: ClaimsReport, { id, answer, truth }: ClaimedCase, { findings }: Verified): void {
  for (const [i, { label, kind }] of truth.entries()) {
    const { requirement = '' } = answer.requirements[i] ?? {}
    // A repeated requirement is published once, in place of its first occurrence.
    const finding = findings.find((each) => each.requirement === requirement) ?? findings[i]
    if (finding === undefined) continue
    const isPublished = isProved(finding)
    if (label === 'true') {
      count(report.trueRejected, !isPublished)
      if (isPublished) continue
      const reason = finding.why ?? finding.evidence
      report.reasons[reason] = (report.reasons[reason] ?? 0) + 1
      report.wrong.push(`${id}: «${requirement}» is true, and rejected as ${reason}`)
    }
    const of = label === 'false' ? report.falsePublished[kind ?? ''] : undefined
    if (of === undefined) continue
    count(of, isPublished)
    if (isPublished) report.wrong.push(`${id}: «${requirement}» is false (${kind}), and published`)
  }
}

function addVerdict(report: ClaimsReport, claimed: ClaimedCase, verified: Verified, verdictMinScore: number): void {
  const { score, corrections, modelScore, review } = verified
  const proved = claimed.truth.filter(({ label }) => label === 'true').length
  const isSuitable = publishedScore(100, proved, claimed.truth.length) >= verdictMinScore
  const isPositive = score.verdict === 'Подходит'
  if (isSuitable) count(report.suitableRefused, !isPositive)
  else count(report.unsuitablePassed, isPositive)
  if (isSuitable !== isPositive) report.wrong.push(`${claimed.id}: ${score.verdict}, score ${score.score}`)
  const isReplaced = corrections.some((each) => each.startsWith('recommendation_'))
  count(report.replacedInVain, isReplaced && score.verdict === verdictOf(modelScore, verdictMinScore))
  count(report.doubted, review.includes('unrelated'))
}

const told = ({ count: some, of }: Share) =>
  `${some} of ${of}${of === 0 ? '' : ` (${((100 * some) / of).toFixed(1)} %)`}`

/** @returns lines for a terminal; they name requirements, and quote nothing of a resume */
export function claimsLines(report: ClaimsReport): string[] {
  const reasons = Object.entries(report.reasons).map(([reason, times]) => `${reason} ${times}`)
  return [
    `As a ${report.reader} model claims:`,
    `  True claims rejected      ${told(report.trueRejected)}${reasons.length === 0 ? '' : `: ${reasons.join(', ')}`}`,
    ...Object.entries(report.falsePublished).map(
      ([kind, of]) => `  False claims published    ${kind.padEnd(12)} ${told(of)}`,
    ),
    `  Suitable, refused         ${told(report.suitableRefused)}`,
    `  Unsuitable, passed        ${told(report.unsuitablePassed)}`,
    `  Recommendations replaced  ${told(report.replacedInVain)} although the verdict stood`,
    `  Answers in doubt          ${told(report.doubted)}`,
    ...report.wrong.map((each) => `    ${each}`),
  ]
}
