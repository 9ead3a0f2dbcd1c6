/** `npm run bench`: what the worker takes for each message, beside the bare `openai` loop over the same prompts in the same run. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startLocalKafka, startLocalRedis } from '../../support/services.ts'
import type { Bare } from './bare.ts'
import { compile } from './compile.ts'
import type { Measured } from './measure.ts'
import { measure, measureIdle } from './measure.ts'
import { runBare, startModelServer } from './processes.ts'
import type { Scenario } from './scenario.ts'
import { FULL, nameOf, SHORT } from './scenario.ts'
import { ratiosOf, tableLines, worsened } from './table.ts'
import type { Ratios } from './table.ts'

export interface Result {
  scenario: Scenario
  worker: Measured
  bare: Bare
  ratios: Ratios
}

/** The ratios of the short form as they were when they were last written down, with `--keep`. */
const KEPT = join(import.meta.dirname, 'kept.json')
const IDLE_SECONDS = 10

export interface BenchOptions {
  short: boolean
  /** Only the scenarios whose name contains this. */
  only: string
  /** Writes all figures to this file. */
  json: string | null
  /** Writes the short form's ratios down as those to compare with. */
  keep: boolean
}

/** @returns the exit code: 1 when a ratio of the short form is worse than the kept one by more than a third */
export async function bench({ short, only, json, keep }: BenchOptions, say: (line: string) => void): Promise<number> {
  const scenarios = (short ? SHORT : FULL).filter((scenario) => nameOf(scenario).includes(only))
  compile()
  const stage = { kafka: await startLocalKafka(), redis: await startLocalRedis({ persist: false }) }
  const results: Result[] = []
  let idleMb: number | null = null
  try {
    for (const scenario of scenarios) {
      const model = await startModelServer(scenario.latencyMs)
      try {
        say(nameOf(scenario))
        const calls = Math.min(scenario.messages, scenario.latencyMs === 0 ? 3_000 : scenario.inFlight * 4)
        const bare = await runBare(model.baseUrl, { inFlight: scenario.inFlight, calls, textKb: scenario.textKb })
        await model.answeredAt()
        const worker = await measure(scenario, stage, model, (line) => say(`  ${line}`))
        results.push({ scenario, worker, bare, ratios: ratiosOf(worker, bare) })
        if (!short && idleMb === null) idleMb = await measureIdle(stage, model, IDLE_SECONDS)
      } finally {
        model.stop()
      }
    }
  } finally {
    await Promise.all([stage.kafka.stop(), stage.redis.stop()])
  }
  for (const line of tableLines(results)) say(line)
  if (idleMb !== null) say(`idle for ${IDLE_SECONDS} s: ${idleMb.toFixed(0)} MB`)
  if (json !== null) writeFileSync(json, `${JSON.stringify({ results, idleMb }, null, 2)}\n`)
  const [first] = results
  if (!short || first === undefined) return 0
  if (keep) writeFileSync(KEPT, `${JSON.stringify(first.ratios, null, 2)}\n`)
  const worse = worsened(first.ratios, JSON.parse(readFileSync(KEPT, 'utf8')) as Ratios)
  for (const line of worse) say(line)
  return worse.length === 0 ? 0 : 1
}
