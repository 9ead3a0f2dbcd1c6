/** Keeps a fault that occurs a thousand times from filling a thousand lines. */
import type { Entry } from './line.ts'

export interface RepeatsOptions {
  /** After a line, ms in which the same line is only counted. */
  spanMs: number
  /** Most lines in that span with the same message and different facts; more are only counted. */
  differing: number
  /** @returns ms since any fixed point */
  clock: () => number
}

export const REPEATS: Omit<RepeatsOptions, 'clock'> = { spanMs: 60_000, differing: 20 }

/** Entries by their facts, each with the number of repeats that were not shown, and when the last of them came. */
type Met = Map<string, { entry: Entry; again: number; lastMs: number }>

/** Key for all lines beyond `differing`; the last of them is shown for all. */
const OTHERS = '\n'

/** @returns a function that decides whether to show an entry, and one that sums up those not shown */
export function createRepeats({ spanMs, differing, clock }: RepeatsOptions) {
  /** By level and message. Stays small, because messages are constants of the code. */
  const spans = new Map<string, { endsMs: number; met: Met }>()

  function admits(entry: Entry): boolean {
    const key = `${entry.level} ${entry.message}`
    const { endsMs, met } = spans.get(key) ?? { endsMs: clock() + spanMs, met: new Map() as Met }
    spans.set(key, { endsMs, met })
    const facts = factsOf(entry)
    const before = met.get(facts)
    const lastMs = clock()
    if (before !== undefined) Object.assign(before, { again: before.again + 1, lastMs })
    else if (met.size < differing) met.set(facts, { entry, again: 0, lastMs })
    else met.set(OTHERS, { entry, again: (met.get(OTHERS)?.again ?? 0) + 1, lastMs })
    return before === undefined && !met.has(OTHERS)
  }

  /** @param all at the end: also of spans that are not over @returns a summary of each repeated line; its message begins a new span */
  function summaries(all = false): Entry[] {
    const over = [...spans].filter(([, { endsMs }]) => all || endsMs <= clock())
    return over.flatMap(([key, { met }]) => {
      const again = [...met].filter(([, each]) => each.again > 0)
      const fresh = again
        .filter(([facts]) => facts !== OTHERS)
        .map(([facts, met]) => [facts, { ...met, again: 0 }] as const)
      if (again.length === 0) spans.delete(key)
      else spans.set(key, { endsMs: clock() + spanMs, met: new Map(fresh) })
      return again.map(([, each]) => summaryOf(each))
    })
  }

  /** Tells how long ago the last repeat was: the fault may be over by now. */
  function summaryOf({ entry, again, lastMs }: { entry: Entry; again: number; lastMs: number }): Entry {
    const lastSecondsAgo = Math.round((clock() - lastMs) / 1_000)
    return { ...entry, fields: { ...entry.fields, repeated: again, lastSecondsAgo } }
  }

  return { admits, summaries }
}

/** Leaves out durations, which differ each time. */
const factsOf = ({ fields }: Entry) =>
  Object.entries(fields)
    .filter(([name]) => !name.endsWith('Ms'))
    .map(([name, value]) => `${name}=${String(value)}`)
    .join('\n')
