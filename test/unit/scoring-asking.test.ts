/** When the model is asked, with which texts, and how its answer is read. */
import { describe, expect, test } from 'vitest'
import { address, answerWith, create, logged, paid, readBy, request, signal } from './scorings.ts'

describe('asking', () => {
  test('is done once for ten requests with the same texts at the same time', async () => {
    const scoring = create()
    let calls = 0
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, i) => {
        const prepared = scoring.prepare({ ...request, address: { ...address, processingId: BigInt(i) } })
        const ask = async () => {
          calls += 1
          const answer = readBy(scoring, answerWith())
          const checked = await scoring.verify(prepared, { answer, model: 'm', promptTokens: null })
          return { kind: 'final' as const, outcome: await scoring.conclude(prepared, checked, paid, false) }
        }
        return scoring.askOnce(prepared, ask, signal)
      }),
    )
    expect(calls).toBe(1)
    const headers = results.map(({ outcome }) => outcome.headers['scoring-cached'])
    expect(headers.filter((cached) => cached === 'false')).toHaveLength(1)
    expect(headers.filter((cached) => cached === 'true')).toHaveLength(9)
  })

  test('is done each time without a cache', async () => {
    const scoring = create({}, false)
    let calls = 0
    const ask = async () => (calls += 1)
    await Promise.all([1, 2].map(() => scoring.askOnce(scoring.prepare(request), ask, signal)))
    expect(calls).toBe(2)
  })

  test('is not done for texts that the model can never take', () => {
    const resume = 'слово '.repeat(40_000)
    const of = (model: string) => {
      const scoring = create({ OPENAI_MODEL: model })
      return scoring.mostTokens(scoring.prepare({ ...request, resume }), 1_000)
    }
    expect(of('gpt-4')).toBeNull()
    expect(of('gpt-4.1-mini-2025-04-14')).toBeGreaterThan(40_000)
    expect(of('a model that nobody knows')).toBeGreaterThan(40_000)
  })

  test('is done with texts without invisible characters', () => {
    const { texts, messages } = create().prepare({ ...request, resume: 'Py\u200bthon\0\ud800' })
    expect(texts.resume).toBe('Python')
    expect(messages[2]?.content).toContain('\nPython\n')
  })

  test('reads an answer by its schema, and logs what is wrong without its words', () => {
    const scoring = create()
    expect(scoring.read(answerWith())).toEqual(JSON.parse(answerWith()))
    expect(scoring.read(answerWith({ score: 'секрет' }))).toBeNull()
    expect(logged.join()).toContain('score')
    expect(logged.join()).not.toContain('секрет')
  })
})
