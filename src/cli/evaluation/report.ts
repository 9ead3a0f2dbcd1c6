/** Sums up how well prompt and model did on a labelled set. */
import type { Verdict } from '../../contracts.ts'
import type { Labelled, Result, Variant } from './labelled-set.ts'

export interface Case {
  id: string
  expected: Labelled['expected']
  /** Scores of the original resume, one for each repeat that was answered. */
  scores: number[]
  verdicts: Verdict[]
  /** Mean distance of the scores from the expected range, 0 inside of it. */
  error: number
  /** Highest minus lowest score. */
  spread: number
  /** Mean score with the names swapped minus the mean of the original; null when one of the two is missing. */
  swapDifference: number | null
}

export interface Report {
  questions: number
  failures: number
  /** Share of the answers about originals with the expected verdict, 0 to 1; null without answers. */
  agreement: number | null
  /** Mean distance from the expected range in points. */
  meanAbsoluteError: number | null
  /** Mean and greatest spread of the cases that were asked more than once. */
  spread: { mean: number; greatest: number } | null
  /** Share of the requirements called met that have no proof, 0 to 1. */
  unprovedShare: number | null
  /** How many requirements the worker rejected, by reason. */
  rejected: Record<string, number>
  /** Over the cases: the mean difference, its mean size, and the greatest size. */
  swap: { meanDifference: number; meanSize: number; greatest: number } | null
  tokens: { prompt: number; completion: number }
  /** null without prices. */
  cost: number | null
  cases: Case[]
  /** Those with the most wrong verdicts first, then by error; at most five, none without either. */
  worst: Case[]
}

/** Prices in any currency, per million tokens. */
export interface Prices {
  prompt: number
  completion: number
}

const WORST = 5

const mean = (numbers: readonly number[]): number | null =>
  numbers.length === 0 ? null : numbers.reduce((sum, number) => sum + number, 0) / numbers.length

const wrongVerdicts = ({ verdicts, expected }: Case) =>
  verdicts.filter((verdict) => verdict !== expected.verdict).length

function caseOf({ id, expected }: Labelled, results: readonly Result[]): Case {
  const scoresOf = (variant: Variant) =>
    results.flatMap((each) => (each.id === id && each.variant === variant && each.score !== null ? [each.score] : []))
  const scores = scoresOf('original')
  const swapped = mean(scoresOf('swapped'))
  const original = mean(scores)
  const [low, high] = expected.score
  return {
    id,
    expected,
    scores,
    verdicts: results.flatMap((each) =>
      each.id === id && each.variant === 'original' && each.verdict !== null ? [each.verdict] : [],
    ),
    error: mean(scores.map((score) => Math.max(low - score, 0, score - high))) ?? 0,
    spread: scores.length === 0 ? 0 : Math.max(...scores) - Math.min(...scores),
    swapDifference: swapped === null || original === null ? null : swapped - original,
  }
}

function swapOf(cases: readonly Case[]): Report['swap'] {
  const differences = cases.flatMap(({ swapDifference }) => (swapDifference === null ? [] : [swapDifference]))
  const sizes = differences.map(Math.abs)
  const [meanDifference, meanSize] = [mean(differences), mean(sizes)]
  if (meanDifference === null || meanSize === null) return null
  return { meanDifference, meanSize, greatest: Math.max(...sizes) }
}

function countEach(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** @param prices null when they are not known; the report then has no cost */
export function report(set: readonly Labelled[], results: readonly Result[], prices: Prices | null): Report {
  const cases = set
    .map((line) => caseOf(line, results))
    .filter(({ scores, swapDifference }) => scores.length > 0 || swapDifference !== null)
  const sum = (field: 'promptTokens' | 'completionTokens' | 'met' | 'unproved') =>
    results.reduce((total, each) => total + each[field], 0)
  const tokens = { prompt: sum('promptTokens'), completion: sum('completionTokens') }
  const answered = cases.flatMap(({ verdicts }) => verdicts).length
  const wrong = cases.reduce((total, each) => total + wrongVerdicts(each), 0)
  const spreads = cases.flatMap(({ scores, spread }) => (scores.length > 1 ? [spread] : []))
  const errors = cases.flatMap(({ scores, error }) => scores.map(() => error))
  return {
    questions: results.length,
    failures: results.filter(({ failure }) => failure !== null).length,
    agreement: answered === 0 ? null : 1 - wrong / answered,
    meanAbsoluteError: mean(errors),
    spread: spreads.length === 0 ? null : { mean: mean(spreads) ?? 0, greatest: Math.max(...spreads) },
    unprovedShare: sum('met') === 0 ? null : sum('unproved') / sum('met'),
    rejected: countEach(results.flatMap((each) => each.rejected)),
    swap: swapOf(cases),
    tokens,
    cost: prices === null ? null : (tokens.prompt * prices.prompt + tokens.completion * prices.completion) / 1e6,
    cases,
    worst: cases
      .filter((each) => wrongVerdicts(each) > 0 || each.error > 0)
      .toSorted((a, b) => wrongVerdicts(b) - wrongVerdicts(a) || b.error - a.error)
      .slice(0, WORST),
  }
}

const percent = (share: number | null) => (share === null ? '-' : `${(share * 100).toFixed(1)} %`)
const points = (number: number | null) => (number === null ? '-' : number.toFixed(1))

/** @returns lines for a terminal; names of cases only, nothing of their texts */
export function reportLines(of: Report): string[] {
  const { questions, failures, agreement, meanAbsoluteError, spread, unprovedShare, swap, tokens, cost } = of
  const reasons = Object.entries(of.rejected)
    .map(([reason, times]) => `${reason} ${times}`)
    .join(', ')
  const worst = of.worst.map(
    ({ id, expected, scores, verdicts }) =>
      `  ${id}: scores ${scores.join(', ')} (expected ${expected.score.join(' to ')}), ${[...new Set(verdicts)].join(' / ')} (expected ${expected.verdict})`,
  )
  return [
    `Questions             ${questions}, of them without a usable answer ${failures}`,
    `Verdicts as expected  ${percent(agreement)}`,
    `Mean absolute error   ${points(meanAbsoluteError)} points outside of the expected range`,
    `Spread of repeats     ${spread === null ? '-' : `${points(spread.mean)} points, at most ${points(spread.greatest)}`}`,
    `Claims rejected       ${percent(unprovedShare)} of what the model took for met${reasons === '' ? '' : ` (${reasons})`}`,
    ...(swap === null
      ? []
      : [
          `Names swapped         ${points(swap.meanDifference)} points on average, ${points(swap.meanSize)} either way, at most ${points(swap.greatest)}`,
        ]),
    `Tokens                ${tokens.prompt} + ${tokens.completion}`,
    `Cost                  ${cost === null ? '- (no prices given)' : cost.toFixed(4)}`,
    ...(worst.length === 0 ? [] : ['Worst cases', ...worst]),
  ]
}
