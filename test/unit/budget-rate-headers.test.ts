import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseDuration, remainingOf, retryAfterMs } from '../../src/budget/rate-headers.ts'

test.each([
  ['6m0s', 360_000],
  ['1h2m3.5s', 3_723_500],
  ['12ms', 12],
  ['0.4ms', 1],
  ['1.1s', 1_100],
  ['7', 7_000],
  ['2d', 86_400_000],
  [' 1s ', 1_000],
  ['-1', null],
  ['', null],
  ['soon', null],
  ['1s or so', null],
  ['1e9', null],
])('the duration %j is %j ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
})

test('whatever is garbage in the headers says nothing, and nothing throws', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (one, other) => {
      const headers = {
        'retry-after': one,
        'retry-after-ms': other,
        'x-ratelimit-remaining-tokens': one,
        'x-ratelimit-reset-tokens': other,
      }
      const ms = retryAfterMs(headers) ?? 0
      expect(ms >= 0 && ms <= 86_400_000).toBe(true)
      expect(remainingOf(headers).tokens?.units ?? 0).toBeGreaterThanOrEqual(0)
    }),
  )
})

test('retry-after is read in ms, in seconds, and as a date by the clock of the server', () => {
  expect(retryAfterMs({})).toBeNull()
  expect(retryAfterMs({ 'retry-after': '90' })).toBe(90_000)
  expect(retryAfterMs({ 'retry-after': '90', 'retry-after-ms': '1500.2' })).toBe(1_501)
  expect(retryAfterMs({ 'retry-after': '5', 'retry-after-ms': '-1' })).toBe(5_000)
  const date = 'Sat, 21 Nov 2026 10:00:00 GMT'
  expect(retryAfterMs({ date, 'retry-after': 'Sat, 21 Nov 2026 10:00:07 GMT' })).toBe(7_000)
  expect(retryAfterMs({ date, 'retry-after': 'Sat, 21 Nov 2026 09:00:00 GMT' })).toBe(0)
  expect(retryAfterMs({ date, 'retry-after': '-1' })).toBeNull()
})

test('what remains is told only with when it is whole again', () => {
  expect(
    remainingOf({
      'x-ratelimit-remaining-requests': '2',
      'x-ratelimit-reset-requests': '20s',
      'x-ratelimit-remaining-tokens': '-1',
      'x-ratelimit-reset-tokens': '1s',
    }),
  ).toEqual({ requests: { units: 2, resetMs: 20_000 }, tokens: null })
  expect(remainingOf({ 'x-ratelimit-remaining-requests': '0' })).toEqual({ requests: null, tokens: null })
})
