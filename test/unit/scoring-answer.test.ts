import { describe, expect, test } from 'vitest'
import { answerSchema, interpretAnswer } from '../../src/scoring/answer.ts'

const good = {
  requirements: [{ requirement: 'Python', quote: 'Python 5 лет', evidence: 'stated' }],
  score: 87,
  recommendation: 'Подходит.',
}
const json = (changes: object = {}) => JSON.stringify({ ...good, ...changes })

describe('an answer', () => {
  test.each([
    ['as asked', json()],
    ['in a code fence', `\`\`\`json\n${json()}\n\`\`\``],
    ['in a code fence without a language, with white space around', `\n \`\`\`\n${json()}\n\`\`\` \n`],
    ['with keys that nobody asked for', json({ verdict: 'Не подходит', thoughts: [1] })],
    ['with words after it', `${json()}\nНадеюсь, это поможет!`],
    ['in a list', `[${json()}]`],
    ['of 87.0, which is an integer', json().replace('"score":87', '"score":87.0')],
  ])('%s is read', (_how, content) => {
    expect(interpretAnswer(content)).toEqual({ ok: true, answer: good })
  })

  test.each([
    ['a score of 101', json({ score: 101 }), 'score'],
    ['a score of -1', json({ score: -1 }), 'score'],
    ['a score of 87.5', json({ score: 87.5 }), 'score'],
    ['a score of "87"', json({ score: '87' }), 'score'],
    ['a score of 1e999', json().replace('87', '1e999'), 'score'],
    ['no score', json({ score: undefined }), 'score'],
    ['no requirements', json({ requirements: null }), 'requirements'],
    [
      'a quote that is no text',
      json({ requirements: [{ requirement: 'a', quote: 5, evidence: 'stated' }] }),
      'requirements.n.quote',
    ],
    [
      'an evidence that is none of the list',
      json({ requirements: [{ requirement: 'a', quote: '', evidence: 'да' }] }),
      'requirements.n.evidence',
    ],
    [
      'requirements in the form of prompt-1',
      json({ requirements: [{ requirement: 'a', met: true, quote: 'a' }] }),
      'requirements.n.evidence',
    ],
    [
      'more requirements than any vacancy',
      json({ requirements: Array(41).fill(good.requirements[0]) }),
      'requirements',
    ],
    ['half of it missing', json().slice(0, 40), 'no JSON'],
    ['an HTML page', '<html>502</html>', 'no JSON'],
    ['nothing', '', 'no JSON'],
    ['null', 'null', 'no JSON'],
    ['two megabytes', json({ recommendation: 'а'.repeat(1_000_000) }), 'longer'],
    ['a million brackets', '['.repeat(150_000), 'no JSON'],
  ])('with %s is not usable', (_what, content, why) => {
    const read = interpretAnswer(content)
    expect(read).toMatchObject({ ok: false, why: expect.stringContaining(why) })
  })

  test('that is not usable is told without its words', () => {
    expect(JSON.stringify(interpretAnswer(json({ score: 'секрет', requirements: 'секрет' })))).not.toContain('секрет')
  })
})

test('the schema is strict everywhere, and bounds nothing that servers of structured outputs refuse', () => {
  const schemas: Record<string, unknown>[] = []
  JSON.stringify(answerSchema, (_key, value: unknown) => {
    if (typeof value === 'object' && value !== null && 'properties' in value) schemas.push(value)
    return value
  })
  expect(schemas).toHaveLength(2)
  for (const { properties, required, additionalProperties } of schemas) {
    expect(additionalProperties).toBe(false)
    expect(required).toEqual(Object.keys(properties as object))
  }
  expect(JSON.stringify(answerSchema)).not.toMatch(/minimum|maximum|minItems|maxItems|maxLength|pattern/)
})
