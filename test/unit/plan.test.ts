import { describe, expect, test } from 'vitest'
import { parsePlanArgs, USAGE, UsageError } from '../../tools/plan/args.ts'
import type { PatternName } from '../../tools/plan/arrivals.ts'
import { arrivalsFrom, arrivalsOf, DAY_MS, mostWithin, PATTERN_NAMES } from '../../tools/plan/arrivals.ts'
import { planDocument, planLines } from '../../tools/plan/report.ts'
import { findLimits, rateFor, roundUp } from '../../tools/plan/search.ts'
import type { Limits } from '../../tools/plan/search.ts'
import type { Day, Load } from '../../tools/plan/simulate.ts'
import { quantile } from '../../tools/plan/simulate.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const NEEDED = ['--per-day', '1000', '--resume-tokens', '1500']

describe('arrivals', () => {
  test.each(PATTERN_NAMES)('%s: as many as wanted, within a day, in order, the same each time', (name) => {
    for (const count of [1, 7, 10_000]) {
      const times = arrivalsOf(name, count)
      expect(times).toHaveLength(count)
      expect(times).toEqual(times.toSorted((a, b) => a - b))
      expect(times[0]).toBeGreaterThanOrEqual(0)
      expect(times.at(-1)).toBeLessThan(DAY_MS)
      expect(arrivalsOf(name, count)).toEqual(times)
      expect(arrivalsOf(name, count, 2)).not.toEqual(times)
    }
  })

  const between = (name: PatternName, from: number, to: number) =>
    arrivalsOf(name, 10_000).filter((ms) => ms >= from * HOUR && ms < to * HOUR).length / 10_000

  test('steady holds as much in each hour, office most in its hours, burst most in some minutes', () => {
    for (let hour = 0; hour < 24; hour++) expect(between('steady', hour, hour + 1)).toBeCloseTo(1 / 24, 1)
    expect(between('office', 9, 17)).toBeGreaterThan(0.75)
    expect(between('office', 0, 6)).toBeLessThan(0.05)
    expect(between('burst', 9, 9 + 5 / 60)).toBeGreaterThan(0.19)
    expect(mostWithin(arrivalsOf('burst', 10_000), 5 * MINUTE)).toBeGreaterThan(1_900)
  })

  test('a file: times of the day from ISO times, clock times and a heading, in any order', () => {
    const text = 'time,user\n2026-01-31T09:30:15Z,1\r\n23:59\n\n2026-02-01 00:00:00.250;7\n8:05:00\n'
    expect(arrivalsFrom(text, null)).toEqual([250, 8 * HOUR + 5 * MINUTE, 9.5 * HOUR + 15_000, 24 * HOUR - MINUTE])
  })

  test('a file stretched to another count keeps its shape', () => {
    const text = ['09:00', '09:01', '09:02', '18:00'].join('\n')
    const times = arrivalsFrom(text, 400)
    expect(times).toHaveLength(400)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(times[0]).toBe(9 * HOUR)
    expect(times.at(-1)).toBe(18 * HOUR)
    expect(times.filter((ms) => ms < 9.1 * HOUR).length).toBeGreaterThan(240)
  })

  test.each([
    ['09:00\nsoon\n', 'line 2 begins with no time'],
    ['09:00\n25:00\n', 'line 2 begins with no time'],
    ['\n', 'there is no time in it'],
    ['heading\n', 'there is no time in it'],
  ])('%j is refused: %s', (text, why) => {
    expect(() => arrivalsFrom(text, null)).toThrow(why)
  })

  test('the fullest stretch', () => {
    expect(mostWithin([0, 10, 20, 100, 105], 20)).toBe(2)
    expect(mostWithin([0, 10, 20, 100, 105], 21)).toBe(3)
    expect(mostWithin([], 10)).toBe(0)
  })
})

describe('arguments', () => {
  test('defaults, limits that are given, and none by 0', () => {
    expect(parsePlanArgs([...NEEDED, '--rpm', '500', '--tpm', '0', '--price-in', '0.4', '--price-out', '1.6'])).toEqual(
      {
        perDay: 1_000,
        tokens: { resume: 1_500, requirements: 300, answer: 400, answerCap: 1_000 },
        callMs: 8_000,
        arrival: { kind: 'pattern', name: 'office' },
        maxWaitMs: 60_000,
        patienceMs: 900_000,
        given: { rpm: 500, tpm: null, rpd: undefined },
        prices: { in: 0.4, out: 1.6 },
        json: false,
      },
    )
  })

  test('a file needs no count', () => {
    const args = parsePlanArgs(['--resume-tokens', '1500', '--arrival', 'log.csv'])
    expect(args).toMatchObject({ perDay: null, arrival: { kind: 'file', path: 'log.csv' } })
  })

  test.each([
    [[], '--per-day is missing'],
    [['--per-day', '10'], '--resume-tokens is missing'],
    [['--per-day', 'many', '--resume-tokens', '1'], '--per-day must be a whole number from 1 to 2000000, not many'],
    [['--per-day', '0', '--resume-tokens', '1'], '--per-day must be a whole number from 1'],
    [[...NEEDED, '--rpm', '1.5'], '--rpm must be a whole number from 0'],
    [[...NEEDED, '--tpm=-1'], '--tpm must be a whole number from 0'],
    [[...NEEDED, '--price-in', '1'], '--price-in and --price-out belong together'],
    [[...NEEDED, '--answer-tokens', '2000'], '--answer-tokens must be at most --answer-cap'],
    [[...NEEDED, '--rps', '1'], "Unknown option '--rps'"],
    [[...NEEDED, 'more'], "Unexpected argument 'more'"],
    [['--per-day'], "Option '--per-day <value>' argument missing"],
  ])('%j: %s', (args, message) => {
    expect(() => parsePlanArgs(args)).toThrow(UsageError)
    expect(() => parsePlanArgs(args)).toThrow(message)
  })

  test('--help has an example, on 60 columns', () => {
    expect(parsePlanArgs(['--help'])).toBeNull()
    expect(USAGE).toContain('npm run plan -- --per-day 100000')
    expect(USAGE.split('\n').filter((line) => line.length > 60)).toEqual([])
  })
})

