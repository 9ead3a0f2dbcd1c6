import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Labelled, Result } from '../../src/cli/evaluation/labelled-set.ts'
import { readResults, readSet, tasksOf } from '../../src/cli/evaluation/labelled-set.ts'
import { report, reportLines } from '../../src/cli/evaluation/report.ts'
import { swapName } from '../../src/cli/evaluation/name-swap.ts'

const line = (id: string, low: number, high: number): Labelled => ({
  id,
  requirements: 'Python',
  resume: 'Иван работал',
  expected: { verdict: low >= 50 ? 'Подходит' : 'Не подходит', score: [low, high] },
  swap: {},
})
const result = (id: string, score: number | null, changes: Partial<Result> = {}): Result => ({
  id,
  variant: 'original',
  repeat: 1,
  score,
  verdict: score === null ? null : score >= 50 ? 'Подходит' : 'Не подходит',
  modelScore: score,
  met: 4,
  unproved: 1,
  rejected: ['not_in_resume'],
  promptTokens: 1_000,
  completionTokens: 100,
  failure: score === null ? 'unusable_answer' : null,
  ...changes,
})

describe('the report', () => {
  const set = [line('good', 80, 100), line('bad', 0, 20)]
  const results = [
    result('good', 90),
    result('good', 70, { repeat: 2 }),
    result('good', 40, { repeat: 3 }),
    result('bad', 10),
    result('bad', 20, { repeat: 2 }),
    result('bad', null, { repeat: 3, met: 0, unproved: 0, rejected: [] }),
    result('good', 60, { variant: 'swapped' }),
    result('bad', 19, { variant: 'swapped' }),
  ]

  test('counts agreement, error, spread, unproved matches, tokens and cost', () => {
    const of = report(set, results, { prompt: 0.4, completion: 1.6 })
    expect(of).toMatchObject({
      questions: 8,
      failures: 1,
      agreement: 0.8,
      meanAbsoluteError: 10,
      spread: { mean: 30, greatest: 50 },
      unprovedShare: 0.25,
      tokens: { prompt: 8_000, completion: 800 },
    })
    expect(of.cost).toBeCloseTo(0.00448)
    expect(of.swap?.meanDifference).toBeCloseTo((60 - 200 / 3 + 4) / 2)
    expect(of.swap?.greatest).toBeCloseTo(200 / 3 - 60)
    expect(of.worst.map(({ id }) => id)).toEqual(['good'])
    expect(reportLines(of).join('\n')).toContain('good: scores 90, 70, 40 (expected 80 to 100), Подходит / Не подходит')
  })

  test('of nothing is empty and says so', () => {
    const of = report(set, [], null)
    expect(of).toMatchObject({
      agreement: null,
      meanAbsoluteError: null,
      spread: null,
      swap: null,
      cost: null,
      cases: [],
    })
    expect(reportLines(of).join('\n')).not.toMatch(/NaN|undefined|null/)
  })
})

describe('the questions', () => {
  const set = [line('a', 0, 20), line('b', 80, 100)]

  test('are each line, N times, in both variants', () => {
    expect(tasksOf(set, 2, true).map(({ id, variant, repeat }) => `${id} ${variant} ${repeat}`)).toEqual([
      'a original 1',
      'a original 2',
      'a swapped 1',
      'a swapped 2',
      'b original 1',
      'b original 2',
      'b swapped 1',
      'b swapped 2',
    ])
    expect(tasksOf(set, 1, true)[1]?.resume).toBe('Мария работала')
  })

  test('that are answered are not asked again after an interruption', () => {
    const done = [result('a', 5), result('b', 90, { repeat: 2 })]
    const written = `${done.map((each) => JSON.stringify(each)).join('\n')}\n{"id":"b","variant":"or`
    expect(readResults(written)).toEqual(done)
    expect(tasksOf(set, 2, false, readResults(written)).map(({ id, repeat }) => `${id} ${repeat}`)).toEqual([
      'a 2',
      'b 1',
    ])
  })
})

describe('a labelled set', () => {
  const text = readFileSync(new URL('../../evaluation/sample.jsonl', import.meta.url), 'utf8')

  test('is in the repository: resumes in Russian and English, good and bad', () => {
    const set = readSet(text)
    expect(set.length).toBeGreaterThanOrEqual(12)
    expect(new Set(set.map(({ expected }) => expected.verdict)).size).toBe(2)
    expect(set.some(({ resume }) => !/[а-яё]/i.test(resume))).toBe(true)
    for (const { expected } of set) expect(expected.score[0] >= 50).toBe(expected.verdict === 'Подходит')
  })

  test.each([
    ['{', 'line 2 of the set is not valid JSON'],
    ['{"id":"x"}', 'line 2 of the set: '],
    [text.split('\n')[0] ?? '', 'line 2 of the set: the id'],
    [(text.split('\n')[1] ?? '').replace('[0, 20]', '[20, 0]'), 'line 2 of the set: '],
  ])('with a wrong line is refused, with its number', (wrong, why) => {
    expect(() => readSet(`${text.split('\n')[0]}\n${wrong}\n`)).toThrow(why)
  })
})

describe('the name swap', () => {
  test.each([
    ['Алексей Викторович Смирнов, разработчик', 'Алла Викторовна Смирнова, разработчик'],
    ['Елена Викторовна Кузнецова', 'Пётр Викторович Кузнецов'],
    [
      'Козловский Сергей: работал, Руководил отделом, сам вёл учёт',
      'Козловская Светлана: работала, Руководила отделом, сам вела учёт',
    ],
    ['Петров Банк, отдел продаж, материал', 'Петров Банк, отдел продаж, материал'],
    ['John wrote his code; he worked', 'Jane wrote her code; she worked'],
    ['Иванов Иван работал в Ростов-на-Дону', 'Иванова Мария работала в Ростов-на-Дону'],
  ])('%s: %s', (from, to) => {
    expect(swapName(from)).toBe(to)
  })

  test('takes a resume’s own pairs first, both ways', () => {
    expect(swapName('Хасанов и Хасанова, Иван', { Хасанов: 'Хасанова', Иван: 'Иванна' })).toBe(
      'Хасанова и Хасанов, Иванна',
    )
  })

  test('changes nothing of what is between words', () => {
    const text = '  «Иван»\n\t— 5 лет; \u00a0C++ 😀'
    expect(swapName(text).replace('Мария', 'Иван')).toBe(text)
  })
})
