/** When a day's requests come. */

export const DAY_MS = 86_400_000
const MINUTE_MS = 60_000

/** Named patterns, by what part of the day's requests each stretch holds: [from, to, part], minutes of the day. */
const PATTERNS = {
  steady: [[0, 1_440, 1]],
  // Working hours with two peaks and a lunch, and a little at night.
  office: [
    [0, 480, 0.04],
    [480, 540, 0.06],
    [540, 720, 0.36],
    [720, 780, 0.08],
    [780, 1_020, 0.36],
    [1_020, 1_140, 0.07],
    [1_140, 1_440, 0.03],
  ],
  // Four batches of five minutes hold most of the day.
  burst: [
    [540, 545, 0.2],
    [720, 725, 0.2],
    [900, 905, 0.2],
    [1_080, 1_085, 0.2],
    [0, 1_440, 0.2],
  ],
} satisfies Record<string, [number, number, number][]>

export type PatternName = keyof typeof PATTERNS
export const PATTERN_NAMES = Object.keys(PATTERNS) as PatternName[]

/**
 * @param seed of the dice: the same one gives the same day
 * @returns `count` times, ms of the day, ascending; as random as requests of many independent senders within each stretch
 */
export function arrivalsOf(name: PatternName, count: number, seed = 1): number[] {
  const dice = createDice(seed)
  const times: number[] = []
  let part = 0
  for (const [from, to, share] of PATTERNS[name]) {
    part += share
    // The last stretch takes the remainder of the rounding.
    const upTo = Math.min(count, Math.round(count * part))
    while (times.length < upTo) times.push((from + dice() * (to - from)) * MINUTE_MS)
  }
  return times.toSorted((a, b) => a - b)
}

/**
 * Reads a file with a time in the first column of each line: `HH:MM`, `HH:MM:SS` or an ISO time, of which only the time of the day
 * counts. Empty lines and a first line without a time (a heading) are passed over.
 * @param count null: as many as the file has; else this many, spread over the day as the file's are
 * @returns times, ms of the day, ascending
 * @throws Error with the line that has no time, or when there is none at all
 */
export function arrivalsFrom(text: string, count: number | null): number[] {
  const times: number[] = []
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const field = line.split(/[,;\t]/)[0]?.trim() ?? ''
    if (field === '') continue
    const ms = timeOfDay(field)
    if (ms !== null) times.push(ms)
    else if (index > 0)
      throw new Error(`line ${index + 1} begins with no time: expected 09:30, 09:30:15 or an ISO time`)
  }
  times.sort((a, b) => a - b)
  if (times.length === 0) throw new Error('there is no time in it')
  return count === null ? times : spread(times, count)
}

function timeOfDay(field: string): number | null {
  const [, hours, minutes, seconds = '0'] = /(?:^|T| )(\d\d?):(\d\d)(?::(\d\d(?:\.\d+)?))?/.exec(field) ?? []
  if (hours === undefined) return null
  const ms = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000
  return Number(minutes) < 60 && Number(seconds) < 60 && ms < DAY_MS ? ms : null
}

/** Interpolates `count` times between the given ones. */
function spread(times: readonly number[], count: number): number[] {
  const at = (index: number) => times[Math.min(times.length - 1, index)] ?? 0
  return Array.from({ length: count }, (_, i) => {
    const place = ((i + 0.5) / count) * times.length - 0.5
    const low = Math.max(0, Math.floor(place))
    return at(low) + Math.max(0, place - low) * (at(low + 1) - at(low))
  })
}

/** @returns how many of the times stand in the fullest stretch of `ms` */
export function mostWithin(times: readonly number[], ms: number): number {
  let most = 0
  let first = 0
  for (const [last, time] of times.entries()) {
    while ((times[first] ?? 0) <= time - ms) first++
    most = Math.max(most, last - first + 1)
  }
  return most
}

/** A linear congruential generator (Numerical Recipes): enough for a day's arrivals, and the same on every machine. */
function createDice(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
