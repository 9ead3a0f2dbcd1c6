/** Prints the plan on 60 columns. */
import type { PlanArgs } from './args.ts'
import type { Limits, Plan } from './search.ts'
import type { Load } from './simulate.ts'
import { quantile } from './simulate.ts'

export interface Facts {
  args: PlanArgs
  load: Load
  /** Tokens of a prompt. */
  promptTokens: number
  plan: Plan
}

const NAMES = { rpm: 'OPENAI_RPM', tpm: 'OPENAI_TPM', rpd: 'OPENAI_RPD' } as const

/** @returns what `--json` prints; waits in seconds, money a day in the prices' currency */
export function planDocument({ args, load, promptTokens, plan }: Facts) {
  const { day, limits } = plan
  const granted = day.waits.length
  const seconds = (part: number) => quantile(day.waits, part) / 1_000
  const tokens = { in: granted * promptTokens, out: granted * args.tokens.answer }
  const money = args.prices && (tokens.in * args.prices.in + tokens.out * args.prices.out) / 1e6
  return {
    enough: plan.isEnough,
    requestsPerDay: load.arrivals.length,
    limits: { OPENAI_RPM: limits.rpm ?? 0, OPENAI_TPM: limits.tpm ?? 0, OPENAI_RPD: limits.rpd ?? 0 },
    found: keys(limits).flatMap((name) =>
      args.given[name] === undefined && limits[name] !== null ? [NAMES[name]] : [],
    ),
    peak: day.peak,
    callsInFlight: day.inFlight,
    waitSeconds: { p50: seconds(0.5), p99: seconds(0.99), longest: seconds(1) },
    refused: day.refused,
    tokensPerRequest: { reserved: load.reserved, billed: load.billed },
    tokensPerDay: tokens,
    moneyPerDay: money,
  }
}

/** @returns lines for people, of at most 60 columns */
export function planLines(facts: Facts): string[] {
  const { args } = facts
  const told = planDocument(facts)
  const { peak, limits, waitSeconds: waits, tokensPerDay: tokens } = told
  const limit = (name: keyof typeof limits, most: number) => {
    const value = limits[name]
    const used = value === 0 ? '' : `, ${Math.round((100 * most) / value)} % at the peak`
    const whose = told.found.includes(name) ? 'found' : value === 0 ? 'no limit' : 'given'
    return `  ${name.padEnd(12)}${count(value).padStart(13)}  ${whose}${used}`
  }
  const late = `over ${args.maxWaitMs / 1_000} s for more than 1 %`
  const why = told.refused > 0 ? `${count(told.refused)} refused` : late
  return [
    `${count(told.requestsPerDay)} requests a day (${whenOf(args)})`,
    `  each reserves ${count(told.tokensPerRequest.reserved)} tokens, is billed ${count(told.tokensPerRequest.billed)}`,
    told.enough ? 'limits' : `limits: NOT ENOUGH, ${why}`,
    limit('OPENAI_RPM', peak.requestsPerMinute),
    limit('OPENAI_TPM', peak.tokensPerMinute),
    limit('OPENAI_RPD', peak.requestsPerDay),
    `wait      p50 ${duration(waits.p50)}, p99 ${duration(waits.p99)}, longest ${duration(waits.longest)}`,
    `refused   ${count(told.refused)}`,
    `calls     ${count(told.callsInFlight)} at once (MAX_CALLS_IN_FLIGHT, all workers)`,
    `tokens    ${millions(tokens.in)} in, ${millions(tokens.out)} out a day`,
    ...(told.moneyPerDay === null ? [] : [`money     ${told.moneyPerDay.toFixed(2)} a day`]),
  ]
}

const keys = (limits: Limits) => Object.keys(limits) as (keyof Limits)[]
const count = (value: number) => value.toLocaleString('en-US')
const millions = (value: number) => `${(value / 1e6).toFixed(1)} M`
const duration = (seconds: number) => (seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`)

const whenOf = ({ arrival }: PlanArgs) => (arrival.kind === 'pattern' ? arrival.name : shorten(arrival.path))
const shorten = (path: string) => (path.length > 20 ? `...${path.slice(-17)}` : path)
