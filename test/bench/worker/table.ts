/** The benchmark's figures as a table, and as ratios to the bare loop, which are comparable between machines. */
import type { Bare } from './bare.ts'
import type { Measured } from './measure.ts'
import type { Scenario } from './scenario.ts'
import { nameOf } from './scenario.ts'

/** Figures of the worker, divided by those of the bare `openai` loop. */
export interface Ratios {
  /** CPU per message; less is better. */
  cpu: number
  /** Messages a second; more is better. */
  rate: number
  /** Peak memory; less is better. */
  rss: number
  /** Redis's CPU per message, divided by the bare loop's CPU per call; less is better. */
  redis: number
}

export const ratiosOf = (worker: Measured, bare: Bare): Ratios => ({
  cpu: worker.workerCpuMs / bare.cpuMs,
  rate: worker.perSecond / bare.perSecond,
  rss: worker.rssMb / bare.rssMb,
  redis: worker.redisCpuMs / bare.cpuMs,
})

const COLUMNS: [string, (result: { worker: Measured; bare: Bare; ratios: Ratios }) => string][] = [
  ['msg/s', ({ worker }) => worker.perSecond.toFixed(0)],
  ['CPU ms', ({ worker }) => worker.workerCpuMs.toFixed(2)],
  ['Redis ms', ({ worker }) => worker.redisCpuMs.toFixed(2)],
  ['Kafka ms', ({ worker }) => worker.brokerCpuMs.toFixed(2)],
  ['RSS MB', ({ worker }) => worker.rssMb.toFixed(0)],
  ['at half', ({ worker }) => worker.rssAtHalfMb.toFixed(0)],
  ['loop p99 ms', ({ worker }) => worker.loopDelayP99Ms.toFixed(0)],
  ['publ. p50 ms', ({ worker }) => worker.publishedP50Ms.toFixed(0)],
  ['p99 ms', ({ worker }) => worker.publishedP99Ms.toFixed(0)],
  ['scripts', ({ worker }) => worker.redisScripts.toFixed(1)],
  ['Redis cmds', ({ worker }) => worker.redisCommands.toFixed(1)],
  ['Kafka reqs', ({ worker }) => worker.kafkaRequests.toFixed(2)],
  ['bare msg/s', ({ bare }) => bare.perSecond.toFixed(0)],
  ['bare CPU ms', ({ bare }) => bare.cpuMs.toFixed(2)],
  ['bare MB', ({ bare }) => bare.rssMb.toFixed(0)],
  ['CPU ratio', ({ ratios }) => ratios.cpu.toFixed(2)],
  ['rate ratio', ({ ratios }) => ratios.rate.toFixed(2)],
  ['RSS ratio', ({ ratios }) => ratios.rss.toFixed(2)],
]

/** @returns a table in Markdown */
export function tableLines(
  results: readonly { scenario: Scenario; worker: Measured; bare: Bare; ratios: Ratios }[],
): string[] {
  const rows = [
    ['scenario', ...COLUMNS.map(([name]) => name)],
    ...results.map((result) => [nameOf(result.scenario), ...COLUMNS.map(([, show]) => show(result))]),
  ]
  const [head = [], ...body] = rows.map((row) => `| ${row.join(' | ')} |`)
  return [String(head), `|${' --- |'.repeat(COLUMNS.length + 1)}`, ...body]
}
