import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Log, LogFields } from '../../src/logging/log.ts'
import type { ForeignKeys } from '../../src/ops/foreign-keys.ts'
import { createForeignKeys, shownKey } from '../../src/ops/foreign-keys.ts'

const lines: [string, LogFields][] = []
const quiet = () => {}
const log: Log = {
  error: quiet,
  info: quiet,
  debug: quiet,
  warn: (message, fields = {}) => lines.push([message, fields]),
}
let keys: ForeignKeys

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  lines.splice(0)
  keys = createForeignKeys('new_request', log)
})
afterEach(() => {
  keys.close()
  vi.useRealTimers()
})

const key = (text: string) => Buffer.from(text)

const message = 'messages are skipped: their key is not new_request'

test('the first ones are told in one line, then once a minute, as long as more come', () => {
  keys.count(null)
  // The rest of the backlog comes with later fetches.
  vi.advanceTimersByTime(400)
  for (const each of [key('new_req'), key('new_req')]) keys.count(each)
  expect(lines).toEqual([])
  vi.advanceTimersByTime(600)
  expect(lines).toEqual([[message, { skipped: 3, sinceStart: 'none: 1, "new_req": 2' }]])
  keys.count(null)
  vi.advanceTimersByTime(59_000)
  expect(lines).toHaveLength(1)
  vi.advanceTimersByTime(1_000)
  expect(lines.at(-1)).toEqual([message, { skipped: 1, sinceStart: 'none: 2, "new_req": 2' }])
  vi.advanceTimersByTime(600_000)
  expect(lines).toHaveLength(2)
  keys.count(key('x'))
  vi.advanceTimersByTime(1_000)
  expect(lines).toHaveLength(3)
})

test('what was not told before the end is told then', () => {
  keys.count(null)
  keys.close()
  expect(lines).toEqual([[message, { skipped: 1, sinceStart: 'none: 1' }]])
  vi.advanceTimersByTime(600_000)
  expect(lines).toHaveLength(1)
})

test('however many keys there are, twenty are told apart', () => {
  for (let each = 0; each < 1_000; each++) keys.count(key(`key ${each}`))
  const counts = keys.counts()
  expect(Object.keys(counts)).toHaveLength(21)
  expect(counts['others']).toBe(980)
})

test.each([
  [null, 'none'],
  [key(''), '""'],
  [key('заявка'), '"заявка"'],
  [key('a"b\\c'), String.raw`"a\"b\\c"`],
  [key('new\u{1b}[31m_request\n'), String.raw`"new\\u{1b}[31m_request\\u{a}"`],
  [key('\u{202e}tseuqer'), String.raw`"\\u{202e}tseuqer"`],
  [Buffer.from([0xff, 0xfe]), '"\u{fffd}\u{fffd}"'],
  [key('я'.repeat(100)), `"${'я'.repeat(40)}"...`],
  [key('𐍈'.repeat(100_000)), `"${'𐍈'.repeat(40)}"...`],
])('a key is shown so that it can do no harm: %#', (raw, shown) => {
  expect(shownKey(raw)).toBe(shown)
})
