import { readFileSync } from 'node:fs'
import { parse } from 'dotenv'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { envFileProblems } from '../../src/env-file.ts'

interface Reading {
  line: string
  /** null: refused. */
  compose: string | null
  compose1: string | null
}

const file = new URL('../fixtures/env-readings.json', import.meta.url)
const { rows } = JSON.parse(readFileSync(file, 'utf8')) as { rows: Reading[] }
const isTaken = (text: string, ...names: string[]) => envFileProblems(text, new Set(names)).length === 0

describe('a line that is taken is read the same by dotenv, docker compose and docker-compose 1.29', () => {
  test.each(rows.filter(({ line }) => isTaken(line, 'K')))('$line', ({ line, compose, compose1 }) => {
    const read = parse(line)['K']
    expect({ compose, compose1 }).toEqual({ compose: read, compose1: read })
  })

  test('what people write is among them', () => {
    const taken = rows.map(({ line }) => line).filter((line) => isTaken(line, 'K'))
    expect(taken).toEqual(
      expect.arrayContaining([
        'K=plain',
        'K=two words',
        'K=',
        'K=a=b',
        'K=a # b',
        "K='a#b'",
        "K='a$b'",
        "K='$$'",
        "K='a\"b'",
        "K='a\\b'",
        "K=' a '",
        'K="a#b"',
        'K="a\'b"',
        "K='a' # b",
      ]),
    )
  })

  test('what is read differently is among the others', () => {
    const differs = rows.filter(
      ({ line, compose, compose1 }) => new Set([parse(line)['K'], compose, compose1]).size > 1,
    )
    const refused = differs.map(({ line }) => line).filter((line) => !isTaken(line, 'K'))
    expect(refused).toEqual(
      expect.arrayContaining(['K=a#b', 'K=$a', "K='${a}'", 'K="a$b"', 'K="a\\\\b"', 'K=`a`', 'K= # a']),
    )
    expect(refused).toHaveLength(differs.length)
  })
})

test('any value without a single quote, ${ or double backslash can be written in single quotes', () => {
  const text = fc.string({ unit: fc.constantFrom(...Array.from('aZ09 #$"{}`\\=:!%&é\t')) })
  const value = text.filter((each) => !/\$\{|\\\\|\\$/.test(each))
  fc.assert(
    fc.property(value, (each) => {
      const line = `K='${each}'`
      expect(isTaken(line, 'K')).toBe(true)
      expect(parse(line)['K']).toBe(each)
    }),
  )
})

test('of a file only the settings are looked at, each is named once, and no value is shown', () => {
  const text = [
    '# REDIS_PASSWORD=a#b',
    'KAFKA_SASL_PASSWORD=sec#ret',
    "OPENAI_KEY='in order'",
    'SOMETHING_ELSE=a#b',
    'export REDIS_PASSWORD="sec$ret"',
    'REDIS_PASSWORD=plain',
    'LOG_LEVEL: debug',
    '',
  ].join('\r\n')
  const names = new Set(['KAFKA_SASL_PASSWORD', 'OPENAI_KEY', 'REDIS_PASSWORD', 'LOG_LEVEL'])
  const problems = envFileProblems(text, names)
  expect(problems.map((problem) => problem.split(' ')[0])).toEqual([
    'KAFKA_SASL_PASSWORD',
    'REDIS_PASSWORD',
    'LOG_LEVEL',
  ])
  expect(problems.join()).not.toMatch(/sec|ret|debug/)
  expect(problems[0]).toMatch(/^KAFKA_SASL_PASSWORD in \.env is not read the same by .*single quotes/)
})

test('a setting within the quotes of another is not taken for one', () => {
  expect(isTaken('OTHER="\nOPENAI_KEY=plain\n"\n', 'OPENAI_KEY')).toBe(false)
  expect(isTaken('\uFEFFOPENAI_KEY=plain\n', 'OPENAI_KEY')).toBe(true)
})

test.each(['.env.example', '.test.env.example'])('%s is read the same by all', (example) => {
  const text = readFileSync(example, 'utf8')
  expect(envFileProblems(text, new Set(Object.keys(parse(text))))).toEqual([])
})
