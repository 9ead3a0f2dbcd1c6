/** `npm run plan`: finds the limits that a load needs, by running the budget's own scripts. It reads no settings and no `.env`. */
import { readFile } from 'node:fs/promises'
import { Redis } from 'ioredis'
import { buildPrompt } from '../../src/scoring/prompt.ts'
import { createTokenEstimator } from '../../src/provider/tokens.ts'
import { onSignal } from '../lib/on-signal.ts'
import { cacheDir } from '../services/download.ts'
import { startLocalRedis } from '../services/local-redis.ts'
import type { PlanArgs } from './args.ts'
import { parsePlanArgs, USAGE, UsageError } from './args.ts'
import { arrivalsFrom, arrivalsOf } from './arrivals.ts'
import { planDocument, planLines } from './report.ts'
import type { Limits } from './search.ts'
import { findLimits } from './search.ts'
import type { Load } from './simulate.ts'
import { simulateDay } from './simulate.ts'

const EX_USAGE = 64
const EX_INTERRUPTED = 130
const NOT_ENOUGH = 1
/** The resolution of the waits is a twelfth of the longest wanted one, within these bounds, ms. */
const LOOK_MIN_MS = 500
const LOOK_MAX_MS = 5_000

const say = (line: string) => console.error(line)
const stop = onSignal()

async function run(): Promise<number> {
  const args = parsePlanArgs(process.argv.slice(2))
  if (args === null) {
    console.log(USAGE)
    return 0
  }
  const promptTokens = args.tokens.resume + args.tokens.requirements + instructionTokens()
  const load: Load = {
    arrivals: await arrivalsFor(args),
    reserved: promptTokens + args.tokens.answerCap,
    billed: promptTokens + args.tokens.answer,
    callMs: args.callMs,
    patienceMs: args.patienceMs,
    lookEveryMs: Math.min(LOOK_MAX_MS, Math.max(LOOK_MIN_MS, args.maxWaitMs / 12)),
  }
  const server = await startLocalRedis({ persist: false }, { cacheDir: cacheDir(process.env), say, signal: stop })
  const redis = new Redis(server.url)
  stop.addEventListener('abort', () => redis.disconnect(), { once: true })
  try {
    const plan = await findLimits(load, args.given, args.maxWaitMs, (limits, enough) => {
      stop.throwIfAborted()
      say(`a day with ${wordsOf(limits)} ...`)
      return simulateDay(redis, load, budgetLimits(limits), enough)
    })
    const facts = { args, load, promptTokens, plan }
    if (args.json) console.log(JSON.stringify(planDocument(facts), null, 2))
    else for (const line of planLines(facts)) console.log(line)
    return plan.isEnough ? 0 : NOT_ENOUGH
  } finally {
    redis.disconnect()
    await server.stop()
  }
}

/** Tokens of the worker's prompt without texts, the answer's schema among them, by the worker's own estimate. */
function instructionTokens(): number {
  const prompt = buildPrompt({ requirements: '', resume: '' }, { responseFormat: 'json_schema', verdictMinScore: 50 })
  return createTokenEstimator('').estimate(prompt).tokens
}

async function arrivalsFor({ arrival, perDay }: PlanArgs): Promise<number[]> {
  if (arrival.kind === 'pattern') return arrivalsOf(arrival.name, perDay ?? 0)
  const { path } = arrival
  try {
    return arrivalsFrom(await readFile(path, 'utf8'), perDay)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = WHY_NOT[code ?? ''] ?? message
    throw new UsageError(`--arrival ${path}: ${why}`)
  }
}

const WHY_NOT: Record<string, string> = {
  ENOENT: 'there is no such pattern or file',
  EISDIR: 'it is a directory',
  EACCES: 'it may not be read',
}

const budgetLimits = ({ rpm, tpm, rpd }: Limits) => ({
  requestsPerMinute: rpm,
  tokensPerMinute: tpm,
  requestsPerDay: rpd,
  tokensPerDay: null,
})

const wordsOf = (limits: Limits) =>
  Object.entries(limits)
    .map(([name, value]) => `${name.toUpperCase()} ${value ?? 'none'}`)
    .join(', ')

try {
  process.exitCode = await run()
} catch (error) {
  if (stop.aborted) {
    say('plan was stopped')
    process.exitCode = EX_INTERRUPTED
  } else {
    say(`plan: ${(error as Error).message}`)
    if (error instanceof UsageError) say('npm run plan -- --help tells the arguments')
    process.exitCode = error instanceof UsageError ? EX_USAGE : 1
  }
}
