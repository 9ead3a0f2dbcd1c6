import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Prompt } from '../../src/scoring/prompt.ts'
import { createTokenEstimator } from '../../src/provider/tokens.ts'

const prompt = (content: string): Prompt => ({ messages: [{ role: 'user', content }], schema: null })
const estimator = () => createTokenEstimator('gpt-4.1-mini-2025-04-14')
const estimate = (text: string) => estimator().estimate(prompt(text)).tokens

/** This thread's own time, so that others on the machine do not count; ms. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

/** Counted with o200k_base, the tokenizer of gpt-4o and later: text, repeats, tokens. */
const COUNTED: [name: string, text: string, times: number, tokens: number][] = [
  [
    'a Russian sentence in capitals',
    'ОПЫТ РАБОТЫ МЕНЕДЖЕРОМ ПО ПРОДАЖАМ В ТОРГОВОЙ КОМПАНИИ, РАЗРАБОТКА СТРАТЕГИИ РАЗВИТИЯ ',
    20,
    1021,
  ],
  [
    'an English sentence in capitals',
    'SENIOR SOFTWARE ENGINEER WITH EXPERIENCE IN DISTRIBUTED SYSTEMS AND MACHINE LEARNING ',
    20,
    342,
  ],
  [
    'a Ukrainian sentence',
    'Розробник програмного забезпечення з досвідом роботи понад п’ять років, знання мов програмування та баз даних. ',
    20,
    581,
  ],
  [
    'a German sentence',
    'Softwareentwickler mit mehrjähriger Berufserfahrung in der Entwicklung verteilter Systeme, Kenntnisse über Datenbanken. ',
    20,
    441,
  ],
  [
    'a table of numbers and addresses',
    '| 2019 | 12 345,67 | +7 (999) 123-45-67 | ivan.petrov@example.com | https://hh.ru/resume/12ab34cd56 |\n',
    50,
    2200,
  ],
  ['Chinese', '我在一家互联网公司担任高级工程师，负责后端开发和数据库优化。', 100, 1801],
  ['emoji', '😀🚀💻🔥🎉👨‍👩‍👧', 100, 1600],
]

describe('the estimate', () => {
  test.each(COUNTED)('of %s is not below what is billed, and not twice as high', (_name, text, times, tokens) => {
    const estimated = estimate(text.repeat(times))
    expect(estimated).toBeGreaterThanOrEqual(tokens)
    expect(estimated).toBeLessThan(tokens * 2)
  })

  test('counts the schema and every message', () => {
    const one = prompt('Опыт работы')
    const two = {
      ...one,
      messages: [...one.messages, ...one.messages],
      schema: { name: 'a', schema: { type: 'object' } },
    }
    expect(estimator().estimate(two).tokens).toBeGreaterThan(estimator().estimate(one).tokens + 5)
  })

  test('grows with the text, and is a positive whole number for any', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        const whole = estimate(`${a}\n${b}`)
        expect(Number.isInteger(whole) && whole > 0).toBe(true)
        expect(whole).toBeGreaterThanOrEqual(estimate(a))
      }),
    )
  })

  test('of a model with an unknown tokenizer begins higher', () => {
    const text = prompt('Опыт работы с базами данных')
    expect(createTokenEstimator('my-deployment').estimate(text).tokens).toBeGreaterThan(
      estimator().estimate(text).tokens * 1.5,
    )
  })

  /** Texts on which tokenizers take seconds. In UTF-16 units. */
  const LENGTH = 2_000_000
  test.each([
    ['underscores', '_'],
    ['Chinese', '漢'],
    ['letters in turn', 'aБ'],
    ['words of one letter', 'я '],
    ['special tokens', '<|endoftext|>'],
    ['lone surrogates', '\ud800'],
    ['line ends', '\n'],
  ])('of two million %s takes no longer than of honest text', (_name, unit) => {
    const build = (text: string) =>
      prompt(
        text
          .repeat(Math.ceil(LENGTH / text.length))
          .slice(0, LENGTH)
          .toWellFormed(),
      )
    const [hostile, honest] = [build(unit), build('Разработка микросервисов на Python, 5 лет. ')]
    // The best of some rounds; 50 ms is the bound, some 10 ms the rule.
    const times = { hostile: Infinity, honest: Infinity }
    const { estimate } = estimator()
    for (let round = 0; round < 5; round += 1) {
      for (const [which, text] of Object.entries({ hostile, honest }) as ['hostile' | 'honest', Prompt][]) {
        const startedMs = cpuMs()
        estimate(text)
        times[which] = Math.min(times[which], cpuMs() - startedMs)
      }
    }
    expect(times.hostile).toBeLessThan(Math.max(50, times.honest * 8))
  })
})

describe('learning', () => {
  /** A tokenizer that needs `ratio` tokens for each raw one, with some noise. */
  function bill(ratio: number, noise: number, times: number) {
    const learning = estimator()
    const last = { tokens: 0, billed: 0 }
    for (let i = 0; i < times; i += 1) {
      const estimated = learning.estimate(prompt('Разработка микросервисов на Python. '.repeat(20 + (i % 7))))
      last.billed = estimated.raw * ratio * (1 + noise * Math.sin(i * 2.4))
      last.tokens = estimated.tokens
      learning.learn(estimated, last.billed)
    }
    return last
  }

  test.each([0.5, 0.9, 1.4, 2.2])('of a tokenizer of %f errs high by some percent after a few answers', (ratio) => {
    const { tokens, billed } = bill(ratio, 0, 6)
    expect(tokens).toBeGreaterThanOrEqual(billed)
    expect(tokens).toBeLessThan(billed * 1.12)
  })

  test('keeps above what varies', () => {
    for (let times = 5; times < 60; times += 1) {
      const { tokens, billed } = bill(1.1, 0.08, times)
      expect(tokens).toBeGreaterThanOrEqual(billed)
      expect(tokens).toBeLessThan(billed * 1.5)
    }
  })

  test('of Russian does not touch the estimate of English', () => {
    const learning = estimator()
    const english = prompt('Developed microservices in Python')
    const before = learning.estimate(english).tokens
    for (let i = 0; i < 10; i += 1) learning.learn(learning.estimate(prompt('Опыт работы')), 500)
    expect(learning.estimate(english).tokens).toBe(before)
  })

  test('one odd bill does not make the rest dear', () => {
    const learning = estimator()
    const text = prompt('Разработка микросервисов. '.repeat(30))
    const { raw } = learning.estimate(text)
    for (let i = 0; i < 20; i += 1) learning.learn(learning.estimate(text), raw)
    learning.learn(learning.estimate(text), raw * 100)
    expect(learning.estimate(text).tokens).toBeLessThan(raw * 1.3)
  })

  test.each([0, -5, Number.NaN, Infinity])('takes nothing from a bill of %f', (billed) => {
    const learning = estimator()
    learning.learn(learning.estimate(prompt('Опыт')), billed)
    expect(learning.learned()).toEqual({})
  })

  test('is taken over by the next estimator', () => {
    const text = prompt('Опыт работы с базами данных. '.repeat(10))
    const first = estimator()
    for (let i = 0; i < 5; i += 1) first.learn(first.estimate(text), first.estimate(text).raw * 2)
    const second = createTokenEstimator('gpt-4.1', JSON.parse(JSON.stringify(first.learned())))
    expect(second.estimate(text)).toEqual(first.estimate(text))
  })
})
