import { readdirSync, readFileSync } from 'node:fs'
import { Parser } from '@asyncapi/parser'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { encodeFailure, encodeRecord, encodeSuccess } from '../../src/contracts.ts'
import { FAILURES } from '../../src/errors.ts'
import { DEAD_LETTER_HEADERS } from '../../src/outcomes/dead-letter.ts'
import { provenanceHeaders } from '../../src/outcomes/headers.ts'
import {
  deadLetterHeadersSchema,
  encodeRequest,
  parseNotification,
  parseRecord,
  parseRequest,
  successHeadersSchema,
} from '../../src/schemas.ts'
import { contractDocuments } from '../../tools/contracts/documents.ts'
import type { SampleName } from '../../tools/contracts/samples.ts'
import { sampleTexts } from '../../tools/contracts/samples.ts'

const DIRECTORY = 'docs/contract'
/** Severities of a diagnostic. */
const ERROR = 0
const WARNING = 1
type Graded = { severity: number }

test('the documents in the repository are those of today’s schemas (npm run contracts)', () => {
  const kept = new Map(
    readdirSync(DIRECTORY)
      .filter((name) => name.endsWith('.json'))
      .map((name) => [name, readFileSync(`${DIRECTORY}/${name}`, 'utf8')]),
  )
  expect(Object.fromEntries(kept), 'stale: run `npm run contracts`').toEqual(Object.fromEntries(contractDocuments()))
})

describe('the AsyncAPI document', () => {
  test('passes the parser of AsyncAPI', async () => {
    const { document, diagnostics } = await new Parser().parse(contractDocuments().get('asyncapi.json') ?? '')
    expect(diagnostics.filter(({ severity }: Graded) => severity <= WARNING)).toEqual([])
    expect(document?.operations().all()).toHaveLength(5)
  })

  test('would fail the parser with a wrong action', async () => {
    const text = contractDocuments().get('asyncapi.json') ?? ''
    const { diagnostics } = await new Parser().parse(text.replace('"action": "send"', '"action": "sent"'))
    expect(diagnostics.filter(({ severity }: Graded) => severity === ERROR)).not.toEqual([])
  })

  test('names every failure text', () => {
    const text = contractDocuments().get('asyncapi.json') ?? ''
    for (const { message } of Object.values(FAILURES)) expect(text).toContain(message)
  })
})

describe('the JSON Schemas', () => {
  const validator = (name: string) => {
    const schema = JSON.parse(contractDocuments().get(`${name}.schema.json`) ?? '') as object
    return new Ajv({ formats: { int64: true }, allErrors: true }).compile(schema)
  }
  const sample = (name: SampleName) => JSON.parse(sampleTexts[name]) as Record<string, unknown>

  test.each([
    ['request', 'request'],
    ['notification', 'success'],
    ['notification', 'refusal'],
    ['notification', 'failure'],
    ['success', 'success'],
    ['failure', 'refusal'],
    ['processing-record', 'record'],
  ] as const)('%s accepts the sample %s', (schema, name) => {
    const validate = validator(schema)
    validate(sample(name))
    expect(validate.errors).toBeNull()
  })

  test.each([
    ['request', { ...sample('request'), resume: ' ' }],
    ['request', { ...sample('request'), user_id: '7' }],
    ['notification', { ...sample('refusal'), wait_seconds: 0 }],
    ['notification', { ...sample('success'), success: false }],
    ['processing-record', { ...sample('record'), score: 101 }],
  ])('%s refuses what breaks it: %#', (schema, value) => {
    expect(validator(schema)(value)).toBe(false)
  })
})

describe('docs/contract.md', () => {
  const guide = readFileSync('docs/contract.md', 'utf8')

  test('names every failure text, header and reason', () => {
    const reasons = deadLetterHeadersSchema.shape['dead-letter-reason'].options
    const headers = [...Object.keys(successHeadersSchema.shape), ...Object.values(DEAD_LETTER_HEADERS)]
    const texts = Object.values(FAILURES).map(({ message }) => message)
    expect([...texts, ...headers, ...reasons].filter((each) => !guide.includes(each))).toEqual([])
  })

  test('shows samples that the schemas accept', () => {
    const shown = [...guide.matchAll(/```json\n(.*?)```/gs)].map(([, text]) => text ?? '')
    expect(shown.map((text) => JSON.parse(text) as unknown)).toEqual(
      Object.values(sampleTexts).map((text) => JSON.parse(text) as unknown),
    )
  })
})

describe('what the worker writes', () => {
  const address = {
    callbackUrl: 'https://example.org/',
    processingId: 9223372036854775807n,
    userId: -9223372036854775808n,
    resumeId: 9007199254740993n,
    requirementsId: 0n,
  }
  const ids = {
    processing_id: address.processingId,
    user_id: address.userId,
    requirements_id: address.requirementsId,
    resume_id: address.resumeId,
  }
  const score = { score: 100, matches: ['Kafka'], recommendation: 'Да.', verdict: 'Подходит' as const }

  test('reads back with every id to the last digit', () => {
    const response = { ...score, callback_url: address.callbackUrl, ...ids }
    expect(parseNotification(encodeSuccess(address, score))).toMatchObject({ success: true, response })
    expect(parseNotification(Buffer.from(encodeFailure(address, 'Нет.', 5)))).toMatchObject({ wait_seconds: 5 })
    expect(parseRecord(encodeRecord(address, score))).toEqual({ ...score, ...ids })
  })

  test('reads a request that a producer wrote', () => {
    const request = { callback_url: 'https://example.org/', ...ids, requirements: 'Kafka', resume: 'Kafka' }
    expect(parseRequest(encodeRequest(request))).toEqual(request)
  })

  test('is no JSON where it is nested too deeply to be read', () => {
    const nested = '['.repeat(100_000) + ']'.repeat(100_000)
    expect(() => parseRequest(`{"x":${nested}}`)).toThrow(SyntaxError)
  })

  test.each([
    ['a wait of 0', '"wait_seconds":5', '"wait_seconds":0'],
    ['a fraction in an id', '9007199254740993', '9007199254740993.0'],
    ['an id of more than 64 bits', '9223372036854775807', '9223372036854775808'],
  ])('is not what %s would be', (_what, good, bad) => {
    const text = encodeFailure(address, 'Нет.', 5)
    expect(text).toContain(good)
    expect(() => parseNotification(text.replace(good, bad))).toThrow(/wait_seconds|resume_id|processing_id/)
  })

  test('has the headers of the schemas, and no others', () => {
    const own = provenanceHeaders({
      model: 'gpt',
      promptVersion: 'prompt-1',
      promptTokens: 1,
      completionTokens: 2,
      modelScore: 50,
      flags: ['resume:fake_answer'],
      review: ['flagged'],
    })
    const effort = { 'scoring-attempts': '1', 'scoring-billed-tokens': '3' }
    expect(successHeadersSchema.strict().parse({ ...own, ...effort })).toEqual({ ...own, ...effort })
    expect(Object.keys(deadLetterHeadersSchema.shape)).toEqual(Object.values(DEAD_LETTER_HEADERS))
  })
})
