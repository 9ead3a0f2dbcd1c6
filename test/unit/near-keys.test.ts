import { expect, it } from 'vitest'
import { createNearKeyWatch, isNearKey } from '../../src/pipeline/near-keys.ts'
import { keepingLog } from '../support/kafka-testing.ts'

it.each(['"new_request"', 'new_request\n', "'new_request'", ' NEW_REQUEST', 'New_Request'])(
  'the key %s is a near one',
  (key) => {
    expect(isNearKey(Buffer.from(key))).toBe(true)
  },
)

it('other keys of the topic, and none, are no near keys', () => {
  const others = ['delete_request', 'new_requests', 'old new_request', '', `"${' '.repeat(1_000)}new_request"`]
  expect(others.filter((key) => isNearKey(Buffer.from(key)))).toEqual([])
  expect(isNearKey(null)).toBe(false)
})

it('a thousand messages with quotes around their key are four warnings, each with the number seen', () => {
  const log = keepingLog()
  const watch = createNearKeyWatch(log)
  for (let offset = 0n; offset < 1_000n; offset++) watch({ key: Buffer.from('"new_request"'), partition: 0, offset })
  watch({ key: Buffer.from('delete_request'), partition: 0, offset: 1_000n })
  expect(log.lines.map(({ level, fields }) => [level, fields['seen']])).toEqual([
    ['warn', 1],
    ['warn', 10],
    ['warn', 100],
    ['warn', 1_000],
  ])
})
