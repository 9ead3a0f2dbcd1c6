/** What one measurement of the benchmark varies. */
export interface Scenario {
  /** The model server answers after this time, ms. */
  latencyMs: number
  inFlight: number
  partitions: number
  workers: number
  /** Size of each resume, KB of UTF-8. */
  textKb: number
  /** Length of the pre-loaded backlog. */
  messages: number
}

export const BASE: Scenario = { latencyMs: 0, inFlight: 32, partitions: 1, workers: 1, textKb: 4, messages: 3_000 }

/** One message after another: the next one is called when the one before it has been answered and settled. */
export const ALONE: Scenario = { ...BASE, latencyMs: 50, inFlight: 1, messages: 100 }

/** The scenarios of the documented table: each axis varied from the base. */
export const FULL: readonly Scenario[] = [
  BASE,
  { ...BASE, inFlight: 1, messages: 500 },
  { ...BASE, inFlight: 256 },
  { ...BASE, inFlight: 1_024 },
  { ...BASE, partitions: 8 },
  { ...BASE, partitions: 8, workers: 2 },
  { ...BASE, textKb: 1 },
  { ...BASE, textKb: 40, messages: 1_000 },
  { ...BASE, latencyMs: 50 },
  { ...BASE, latencyMs: 500, inFlight: 256, messages: 5_000 },
  { ...BASE, latencyMs: 500, inFlight: 1, messages: 20 },
  { ...BASE, latencyMs: 3_000, inFlight: 1_500, messages: 6_000 },
]

/** @returns the scenario in a few words, a table's first column */
export function nameOf({ latencyMs, inFlight, partitions, workers, textKb }: Scenario): string {
  return `${latencyMs} ms, ${inFlight} in flight, ${partitions} part., ${workers} worker${workers > 1 ? 's' : ''}, ${textKb} KB`
}

/**
 * @param only a regular expression for names
 * @returns the scenarios whose name matches it
 * @throws Error for people when none matches, with all names, or when it is no regular expression
 */
export function scenariosFor(only: string): readonly Scenario[] {
  let pattern: RegExp
  try {
    pattern = new RegExp(only)
  } catch (error) {
    throw new Error(`--only must be a regular expression: ${(error as Error).message}`, { cause: error })
  }
  const found = FULL.filter((each) => pattern.test(nameOf(each)))
  if (found.length > 0) return found
  throw new Error(
    [`no scenario matches --only ${only}; there are:`, ...FULL.map((each) => `  ${nameOf(each)}`)].join('\n'),
  )
}
