/**
 * At RPM 600 and BUDGET_BURST 60 a grant was void 25 ms after it was asked for: a busy machine lost a third of the budget. A burst
 * now keeps a part of itself back for requests that are late.
 */
import { expect, test } from 'vitest'
import { paceOf } from '../../src/budget/limits.ts'

const limitsOf = (requestsPerMinute: number) => ({
  requestsPerMinute,
  requestsPerDay: null,
  tokensPerMinute: null,
  tokensPerDay: null,
})

test('a burst gives its requests time to be sent', () => {
  expect(paceOf(limitsOf(600), 60).sendWithinMs).toBeGreaterThan(250)
  expect(paceOf(limitsOf(60), 10).sendWithinMs).toBe(450)
})

test.each([
  [60, 1],
  [60, 2],
  [60, 10],
  [600, 60],
])('RPM %i, burst %i: a provider that enforces just that turns down none, however late they are sent', (rpm, burst) => {
  const { spacingMs, aheadMs, sendWithinMs } = paceOf(limitsOf(rpm), burst)
  const grants: number[] = []
  let tat = 0
  for (let count = 0; count < 3 * burst + 20; count++) {
    const atMs = Math.max(0, tat - aheadMs)
    grants.push(atMs)
    tat = Math.max(tat, atMs) + spacingMs
  }
  const evenMs = 60_000 / rpm
  // At that moment all calls are sent that were granted within the last `sendWithinMs`; the others are sent at once.
  for (const jamMs of grants) {
    const arrivals = grants.map((atMs) => (atMs < jamMs && atMs >= jamMs - sendWithinMs ? jamMs : atMs))
    let full = 0
    for (const atMs of arrivals.toSorted((one, other) => one - other)) {
      expect(full - atMs).toBeLessThanOrEqual((burst - 1) * evenMs + 1e-6)
      full = Math.max(full, atMs) + evenMs
    }
  }
})
