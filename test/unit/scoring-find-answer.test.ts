/** Where models put their answer, and what is no answer. */
import { describe, expect, test } from 'vitest'
import { findAnswer } from '../../src/provider/find-answer.ts'

interface Score {
  score: number
  why: string
}

const schema = {
  fields: ['score', 'why'],
  validate: (value: unknown) => {
    const { score, why } = value as Partial<Score>
    if (typeof score !== 'number' || typeof why !== 'string') return { ok: false as const, why: 'wrong type' }
    return { ok: true as const, answer: { score, why } }
  },
}
const find = (text: string) => findAnswer(text, schema)

const A = '{"score":87,"why":"Знает Kafka"}'
const B = '{"score":12,"why":"Не знает Kafka"}'
const answerA = { ok: true, answer: { score: 87, why: 'Знает Kafka' } }

describe('an answer is found', () => {
  test.each([
    ['alone', A],
    ['after thinking', `<think>\nLet me see: { maybe } or {"score": 5}\n</think>\n\n${A}`],
    ['after thinking whose beginning the template has eaten', `Сначала посмотрю резюме.\n</think>\n${A}`],
    ['after thinking with a draft of another answer', `<think>Draft: ${B}. No.</think>${A}`],
    ['after thinking in brackets', `[THINK]${B}[/THINK]${A}`],
    ['after thinking by another name', `<reasoning>${B}</reasoning>\n${A}`],
    ['after thinking of Kimi', `◁think▷${B}◁/think▷${A}`],
    [
      'in the last channel of gpt-oss',
      `<|channel|>analysis<|message|>${B}<|end|><|start|>assistant<|channel|>final<|message|>${A}<|return|>`,
    ],
    ['in the thinking, behind which nothing stands', `<think>${A}</think>\n`],
    ['in the thinking, behind which only a mark stands', `<think>${A}</think><|im_end|>`],
    ['in a fence', `\`\`\`json\n${A}\n\`\`\``],
    ['in a fence of tildes', `~~~\n${A}\n~~~`],
    ['in a fence on one line', `\`\`\`${A}\`\`\``],
    ['in a fence that is not closed', `\`\`\`JSON5\n${A}`],
    ['between sentences', `Вот оценка {кратко}:\n${A}\nНадеюсь, это поможет! :-}`],
    ['before end-of-turn marks', `${A}<|im_end|></s><end_of_turn>`],
    ['behind a byte order mark', `\uFEFF${A}`],
    ['in a list', `[${A}]`],
    ['in an object around it', `{"result":{"answer":${A}},"version":1}`],
    ['twice in the same words', `${A}\n\`\`\`json\n${A}\n\`\`\``],
    ['twice, with the keys in another order', `${A} = {"why":"Знает Kafka","score":87}`],
    ['after a broken draft', `{"score": 5, "why": "no, wait...\n${A}`],
    ['after a quote that is not closed on its line', `He said {"yes ${A}`],
    ['after a draft with a comma too many', `{"score":5,"why":"x",} => ${A}`],
    ['with keys that nobody asked for', '{"note":{"a":[1,{}]},"score":87,"why":"Знает Kafka"}'],
  ])('%s', (_where, text) => {
    expect(find(text)).toEqual(answerA)
  })

  test('with marks of thinking in its own words, which a resume may hold', () => {
    const text = '<think>Hm.</think>{"score":1,"why":"«</think>{»"}'
    expect(find(text)).toEqual({ ok: true, answer: { score: 1, why: '«</think>{»' } })
  })
})

describe('nothing is guessed', () => {
  test.each([
    ['two different answers', `${A}\n${B}`, 'several'],
    ['two different answers behind the thinking', `<think>${A}</think>${A} ${B}`, 'several'],
    ['two different answers in one list', `[${A},${B}]`, 'several'],
    ['a cut-off answer', A.slice(0, -3), 'no JSON'],
    ['a cut-off answer after a draft in the thinking', `<think>${B}</think>${A.slice(0, -1)}`, 'thinking'],
    ['words instead of an answer after a draft in the thinking', `<think>${B}</think>I cannot say.`, 'thinking'],
    ['a wrong type', '{"score":"87","why":"x"}', 'wrong type'],
    ['a missing field', '{"score":87}', 'wrong type'],
    ['single quotes', "{'score':87,'why':'x'}", 'no JSON'],
    ['a trailing comma', '{"score":87,"why":"x",}', 'no JSON'],
    ['a comment', '{"score":87,/* sure */"why":"x"}', 'no JSON'],
    ['a number that is none in JSON', '{"score":087,"why":"x"}', 'no JSON'],
    ['JSON within a text', JSON.stringify(A), 'no JSON'],
    ['no object', '87', 'no JSON'],
    ['nothing', '', 'no JSON'],
  ])('%s', (_what, text, why) => {
    expect(find(text)).toMatchObject({ ok: false, why: expect.stringContaining(why) })
  })
})

describe('the time is linear in the length, whatever the text', () => {
  const MEGABYTE = 1_000_000
  const fill = (unit: string, length: number) => unit.repeat(Math.ceil(length / unit.length)).slice(0, length)
  const cpuMs = (work: () => void) => {
    const before = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1_000
  }

  test.each([
    ['backticks and newlines', (n: number) => `\`\`\`${fill('\n', n)}x`],
    ['fences', (n: number) => fill('```json\n', n)],
    ['opening braces', (n: number) => fill('{', n)],
    ['objects in objects', (n: number) => fill('{"a":', n)],
    ['whole objects in objects', (n: number) => `${fill('{"a":', n / 2)}1${fill('}', n / 10)}`],
    ['lists in lists', (n: number) => `{"a":${fill('[', n)}`],
    ['a string without end', (n: number) => `{"${fill('{', n)}`],
    ['strings full of braces', (n: number) => fill('{"{', n)],
    ['strings that read as JSON either way', (n: number) => `{"a":[${fill('"{",', n)}`],
    ['strings and colons either way', (n: number) => `{${fill('":{":",",', n)}`],
    ['escaped quotes', (n: number) => `{"${fill('\\"{', n)}`],
    ['white space', (n: number) => `{${fill(' \n', n)}`],
    ['digits', (n: number) => `{"a":${fill('1', n)}`],
    ['marks of thinking', (n: number) => fill('</think>', n)],
    ['half marks', (n: number) => fill('</thin<|', n)],
    ['objects that look like answers', (n: number) => fill('{"score":"1","why":1}', n)],
    ['an answer after a broken object with many braces', (n: number) => `{"a":"{",${fill('"b":{', n)}${A}`],
  ])('%s', (_what, make) => {
    const small = make(MEGABYTE / 8)
    const large = make(MEGABYTE)
    find(small)
    const smallMs = cpuMs(() => find(small))
    const largeMs = cpuMs(() => find(large))
    // Eight times the length; a quadratic search would take 64 times as long.
    expect(largeMs).toBeLessThan(30 * Math.max(smallMs, 5))
  })
})
