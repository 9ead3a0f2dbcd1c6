/** A worker without limits stood still for a minute after Redis had lost its data, although nothing could be overspent. */
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { createFleet, grantOf } from '../redis/budget-support.ts'

let fleet: ReturnType<typeof createFleet>

beforeEach(() => {
  fleet = createFleet(inject('redisUrl'))
})
afterEach(() => fleet.close())

test('a budget without limits grants as soon as it is rebuilt, and says that it is not closed', async () => {
  await fleet.trust()
  const signal = AbortSignal.timeout(20_000)
  const budget = fleet.worker()
  await budget.initialise(signal)
  await budget.closeFor(60_000, signal)
  await budget.rebuild([], signal)
  const grant = grantOf(await budget.reserve({ tokens: 10, user: '', urgent: false, alone: false }, signal))
  expect(grant.waitedMs).toBeLessThan(10_000)
  expect((await budget.status()).closedForMs).toBe(0)
})
