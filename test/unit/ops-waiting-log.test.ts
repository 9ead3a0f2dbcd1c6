import { beforeEach, describe, expect, test } from 'vitest'
import type { BudgetStatus } from '../../src/budget/status.ts'
import type { Log, LogFields } from '../../src/logging/log.ts'
import { createWaitingTeller, summaryOf } from '../../src/ops/waiting-log.ts'

const lines: [string, LogFields][] = []
const quiet = () => {}
const log: Log = {
  error: quiet,
  warn: quiet,
  debug: quiet,
  info: (message, fields = {}) => lines.push([message, fields]),
}
const axis = { usedElsewhere: 0, nextFreeInMs: 12_000 }
const status: BudgetStatus = {
  open: true,
  axes: [
    { ...axis, axis: 'requestsPerMinute', limit: 3, used: 3, free: 0 },
    { ...axis, axis: 'requestsPerDay', limit: 200, used: 3, free: 197 },
  ],
  waiting: 1,
  heldForMs: 0,
  closedForMs: 0,
}

/** Seconds go by as the test says; `next` is what the budget told. */
function createClock(told = status) {
  const at = { nowMs: 0, nextMs: null as number | null }
  const tick = createWaitingTeller({
    budget: { nextTurnInMs: () => at.nextMs, status: () => Promise.resolve(told) },
    waiting: () => 18,
    log,
    now: () => at.nowMs,
  })
  return async (seconds: number, nextMs: number | null) => {
    at.nextMs = nextMs
    for (let second = 0; second < seconds; second++) {
      at.nowMs += 1_000
      tick()
      await Promise.resolve()
      await Promise.resolve()
      await Promise.resolve()
    }
  }
}

beforeEach(() => void lines.splice(0))

describe('waiting for the budget', () => {
  test('is told at once with how many wait and how long, at growing intervals, and when it is over', async () => {
    const pass = createClock()
    await pass(1, 12_000)
    expect(lines).toEqual([
      ['requests wait for the budget', { waiting: 18, nextInSeconds: 12, spent: 'requestsPerMinute 3/3' }],
    ])
    await pass(220, 12_000)
    expect(lines.map(([, { forSeconds }]) => forSeconds)).toEqual([undefined, 30, 90, 210])
    await pass(5, null)
    expect(lines.at(-1)).toEqual(['no request waits for the budget any more', { forSeconds: 220 }])
    expect(lines).toHaveLength(5)
  })

  test('names a closing and a hold, which no spent axis explains', async () => {
    const free = status.axes.map((each) => ({ ...each, used: 1, free: 2 }))
    await createClock({ ...status, axes: free, closedForMs: 41_000, heldForMs: 5_000 })(1, 41_000)
    expect(lines[0]?.[1]).toMatchObject({
      nextInSeconds: 41,
      because: expect.stringMatching(/retry-after holds it; it is closed, since Redis does not know/),
    })
    expect(lines[0]?.[1]).not.toHaveProperty('spent')
  })

  test('tells how full the budget is when the rest is too small for the next request', async () => {
    const rest = status.axes.map((each) => ({ ...each, limit: 3, used: 2, free: 1 }))
    await createClock({ ...status, axes: rest })(1, 12_000)
    expect(lines[0]?.[1]).toMatchObject({ used: 'requestsPerMinute 2/3, requestsPerDay 2/3' })
  })

  test('is one wait although it is somebody’s turn now and then', async () => {
    const pass = createClock()
    for (let turn = 0; turn < 10; turn++) {
      await pass(2, 4_000)
      await pass(1, null)
    }
    expect(lines).toHaveLength(1)
  })

  test('is told of short waits only when they do not end', async () => {
    const pass = createClock()
    await pass(1, 150)
    await pass(5, null)
    expect(lines).toEqual([])
    await pass(4, 150)
    expect(lines.map(([message]) => message)).toEqual(['requests wait for the budget'])
  })
})

test('a summary counts what came since the one before', () => {
  const before = { success: 3, outage: 1 }
  const after = { success: 10, outage: 2, invalid_request: 4, refused: 5, duplicate: 1, dead_letter: 2 }
  expect(summaryOf(before, after)).toEqual({ done: 7, failed: 5, refused: 5, duplicates: 1, deadLetters: 2 })
})
