/** Reads what to plan for from the command line. */
import { parseArgs } from 'node:util'
import { PATTERN_NAMES } from './arrivals.ts'
import type { PatternName } from './arrivals.ts'

export const USAGE = `Which limits do so many requests need, and how long do
they wait? The worker's own budget scripts run a simulated
day, on a Redis of their own.

usage: npm run plan -- --per-day N --resume-tokens N [...]

  --per-day N            requests a day
  --resume-tokens N      tokens of a resume
  --requirements-tokens N  of a vacancy (300)
  --answer-tokens N      billed for an answer (400)
  --answer-cap N         OPENAI_MAX_COMPLETION_TOKENS (1000)
  --call-seconds N       one answer takes (8)
  --arrival WHEN         ${PATTERN_NAMES.join(', ')}, or a file
                         with a time in each line (office)
  --max-wait N           seconds that 99 % may wait (60)
  --refuse-after N       BUDGET_MAX_WAIT_SECONDS (900)
  --rpm N --tpm N --rpd N  limits that are given: these are
                         tried, the others are searched
  --price-in X --price-out X  for a million tokens
  --json                 one JSON document

A million tokens and requests is 1000000; 0 is no limit.

example:
  npm run plan -- --per-day 100000 --resume-tokens 1500 \\
    --arrival office --max-wait 30`

export interface PlanArgs {
  /** null: as many as the file has */
  perDay: number | null
  tokens: { resume: number; requirements: number; answer: number; answerCap: number }
  callMs: number
  arrival: { kind: 'pattern'; name: PatternName } | { kind: 'file'; path: string }
  maxWaitMs: number
  patienceMs: number
  /** undefined: to be found; null: no limit */
  given: { rpm: number | null | undefined; tpm: number | null | undefined; rpd: number | null | undefined }
  /** Per million tokens; null: no cost is shown. */
  prices: { in: number; out: number } | null
  json: boolean
}

/** Wrong arguments; the message says which. */
export class UsageError extends Error {}

const text = { type: 'string' } as const
const OPTIONS = {
  'per-day': text,
  'resume-tokens': text,
  'requirements-tokens': text,
  'answer-tokens': text,
  'answer-cap': text,
  'call-seconds': text,
  arrival: text,
  'max-wait': text,
  'refuse-after': text,
  rpm: text,
  tpm: text,
  rpd: text,
  'price-in': text,
  'price-out': text,
  json: { type: 'boolean' },
  help: { type: 'boolean' },
} as const

/** A plan for more requests would take longer than minutes. */
const MOST_PER_DAY = 2_000_000
const MOST = 1_000_000_000

/** @returns null when help was asked for; @throws UsageError */
export function parsePlanArgs(args: readonly string[]): PlanArgs | null {
  const values = parse(args)
  if (values.help === true) return null
  type Name = Exclude<keyof typeof values, 'json' | 'help'>
  const number = (name: Name, { least = 0, most = MOST, whole = true } = {}): number | undefined => {
    const value = values[name]
    if (value === undefined) return undefined
    const read = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN
    if (read >= least && read <= most && (!whole || Number.isInteger(read))) return read
    throw new UsageError(`--${name} must be a ${whole ? 'whole ' : ''}number from ${least} to ${most}, not ${value}`)
  }
  const limit = (name: 'rpm' | 'tpm' | 'rpd') => {
    const value = number(name)
    return value === 0 ? null : value
  }
  const arrival = arrivalOf(values.arrival ?? 'office')
  const perDay = number('per-day', { least: 1, most: MOST_PER_DAY })
  if (perDay === undefined && arrival.kind === 'pattern') throw new UsageError('--per-day is missing')
  const resume = number('resume-tokens', { least: 1 })
  if (resume === undefined) throw new UsageError('--resume-tokens is missing')
  const [priceIn, priceOut] = [number('price-in', { whole: false }), number('price-out', { whole: false })]
  if ((priceIn === undefined) !== (priceOut === undefined)) {
    throw new UsageError('--price-in and --price-out belong together')
  }
  const tokens = {
    resume,
    requirements: number('requirements-tokens') ?? 300,
    answer: number('answer-tokens', { least: 1 }) ?? 400,
    answerCap: number('answer-cap', { least: 1 }) ?? 1_000,
  }
  if (tokens.answer > tokens.answerCap) throw new UsageError('--answer-tokens must be at most --answer-cap')
  return {
    perDay: perDay ?? null,
    tokens,
    callMs: (number('call-seconds', { most: 3_600, whole: false }) ?? 8) * 1_000,
    arrival,
    maxWaitMs: (number('max-wait', { most: 86_400, whole: false }) ?? 60) * 1_000,
    patienceMs: (number('refuse-after', { most: 86_400 }) ?? 900) * 1_000,
    given: { rpm: limit('rpm'), tpm: limit('tpm'), rpd: limit('rpd') },
    prices: priceIn === undefined || priceOut === undefined ? null : { in: priceIn, out: priceOut },
    json: values.json === true,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true }).values
  } catch (error) {
    // Only the first sentence of the message says what is wrong.
    throw new UsageError((error as Error).message.split('. ')[0] ?? '')
  }
}

function arrivalOf(value: string): PlanArgs['arrival'] {
  const name = PATTERN_NAMES.find((each) => each === value)
  return name === undefined ? { kind: 'file', path: value } : { kind: 'pattern', name }
}
