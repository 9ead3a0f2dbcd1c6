/** The bounds that the verification keeps on claims whose truth is known; see evaluation/claims*.jsonl. */
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { claimsLines, type ClaimsReport, judgeClaims, readClaims } from '../../src/cli/evaluation/claims.ts'

const casesOf = (file: string) => readClaims(readFileSync(new URL(`../../evaluation/${file}`, import.meta.url), 'utf8'))
const cases = casesOf('claims.jsonl')
let careless: ClaimsReport
let careful: ClaimsReport
beforeAll(async () => {
  careless = await judgeClaims(cases, 'careless', 50)
  careful = await judgeClaims(cases, 'careful', 50)
})

/** @returns how many claims of the kinds that only the model can judge for certain are published, and how many there are */
function misjudged({ falsePublished }: ClaimsReport) {
  const kinds = ['denies', 'wish', 'offtopic'].flatMap((kind) => falsePublished[kind] ?? [])
  const sum = (of: 'count' | 'of') => kinds.reduce((total, each) => total + each[of], 0)
  return { count: sum('count'), of: sum('of') }
}

describe('of claims whose truth is known', () => {
  test('at most one true one in a hundred is rejected', () => {
    for (const { trueRejected, wrong } of [careless, careful]) {
      expect(trueRejected.of).toBeGreaterThan(300)
      expect({ share: trueRejected.count / trueRejected.of, wrong }).toMatchObject({
        share: expect.toSatisfy((share: number) => share <= 0.01),
      })
    }
  })

  test('no invented quote is published, and nothing that is false from a careful model', () => {
    expect(careless.falsePublished['invented']).toEqual({ count: 0, of: 5 })
    expect(careless.falsePublished['injection']?.count).toBe(0)
    for (const { count } of Object.values(careful.falsePublished)) expect(count).toBe(0)
  })

  test('at most half of the denials, wishes and off-topic quotes of a careless model are published', () => {
    const { count, of } = misjudged(careless)
    expect(of).toBe(32)
    expect(count / of).toBeLessThanOrEqual(0.5)
  })

  test('no suitable candidate is refused, and no recommendation replaced although the verdict stood', () => {
    for (const { suitableRefused, replacedInVain, doubted } of [careless, careful]) {
      expect(suitableRefused).toEqual({ count: 0, of: 63 })
      expect([replacedInVain.count, doubted.count]).toEqual([0, 0])
    }
  })

  test('the figures are told in lines', () => {
    expect(claimsLines(careless).join('\n')).toMatch(/As a careless model claims:\n +True claims rejected +\d+ of 348/)
  })
})

/** Judges a set, and expects that hardly any of its true claims is rejected, and no suitable candidate refused. */
async function judgeHeld(file: string, trueClaims: number): Promise<ClaimsReport> {
  const report = await judgeClaims(casesOf(file), 'careless', 50)
  const { trueRejected, suitableRefused, wrong } = report
  expect(trueRejected.of).toBe(trueClaims)
  expect({ isRare: trueRejected.count / trueRejected.of <= 0.01, wrong }).toMatchObject({ isRare: true })
  expect(suitableRefused.count).toBe(0)
  return report
}

test('the same holds of rare professions and hard turns of phrase, a quarter of them in other languages', async () => {
  const report = await judgeHeld('claims-rare.jsonl', 483)
  const { falsePublished } = report
  const { count, of } = misjudged(report)
  expect(of).toBe(219)
  expect(count / of).toBeLessThanOrEqual(0.5)
  expect(falsePublished['invented']).toEqual({ count: 0, of: 11 })
})

test('of a stranger’s set next to no true claim is rejected, no invented one passes, and of the denials at most half', async () => {
  const { falsePublished } = await judgeHeld('claims-held.jsonl', 489)
  const { count, of } = falsePublished['denies'] ?? { count: NaN, of: NaN }
  expect(of).toBe(159)
  expect(count / of).toBeLessThanOrEqual(0.5)
  expect(falsePublished['invented']).toEqual({ count: 0, of: 110 })
})

test('the same holds of claims in usual words: of their denials and wishes at most two fifths pass, with off-topic quotes half', async () => {
  const report = await judgeHeld('claims-usual.jsonl', 456)
  const { falsePublished } = report
  for (const [kind, all] of Object.entries({ denies: 109, wish: 67 })) {
    const { count, of } = falsePublished[kind] ?? { count: NaN, of: NaN }
    expect([kind, of, count / of <= 0.4]).toEqual([kind, all, true])
  }
  const { count, of } = misjudged(report)
  expect(of).toBe(212)
  expect(count / of).toBeLessThanOrEqual(0.5)
  expect(falsePublished['invented']).toEqual({ count: 0, of: 16 })
})

test('of a third author’s set next to no true claim is rejected, and no invented one passes', async () => {
  const { falsePublished } = await judgeHeld('claims-third.jsonl', 197)
  expect(falsePublished['invented']).toEqual({ count: 0, of: 6 })
})

test('of a fourth author’s set, told without a negation wherever that can be, no true claim is rejected', async () => {
  const { trueRejected } = await judgeHeld('claims-fourth.jsonl', 115)
  expect(trueRejected.count).toBe(0)
})

test('of four authors’ sets of the same kinds no answer is doubted, and at most half of the false claims are published', async () => {
  const report = await judgeHeld('claims-alike.jsonl', 1_087)
  expect(report.doubted.count).toBe(0)
  expect(report.falsePublished['invented']).toEqual({ count: 0, of: 46 })
  const { count, of } = misjudged(report)
  expect(of).toBe(312)
  expect(count / of).toBeLessThanOrEqual(0.5)
})

test('a line of claims that is none is named', () => {
  expect(() => readClaims('\n{"id":"a"}')).toThrow(/^line 2 of the claims: /)
  expect(() => readClaims('{')).toThrow('line 1 of the claims is not valid JSON')
})
