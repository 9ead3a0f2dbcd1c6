import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Address, Score } from '../../src/contracts.ts'
import { decodeRequest, encodeFailure, encodeRecord, encodeSuccess } from '../../src/contracts.ts'

const valid = {
  callback_url: '"https://example.org/cb?token=1"',
  processing_id: '9223372036854775807',
  user_id: '-9223372036854775808',
  resume_id: '9007199254740993',
  requirements_id: '0',
  requirements: '"TypeScript"',
  resume: '"Пишу на TypeScript"',
}

const message = (fields: Record<string, string | undefined>) =>
  Buffer.from(
    `{${Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `"${name}":${value}`)
      .join(',')}}`,
  )

const address: Address = {
  callbackUrl: 'https://example.org/cb?token=1',
  processingId: 9223372036854775807n,
  userId: -9223372036854775808n,
  resumeId: 9007199254740993n,
  requirementsId: 0n,
}

describe('a request', () => {
  test('keeps ids beyond 2^53 to the last digit', () => {
    expect(decodeRequest(message(valid))).toEqual({
      kind: 'request',
      request: { address, requirements: 'TypeScript', resume: 'Пишу на TypeScript' },
    })
  })

  test('may carry fields that nobody asked for', () => {
    expect(decodeRequest(message({ ...valid, extra: '{"a":[1e400]}' })).kind).toBe('request')
  })

  test.each([
    '"42"',
    '-0',
    '4.5',
    '4.0',
    '1e3',
    '9223372036854775808',
    '-9223372036854775809',
    'null',
    'true',
    '[1]',
    undefined,
  ])('with %s for an id cannot be answered', (id) => {
    for (const field of ['processing_id', 'user_id', 'resume_id', 'requirements_id']) {
      const decoded = decodeRequest(message({ ...valid, [field]: id }))
      expect(decoded).toEqual({
        kind: 'unanswerable',
        reason: 'bad_id',
        detail: `${field}: ${id === undefined ? 'missing' : 'no signed 64-bit integer'}`,
      })
    }
  })

  test.each(['5', 'null', undefined])('with %s for the callback URL cannot be answered', (url) => {
    expect(decodeRequest(message({ ...valid, callback_url: url }))).toMatchObject({
      reason: 'bad_callback_url',
      detail: `callback_url: ${url === undefined ? 'missing' : 'no string'}`,
    })
  })

  test.each(['5', 'null', '""', '" \\n"', '"\\u200b \\ufeff"', '["a"]', undefined])(
    'with %s for a text is told which field is wrong',
    (text) => {
      expect(decodeRequest(message({ ...valid, resume: text }))).toEqual({
        kind: 'invalid',
        address,
        problem: 'Запрос составлен неверно: поле «resume» должно быть непустой строкой.',
      })
      expect(decodeRequest(message({ ...valid, resume: text, requirements: text }))).toMatchObject({
        problem: 'Запрос составлен неверно: поля «requirements» и «resume» должны быть непустой строкой.',
      })
    },
  )

  test.each([
    ['no value', null, 'not_json_object'],
    ['nothing', Buffer.alloc(0), 'not_json_object'],
    ['half an object', Buffer.from('{"a":'), 'not_json_object'],
    ['an array', Buffer.from('[{}]'), 'not_json_object'],
    ['a number', Buffer.from('7'), 'not_json_object'],
    ['null', Buffer.from('null'), 'not_json_object'],
    ['nested too deeply', Buffer.from('['.repeat(200_000)), 'not_json_object'],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'not_utf8'],
  ])('that is %s cannot be answered', (_name, value, reason) => {
    expect(decodeRequest(value)).toMatchObject({ kind: 'unanswerable', reason })
  })

  test('of any bytes is decoded or told what is wrong, and never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => new TextEncoder().encode(text)),
        ),
        (bytes) => {
          expect(['request', 'invalid', 'unanswerable']).toContain(decodeRequest(Buffer.from(bytes)).kind)
        },
      ),
    )
  })
})

const score: Score = { score: 75, matches: ['TypeScript'], recommendation: 'Пригласить.', verdict: 'Подходит' }

describe('an outcome', () => {
  test('of success has the fields of the contract in the order of the original', () => {
    expect(encodeSuccess(address, score)).toBe(
      '{"success":true,"response":{"score":75,"matches":["TypeScript"],"recommendation":"Пригласить.","verdict":"Подходит",' +
        '"callback_url":"https://example.org/cb?token=1","processing_id":9223372036854775807,"user_id":-9223372036854775808,' +
        '"requirements_id":0,"resume_id":9007199254740993},"message_error":null,"wait_seconds":null}',
    )
  })

  test('for the database is the response without the callback URL', () => {
    const { callback_url: _url, ...rest } = (
      JSON.parse(encodeSuccess(address, score)) as { response: Record<string, unknown> }
    ).response
    expect(JSON.parse(encodeRecord(address, score))).toEqual(rest)
    expect(encodeRecord(address, score)).toContain('"processing_id":9223372036854775807')
  })

  test('of failure holds the address and no score', () => {
    expect(encodeFailure(address, 'Почему', 17)).toBe(
      '{"success":false,"response":{"callback_url":"https://example.org/cb?token=1","processing_id":9223372036854775807,' +
        '"user_id":-9223372036854775808,"requirements_id":0,"resume_id":9007199254740993},"message_error":"Почему","wait_seconds":17}',
    )
  })
})
