/**
 * The figures of the short form, and how much worse than the kept one each may get. With one message at a time nothing shares a script
 * or a transaction, so what each message takes is the same on any machine, and the bounds are tight. CPU, memory and rate are ratios to
 * the bare loop: where two cores are shared they vary by a third from run to run, so their bounds are wide.
 */
import type { Measured } from './measure.ts'
import type { Ratios } from './table.ts'

/** What the short form measures: one run with one message at a time, and some under load, in turn with the bare loop. */
export interface Runs {
  alone: Measured
  rounds: readonly { worker: Measured; ratios: Ratios }[]
}

interface Figure {
  what: string
  /** A figure fails above this many times the kept one; where more is better, below the kept one divided by this. */
  bound: number
  moreIsBetter?: boolean
  of: (runs: Runs) => number
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

const ratio = (name: keyof Ratios) => (runs: Runs) => median(runs.rounds.map(({ ratios }) => ratios[name]))

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

export type Figures = Record<keyof typeof FIGURES, number>

const NAMES = Object.keys(FIGURES) as (keyof Figures)[]

export function figuresOf(runs: Runs): Figures {
  return Object.fromEntries(NAMES.map((name) => [name, FIGURES[name].of(runs)])) as Figures
}

/** @returns for each figure whether it is within its bound, and a sentence; one that is not a number is not */
export function judge(now: Figures, kept: Figures): { isGood: boolean; line: string }[] {
  return NAMES.map((name) => {
    const { what, bound, moreIsBetter = false }: Figure = FIGURES[name]
    const limit = moreIsBetter ? kept[name] / bound : kept[name] * bound
    const isGood = moreIsBetter ? now[name] >= limit : now[name] <= limit
    const figures = `${now[name].toFixed(2)}, kept ${kept[name].toFixed(2)}, bound ${limit.toFixed(2)}`
    return { isGood, line: `${isGood ? 'good' : 'WORSE'}: ${what}: ${figures}` }
  })
}
