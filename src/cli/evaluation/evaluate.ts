/** Judges a prompt and a model by a labelled set: what the set is, and what its results say. Asks nobody. */
import { z } from 'zod'
import type { Verdict } from '../../contracts.ts'
import { swapName } from './name-swap.ts'

const labelled = z.object({
  id: z.string().min(1),
  requirements: z.string().min(1),
  resume: z.string().min(1),
  expected: z.object({
    verdict: z.enum(['Подходит', 'Не подходит']),
    /** Lowest and highest score that a good judge would give. */
    score: z.tuple([z.int().min(0).max(100), z.int().min(0).max(100)]).refine(([low, high]) => low <= high),
  }),
  /** Names and words of this resume for the name-swap mode; see name-swap.ts. */
  swap: z.record(z.string(), z.string()).default({}),
})

/** One line of a labelled set. */
export type Labelled = z.infer<typeof labelled>

/**
 * @param text JSON lines; empty ones are skipped
 * @throws Error that names the line and what is wrong with it
 */
export function readSet(text: string): Labelled[] {
  const lines = text.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [{ line, number: index + 1 }]))
  const ids = new Set<string>()
  return lines.map(({ line, number }) => {
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      throw new Error(`line ${number} of the set is no JSON`)
    }
    const parsed = labelled.safeParse(value)
    if (!parsed.success) throw new Error(`line ${number} of the set: ${z.prettifyError(parsed.error)}`)
    if (ids.has(parsed.data.id)) throw new Error(`line ${number} of the set: the id ${parsed.data.id} is taken`)
    ids.add(parsed.data.id)
    return parsed.data
  })
}

export type Variant = 'original' | 'swapped'

/** One question to ask. */
export interface Task {
  id: string
  variant: Variant
  /** From 1. */
  repeat: number
  requirements: string
  resume: string
}

/** @returns all questions of an evaluation, those of one line together; the ones with results already left out (a resumed run) */
export function tasksOf(
  set: readonly Labelled[],
  repeats: number,
  swap: boolean,
  done: readonly Result[] = [],
): Task[] {
  const key = ({ id, variant, repeat }: Pick<Task, 'id' | 'variant' | 'repeat'>) =>
    JSON.stringify([id, variant, repeat])
  const known = new Set(done.map(key))
  const variants: Variant[] = swap ? ['original', 'swapped'] : ['original']
  return set
    .flatMap(({ id, requirements, resume, swap: own }) =>
      variants.flatMap((variant) =>
        Array.from({ length: repeats }, (_, index) => ({
          id,
          variant,
          repeat: index + 1,
          requirements,
          resume: variant === 'original' ? resume : swapName(resume, own),
        })),
      ),
    )
    .filter((task) => !known.has(key(task)))
}

const result = z.object({
  id: z.string(),
  variant: z.enum(['original', 'swapped']),
  repeat: z.int().min(1),
  /** null: the model gave no usable answer, `failure` says why. */
  score: z.int().nullable(),
  verdict: z.enum(['Подходит', 'Не подходит']).nullable(),
  modelScore: z.int().nullable(),
  /** Requirements that the model took for met, and those of them without proof. */
  met: z.int(),
  unproved: z.int(),
  /** Why the worker rejected each of those without proof; see proofs.ts. Results of before have none. */
  rejected: z.array(z.string()).default([]),
  promptTokens: z.int(),
  completionTokens: z.int(),
  failure: z.string().nullable(),
})

/** The answer to a task, as it is written to the file of results. */
export type Result = z.infer<typeof result>

/** @returns the results of an earlier run; lines that are none (cut off in the middle) are left out, and asked again */
export function readResults(text: string): Result[] {
  return text.split('\n').flatMap((line) => {
    try {
      const parsed = result.safeParse(JSON.parse(line))
      return parsed.success ? [parsed.data] : []
    } catch (error) {
      if (error instanceof SyntaxError) return []
      throw error
    }
  })
}

export interface Case {
  id: string
  expected: Labelled['expected']
  /** Of the original, one per repeat that was answered. */
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
  /** Of the answers about originals: how many have the expected verdict, 0 to 1; null for no answers. */
  agreement: number | null
  /** Mean distance from the expected range in points. */
  meanAbsoluteError: number | null
  /** Mean and greatest of the cases' spreads, of those asked more than once. */
  spread: { mean: number; greatest: number } | null
  /** Of what the model took for met, how much has no proof, 0 to 1. */
  unprovedShare: number | null
  /** How many the worker rejected for which reason. */
  rejected: Record<string, number>
  /** Means over the cases: of the differences, and of their sizes. */
  swap: { meanDifference: number; meanSize: number; greatest: number } | null
  tokens: { prompt: number; completion: number }
  /** null without prices. */
  cost: number | null
  cases: Case[]
  /** Wrong verdicts first, then by error; at most five. */
  worst: Case[]
}

/** In whatever currency, per million tokens. */
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

/** @param prices null when they are not known: there is no cost then */
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
