/**
 * The short form, for CI. Figures of CPU vary by more than a third from run to run where two cores are shared, so it rests on counts
 * of what a message takes, which do not vary, with tight bounds; CPU, memory and rate are ratios to the bare loop, which runs in turn
 * with the worker, at the median of three rounds and with wide bounds. Each bound says how much worse than the kept figure is too bad.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Measured, Stage } from './measure.ts'
import { measure } from './measure.ts'
import { runBare, startModelServer } from './processes.ts'
import { ALONE, BASE } from './scenario.ts'
import type { Ratios } from './table.ts'
import { ratiosOf } from './table.ts'

const ROUNDS = 3
const CALLS = 1_500

interface Figure {
  what: string
  /** Too bad at so many times the kept figure, or at the kept one divided by it where more is better. */
  bound: number
  moreIsBetter?: boolean
  of: (runs: { alone: Measured; rounds: readonly { worker: Measured; ratios: Ratios }[] }) => number
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

const ratio =
  (name: keyof Ratios): Figure['of'] =>
  ({ rounds }) =>
    median(rounds.map(({ ratios }) => ratios[name]))

/** With one message at a time nothing shares a script or a transaction: what each takes is the same on any machine. */
const FIGURES = {
  scriptsAlone: { what: 'Redis scripts a message, one at a time', bound: 1.1, of: ({ alone }) => alone.redisScripts },
  commandsAlone: {
    what: 'Redis commands a message, one at a time',
    bound: 1.1,
    of: ({ alone }) => alone.redisCommands,
  },
  kafkaWritesAlone: {
    what: 'Kafka requests of transactions a message, one at a time',
    bound: 1.1,
    of: ({ alone }) => alone.kafkaWrites,
  },
  commandsTogether: {
    what: 'Redis commands a message, 32 in flight',
    bound: 4 / 3,
    of: ({ rounds }) => median(rounds.map(({ worker }) => worker.redisCommands)),
  },
  rss: { what: "peak memory, of the bare loop's", bound: 4 / 3, of: ratio('rss') },
  cpu: { what: "CPU, of the bare loop's", bound: 4 / 3, of: ratio('cpu') },
  redis: { what: "Redis's CPU, of the bare loop's", bound: 1.6, of: ratio('redis') },
  rate: { what: "messages a second, of the bare loop's", bound: 2, moreIsBetter: true, of: ratio('rate') },
} satisfies Record<string, Figure>

type Kept = Record<keyof typeof FIGURES, number>

/** The figures as they were when they were last written down, with `--keep`. */
const KEPT = join(import.meta.dirname, 'kept.json')

/**
 * Takes a minute and a half.
 * @param keep writes the figures down as those to compare with
 * @returns the exit code: 1 when a figure is worse than the kept one by more than its bound
 */
export async function benchShort(stage: Stage, keep: boolean, say: (line: string) => void): Promise<number> {
  const rounds = []
  const slow = await startModelServer(ALONE.latencyMs)
  const alone = await measure(ALONE, stage, slow, say).finally(() => slow.stop())
  const model = await startModelServer(BASE.latencyMs)
  try {
    for (let round = 1; round <= ROUNDS; round++) {
      say(`round ${round} of ${ROUNDS}`)
      const bare = await runBare(model.baseUrl, { ...BASE, calls: CALLS })
      await model.answeredAt()
      const worker = await measure({ ...BASE, messages: CALLS }, stage, model, (line) => say(`  ${line}`))
      rounds.push({ worker, ratios: ratiosOf(worker, bare) })
    }
  } finally {
    model.stop()
  }
  const kept = JSON.parse(readFileSync(KEPT, 'utf8')) as Kept
  const now = {} as Kept
  let isWorse = false
  for (const name of Object.keys(FIGURES) as (keyof typeof FIGURES)[]) {
    const { what, bound, of, moreIsBetter = false }: Figure = FIGURES[name]
    now[name] = of({ alone, rounds })
    const limit = moreIsBetter ? kept[name] / bound : kept[name] * bound
    // A figure that is not a number is no better.
    const isGood = moreIsBetter ? now[name] >= limit : now[name] <= limit
    isWorse ||= !isGood
    const told = `${now[name].toFixed(2)}, kept ${kept[name].toFixed(2)}, bound ${limit.toFixed(2)}`
    say(`${isGood ? 'good' : 'WORSE'}: ${what}: ${told}`)
  }
  if (keep) writeFileSync(KEPT, `${JSON.stringify(now, null, 2)}\n`)
  return isWorse && !keep ? 1 : 0
}
