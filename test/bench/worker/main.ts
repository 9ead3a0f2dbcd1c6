/** `npm run bench`: what the worker takes for each message, beside the bare `openai` loop over the same prompts in the same run. */
import { writeFileSync } from 'node:fs'
import { startLocalKafka, startLocalRedis } from '../../support/services.ts'
import type { Bare } from './bare.ts'
import { compile } from './compile.ts'
import type { Measured, Stage } from './measure.ts'
import { measure, measureIdle } from './measure.ts'
import { runBare, startModelServer } from './processes.ts'
import type { Scenario } from './scenario.ts'
import { nameOf } from './scenario.ts'
import { benchShort } from './short.ts'
import { ratiosOf, tableLines } from './table.ts'
import { measureWaiting } from './waiting.ts'
import type { Ratios } from './table.ts'

export interface Result {
  scenario: Scenario
  worker: Measured
  bare: Bare
  ratios: Ratios
}

const IDLE_SECONDS = 10

export interface BenchOptions {
  /** The form for CI, see short.ts. */
  short: boolean
  /** What is measured, unless `short` or `waiting` is given. */
  scenarios: readonly Scenario[]
  /** Instead of the scenarios, measures what a worker takes while this many messages wait behind a spent budget; null: the scenarios. */
  waiting: number | null
  /** The file for all figures of the scenarios; null: none. */
  json: string | null
  /** Writes the short form's figures down as those to compare with. */
  keep: boolean
}

/** @returns the exit code: 1 when a figure of the short form is worse than the kept one by more than its bound */
export async function bench(options: BenchOptions, say: (line: string) => void): Promise<number> {
  compile()
  const stage = { kafka: await startLocalKafka(), redis: await startLocalRedis({ persist: false }) }
  try {
    if (options.short) return await benchShort(stage, options.keep, say)
    if (options.waiting === null) await benchAll(stage, options, say)
    else await benchWaiting(stage, options.waiting, say)
    return 0
  } finally {
    await Promise.all([stage.kafka.stop(), stage.redis.stop()])
  }
}

async function benchWaiting(stage: Stage, messages: number, say: (line: string) => void): Promise<void> {
  const model = await startModelServer(0)
  try {
    say(`${messages} messages wait behind a spent budget`)
    for (const line of await measureWaiting(stage, model, messages)) say(`  ${line}`)
  } finally {
    model.stop()
  }
}

async function benchAll(stage: Stage, { scenarios, json }: BenchOptions, say: (line: string) => void): Promise<void> {
  const results: Result[] = []
  let idleMb: number | null = null
  for (const scenario of scenarios) {
    const model = await startModelServer(scenario.latencyMs)
    try {
      say(nameOf(scenario))
      const calls = Math.min(scenario.messages, scenario.latencyMs === 0 ? 3_000 : scenario.inFlight * 4)
      const bare = await runBare(model.baseUrl, { inFlight: scenario.inFlight, calls, textKb: scenario.textKb })
      await model.answeredAt()
      const worker = await measure(scenario, stage, model, (line) => say(`  ${line}`))
      results.push({ scenario, worker, bare, ratios: ratiosOf(worker, bare) })
      idleMb ??= await measureIdle(stage, model, IDLE_SECONDS)
      // At once: a later scenario may fail.
      if (json !== null) writeFileSync(json, `${JSON.stringify({ results, idleMb }, null, 2)}\n`)
    } finally {
      model.stop()
    }
  }
  for (const line of tableLines(results)) say(line)
  if (idleMb !== null) say(`idle for ${IDLE_SECONDS} s: ${idleMb.toFixed(0)} MB`)
}
