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

interface Span {
  endsMs: number
  /** What was shown, by its facts, and how often it was met again. */
  shown: Map<string, { entry: Entry; again: number }>
  /** What was not shown, and the last of it. */
  others: { entry: Entry; again: number } | null
}

/** @returns whether to show a line, and what is to be told about those that were not */
export function createRepeats({ spanMs, differing, clock }: RepeatsOptions) {
  /** By level and message, which are constants of the code: it stays small. */
  const spans = new Map<string, Span>()

  function admits(entry: Entry): boolean {
    const key = `${entry.level} ${entry.message}`
    const span = spans.get(key) ?? { endsMs: clock() + spanMs, shown: new Map(), others: null }
    spans.set(key, span)
    const facts = factsOf(entry)
    const before = span.shown.get(facts)
    if (before !== undefined) {
      before.again++
      return false
    }
    if (span.shown.size >= differing) {
      span.others = { entry, again: (span.others?.again ?? 0) + 1 }
      return false
    }
    span.shown.set(facts, { entry, again: 0 })
    return true
  }

  /** @returns lines that sum up the spans that are over, or all spans at the end; each opens a span of its own */
  function summaries(all = false): Entry[] {
    const nowMs = clock()
    const told: Entry[] = []
    for (const [key, span] of spans) {
      if (!all && span.endsMs > nowMs) continue
      const met = [...span.shown].filter(([, { again }]) => again > 0)
      for (const { entry, again } of [...met.map(([, each]) => each), ...(span.others === null ? [] : [span.others])]) {
        told.push({ ...entry, fields: { ...entry.fields, repeated: again } })
      }
      if (met.length === 0 && span.others === null) spans.delete(key)
      else spans.set(key, { endsMs: nowMs + spanMs, shown: new Map(met.map(fresh)), others: null })
    }
    return told
  }

  return { admits, summaries }
}

const fresh = ([facts, { entry }]: [string, { entry: Entry }]) => [facts, { entry, again: 0 }] as const

/** Durations differ each time. */
const factsOf = ({ fields }: Entry) =>
  Object.entries(fields)
    .filter(([name]) => !name.endsWith('Ms'))
    .map(([name, value]) => `${name}=${String(value)}`)
    .join('\n')
