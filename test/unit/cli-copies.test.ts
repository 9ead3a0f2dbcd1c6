/** What commands read from messages that they meet in Kafka, whoever wrote them. */
import { describe, expect, test } from 'vitest'
import { processingIdIn, readFields } from '../../src/cli/copies.ts'

const nested = '['.repeat(100_000) + '42' + ']'.repeat(100_000)

describe('the id of a message', () => {
  test.each([
    ['a request', '{"processing_id": 9007199254740993}', 9_007_199_254_740_993n],
    ['a notification', '{"success": true, "response": {"processing_id": -42}}', -42n],
    ['a request with a byte order mark', '\ufeff{"processing_id": 42}', 42n],
    ['a request with a deeply nested field', `{"x": ${nested}, "processing_id": 42}`, 42n],
    ['a notification with one', `{"response": {"x": ${nested}, "processing_id": 42}}`, 42n],
    ['deeply nested arrays', nested, null],
    ['a fraction', '{"processing_id": 42.5}', null],
    ['a text', '{"processing_id": "42"}', null],
    ['a response that is no object', '{"response": "42"}', null],
    ['no JSON', '{"processing_id": 42', null],
  ])('of %s', (_name, value, id) => {
    expect(processingIdIn(Buffer.from(value))).toBe(id)
  })
})

test('a message that is nested too deeply to be shown has no fields', () => {
  expect(readFields(Buffer.from(`{"x": ${nested}}`))).toBeNull()
})
