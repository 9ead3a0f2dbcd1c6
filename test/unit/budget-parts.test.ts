import { expect, test } from 'vitest'
import { createJournal } from '../../src/budget/journal.ts'
import { BUDGET_WINDOWS, isTooLong, paceOf } from '../../src/budget/limits.ts'
import type { BudgetLimits } from '../../src/budget/limits.ts'
import { createAlarm } from '../../src/lib/alarm.ts'
import { readStatus, timeForBacklog } from '../../src/budget/status.ts'

const none: BudgetLimits = { requestsPerMinute: null, requestsPerDay: null, tokensPerMinute: null, tokensPerDay: null }
const { signal } = new AbortController()

test('the margin that keeps a rolling minute exact costs less than 2 % of it', () => {
  expect(BUDGET_WINDOWS.marginMs / BUDGET_WINDOWS.minuteMs).toBeLessThan(0.02)
})

test('requests are spaced only when the burst is below the minute, and never by so much that a tenth is lost', () => {
  const limits = { ...none, requestsPerMinute: 60 }
  expect(paceOf(limits, null)).toEqual({ spacingMs: 0, aheadMs: 0, sendWithinMs: 450 })
  expect(paceOf(limits, 60).spacingMs).toBe(0)
  expect(paceOf(none, 1).spacingMs).toBe(0)
  for (const burst of [1, 2, 30]) {
    const { spacingMs, aheadMs, sendWithinMs } = paceOf(limits, burst)
    expect(spacingMs).toBeGreaterThan(1_000)
    expect(spacingMs).toBeLessThan(1_000 / 0.9)
    expect(aheadMs).toBeGreaterThanOrEqual((burst - 1) * spacingMs * 0.9)
    expect(aheadMs).toBeLessThanOrEqual((burst - 1) * spacingMs)
    expect(sendWithinMs).toBeLessThanOrEqual(450)
  }
})

test('a request is too long when it is over a token limit alone', () => {
  expect(isTooLong(1_000, none)).toBe(false)
  expect(isTooLong(1_000, { ...none, tokensPerMinute: 1_000 })).toBe(false)
  expect(isTooLong(1_001, { ...none, tokensPerMinute: 1_000 })).toBe(true)
  expect(isTooLong(1_001, { ...none, tokensPerDay: 1_000 })).toBe(true)
})

test('a ring before the sleep is not lost, and an abort ends the sleep', async () => {
  const alarm = createAlarm()
  alarm.ring()
  await alarm.sleep(60_000, signal)
  const sleeping = alarm.sleep(60_000, AbortSignal.timeout(10))
  await expect(sleeping).rejects.toThrow('timeout')
  const woken = alarm.sleep(60_000, signal)
  alarm.ring()
  await expect(woken).resolves.toBeUndefined()
})

test('the journal knows what no published outcome tells of, and forgets it a minute after its publication', () => {
  let now = 0
  const journal = createJournal(() => now)
  for (const id of ['a', 'b', 'c']) journal.granted({ id, atMs: 1, requests: 1, tokens: 100 })
  journal.settled('b', 40)
  journal.published(['a'])
  expect(journal.spendings().map(({ id, tokens }) => [id, tokens])).toEqual([
    ['a', 100],
    ['b', 40],
    ['c', 100],
  ])
  now = 60_001
  expect(journal.spendings().map(({ id }) => id)).toEqual(['b', 'c'])
})

test('the journal of a worker that is never told of publications stays bounded', () => {
  const journal = createJournal(() => 0)
  for (let id = 0; id < 30_000; id++) journal.granted({ id: String(id), atMs: 1, requests: 1, tokens: 1 })
  expect(journal.spendings()).toHaveLength(20_000)
})

test('a lost budget is shown as such, and a backlog takes as long as its slowest limit', () => {
  const limits = { ...none, requestsPerMinute: 10, tokensPerDay: 100_000 }
  expect(readStatus(['lost'], limits)).toMatchObject({ open: false, waiting: 0 })
  const status = readStatus(['ok', 'g', 2, 0, 0, 4, 900, 0, 50, 900, 0, 4, 9e6, 0, 50_000, 8e6, 10_000], limits)
  expect(status.axes.map(({ free }) => free)).toEqual([6, null, null, 40_000])
  expect(timeForBacklog(status, 6, 10)).toEqual({ ms: 0, axis: null })
  expect(timeForBacklog(status, 16, 10)).toEqual({ ms: 60_000, axis: 'requestsPerMinute' })
  expect(timeForBacklog(status, 16, 10_000)).toEqual({ ms: 86_400_000 * 1.2, axis: 'tokensPerDay' })
})