const DAY: Day = {
  waits: [0, 1_000, 2_000, 100_000],
  refused: 0,
  inFlight: 3,
  peak: { requestsPerMinute: 3, tokensPerMinute: 4_000, requestsPerDay: 4 },
}
const LOAD: Load = {
  arrivals: Array.from({ length: 2_000_000 }, () => 0),
  reserved: 50_000,
  billed: 40_000,
  callMs: 8_000,
  patienceMs: 900_000,
  lookEveryMs: 1_000,
}

describe('the report', () => {
  const args = parsePlanArgs([...NEEDED, '--rpm', '30000', '--price-in', '2', '--price-out', '8'])!
  const plan = { limits: { rpm: 30_000, tpm: 150_000_000, rpd: 2_010_000 }, day: DAY, isEnough: true }
  const facts = { args, load: LOAD, promptTokens: 1_000_000, plan }

  test('the document has every figure', () => {
    expect(planDocument(facts)).toMatchObject({
      enough: true,
      limits: { OPENAI_RPM: 30_000, OPENAI_TPM: 150_000_000, OPENAI_RPD: 2_010_000 },
      found: ['OPENAI_TPM', 'OPENAI_RPD'],
      waitSeconds: { p50: 1, p99: 100, longest: 100 },
      tokensPerDay: { in: 4_000_000, out: 1_600 },
      moneyPerDay: (4_000_000 * 2 + 1_600 * 8) / 1e6,
    })
  })

  test('fits 60 columns whatever the figures, and says what is not enough', () => {
    const refused = { ...DAY, refused: 1_999_996 }
    const file = { kind: 'file', path: '/a/very/long/path/to/a/log/of/last/month.csv' } as const
    for (const each of [
      facts,
      { ...facts, args: { ...args, arrival: file }, plan: { ...plan, isEnough: false } },
      { ...facts, plan: { ...plan, day: refused, isEnough: false } },
    ]) {
      expect(planLines(each).filter((line) => line.length > 60)).toEqual([])
    }
    expect(planLines({ ...facts, plan: { ...plan, day: refused, isEnough: false } }).join('\n')).toContain(
      'NOT ENOUGH, 1,999,996 refused',
    )
  })

  test('a quantile is one of the values', () => {
    expect([0, 0.25, 0.5, 0.99, 1].map((part) => quantile(DAY.waits, part))).toEqual([0, 0, 1_000, 100_000, 100_000])
    expect(quantile([], 0.5)).toBe(0)
  })
})

describe('the search', () => {
  const arrivals = arrivalsOf('office', 2_000)
  const load: Load = { ...LOAD, arrivals, reserved: 2_000, billed: 1_500 }

  /** Simulates days in which no request waits long once the limits are at least these. */
  function simulator(enough: { rpm: number; tpm: number }) {
    const tried: Limits[] = []
    const simulate = async (limits: Limits): Promise<Day> => {
      tried.push({ ...limits })
      const isGood = (limits.rpm ?? Infinity) >= enough.rpm && (limits.tpm ?? Infinity) >= enough.tpm
      return { ...DAY, waits: arrivals.map(() => (isGood ? 0 : 61_000)) }
    }
    return { tried, simulate }
  }
  const NONE = { rpm: undefined, tpm: undefined, rpd: undefined }

  test.each([
    [5, 8_000],
    [8, 15_000],
    [11, 9_000],
  ])('finds %d requests and %d tokens a minute, to within some percent, in a few days', async (rpm, tpm) => {
    const { tried, simulate } = simulator({ rpm, tpm })
    const { limits, isEnough } = await findLimits(load, NONE, 60_000, simulate)
    expect(isEnough).toBe(true)
    expect(limits.rpm).toBe(rpm)
    expect(limits.tpm).toBeGreaterThanOrEqual(tpm)
    expect(limits.tpm).toBeLessThanOrEqual(tpm * 1.05)
    expect(limits.rpd).toBeGreaterThanOrEqual(2_000)
    expect(tried.length).toBeLessThan(30)
  })

  test('a limit that is given stays, and is told when it is not enough', async () => {
    const { tried, simulate } = simulator({ rpm: 8, tpm: 15_000 })
    const plan = await findLimits(load, { ...NONE, rpm: 7 }, 60_000, simulate)
    expect(plan).toMatchObject({ isEnough: false, limits: { rpm: 7, tpm: null } })
    expect(tried).toHaveLength(1)
  })

  test('the first guess is arithmetic: as many as came in the fullest minute, when nobody may wait', () => {
    expect(rateFor([0, 0, 0, 0, 0], 0)).toBe(5)
    expect(rateFor([0, 0, 0, 0], 61_000)).toBe(2)
    expect(rateFor([0, 70_000, 140_000], 0)).toBe(1)
  })

  test('a limit is one that can be told', () => {
    expect([1, 99, 100, 203.2, 1_001, 123_457].map(roundUp)).toEqual([1, 99, 100, 204, 1_010, 124_000])
  })
})
