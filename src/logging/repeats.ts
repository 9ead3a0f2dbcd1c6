/** Keeps one fault that is met a thousand times from being a thousand lines. */
import type { Entry } from './line.ts'

export interface RepeatsOptions {
  /** Within so many ms after a line, the same line is counted only. */
  spanMs: number
  /** Within that span, so many lines with one message whose facts differ; more are counted only. */
  differing: number
  /** ms, from any fixed point */
  clock: () => number
}

export const REPEATS: Omit<RepeatsOptions, 'clock'> = { spanMs: 60_000, differing: 20 }

/** What was met, by its facts, and how often it was not shown. */
type Met = Map<string, { entry: Entry; again: number }>

/** In the place of the facts of lines that differ too much to be shown; their last one stands for them. */
const OTHERS = '\n'

/** @returns whether to show a line, and what is to be told about those that were not */
export function createRepeats({ spanMs, differing, clock }: RepeatsOptions) {
  /** By level and message, which are constants of the code: it stays small. */
  const spans = new Map<string, { endsMs: number; met: Met }>()

  function admits(entry: Entry): boolean {
    const key = `${entry.level} ${entry.message}`
    const { endsMs, met } = spans.get(key) ?? { endsMs: clock() + spanMs, met: new Map() as Met }
    spans.set(key, { endsMs, met })
    const facts = factsOf(entry)
    const before = met.get(facts)
    if (before !== undefined) before.again++
    else if (met.size < differing) met.set(facts, { entry, again: 0 })
    else met.set(OTHERS, { entry, again: (met.get(OTHERS)?.again ?? 0) + 1 })
    return before === undefined && !met.has(OTHERS)
  }

  /** @returns lines that sum up the spans that are over, or all spans at the end; each opens a span of its own */
  function summaries(all = false): Entry[] {
    const over = [...spans].filter(([, { endsMs }]) => all || endsMs <= clock())
    return over.flatMap(([key, { met }]) => {
      const again = [...met].filter(([, each]) => each.again > 0)
      const fresh = again
        .filter(([facts]) => facts !== OTHERS)
        .map(([facts, { entry }]) => [facts, { entry, again: 0 }] as const)
      if (again.length === 0) spans.delete(key)
      else spans.set(key, { endsMs: clock() + spanMs, met: new Map(fresh) })
      return again.map(([, { entry, again }]) => ({ ...entry, fields: { ...entry.fields, repeated: again } }))
    })
  }

  return { admits, summaries }
}

/** Without durations, which differ each time. */
const factsOf = ({ fields }: Entry) =>
  Object.entries(fields)
    .filter(([name]) => !name.endsWith('Ms'))
    .map(([name, value]) => `${name}=${String(value)}`)
    .join('\n')
