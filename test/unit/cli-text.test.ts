/** How commands show values, and what they read from messages. */
import fc from 'fast-check'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { processingIdIn, readFields } from '../../src/cli/copies.ts'
import { readDuration, readSeconds } from '../../src/cli/define.ts'
import { originalOf, readLetter } from '../../src/cli/letters.ts'
import { duration, table } from '../../src/lib/text.ts'
import { reviewLine } from '../../src/ops/status-lines.ts'
import { deadLetter, withoutValue } from '../../src/outcomes/dead-letter.ts'
import { stringifyExact } from '../../src/lib/json.ts'

test.each([
  [0, '0s'],
  [1, '1s'],
  [59_001, '1m'],
  [61_000, '1m 1s'],
  [3_600_000, '1h'],
  [90_061_000, '1d 1h'],
])('%d ms are shown as %s', (ms, text) => {
  expect(duration(ms)).toBe(text)
})

test('times are read with their units', () => {
  expect(['90s', '30m', '12h', '3d'].map((text) => readDuration('x', text))).toEqual([9e4, 18e5, 432e5, 2592e5])
})

test('seconds of a wait: more than a timer can wait are as many as it can', async () => {
  expect(readSeconds('x', '90')).toBe(90_000)
  const woken = vi.fn<() => void>()
  const timer = setTimeout(woken, readSeconds('x', '999999999'))
  await sleep(50)
  clearTimeout(timer)
  expect(woken).not.toHaveBeenCalled()
})

test('tables align numbers to the right and show what is missing as a dash', () => {
  expect(
    table(
      ['name', 'count'],
      [
        ['a', 5n],
        ['bcdef', null],
      ],
    ),
  ).toEqual(['name   count', 'a          5', 'bcdef      -'])
})

test('ids are found with all their digits, in requests and in notifications, and nowhere else', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.string(), (id, resume) => {
      const request = { processing_id: id, resume }
      expect(processingIdIn(Buffer.from(stringifyExact(request)))).toBe(id)
      expect(processingIdIn(Buffer.from(stringifyExact({ response: request })))).toBe(id)
      const quoted = { resume: stringifyExact(request), processing_id: id.toString() }
      expect(processingIdIn(Buffer.from(stringifyExact(quoted)))).toBeNull()
    }),
  )
})

test.each(['null', '[1]', '5', '"x"', 'no JSON', ''])('%s holds no fields', (text) => {
  expect(readFields(Buffer.from(text))).toBeNull()
  expect(processingIdIn(Buffer.from(text))).toBeNull()
})

const source = {
  topic: 'in',
  partition: 3,
  offset: 2n ** 60n,
  timestampMs: 1_800_000_000_123,
  key: Buffer.from('new_request'),
  value: Buffer.from([0xff, 0x00]),
  headers: { trace: [Buffer.from('a'), Buffer.from('b')] },
}
const arrived = { topic: 'dead', partition: 0, offset: 1n, timestampMs: 5 }

test('a dead letter becomes the message again that it was, to the byte', () => {
  const { key, value, headers } = deadLetter('dead', source, 'not_utf8', 'why')
  const copy = { ...arrived, key: key as Buffer, value: value as Buffer, headers }
  expect(originalOf(copy, 'in')).toEqual({ topic: 'in', key: source.key, value: source.value, headers: source.headers })
  const { topic, partition, offset, timestampMs } = source
  expect(readLetter(copy)).toMatchObject({
    reason: 'not_utf8',
    source: { topic, partition, offset, timestampMs },
    isWithoutValue: false,
  })
})

test('a letter without its value is known for one', () => {
  const { headers } = withoutValue(deadLetter('dead', source, 'not_utf8', 'why'))
  expect(readLetter({ ...arrived, key: null, value: null, headers })).toMatchObject({ isWithoutValue: true })
})

test('a message that no worker wrote to the dead letters is shown without a source', () => {
  expect(readLetter({ ...arrived, key: null, value: Buffer.from('x'), headers: {} })).toMatchObject({
    reason: 'unknown',
    source: null,
    processingId: null,
  })
})

test('of many results to be reviewed the newest ten are named', () => {
  const ids = Array.from({ length: 12 }, (_, index) => String(100 - index))
  expect(reviewLine([])).toBe('to be reviewed: nothing')
  expect(reviewLine(['9223372036854775807'])).toBe('to be reviewed: 1, newest first 9223372036854775807')
  expect(reviewLine(ids)).toBe('to be reviewed: 12, newest first 100, 99, 98, 97, 96, 95, 94, 93, 92, 91, and 2 before')
})
