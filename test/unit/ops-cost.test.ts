import { expect, test } from 'vitest'
import { costLine, costOf } from '../../src/ops/cost.ts'
import type { BacklogTime, FleetStatus } from '../../src/ops/fleet-status.ts'

const fleet = (used: number, waiting: bigint) =>
  ({
    redis: { budget: { open: true, axes: [{ axis: 'tokensPerDay', used }] } },
    backlog: { waiting },
  }) as unknown as FleetStatus
const times = { tokensEach: 2_000 } as unknown as BacklogTime

test('the tokens of the last day cost what a million costs, and the backlog what its requests usually take', () => {
  const cost = costOf(fleet(1_500_000, 1_000n), times, 0.7)
  expect(cost).toEqual({ price: 0.7, lastDay: expect.closeTo(1.05) as number, backlog: expect.closeTo(1.4) as number })
  expect(cost && costLine(cost)).toBe('cost of the last day 1.05, of the backlog about 1.40 (at 0.7 a million tokens)')
})

test('less than a hundredth is told too, and of an unknown backlog nothing', () => {
  const unknown = { ...fleet(2_000, 0n), backlog: { error: 'away' } } as FleetStatus
  const cost = costOf(unknown, null, 0.7)
  expect(cost && costLine(cost)).toBe('cost of the last day 0.0014 (at 0.7 a million tokens)')
})

test('of a lost budget nothing is told: it would be 0.00', () => {
  const budget = { open: false, axes: [{ axis: 'tokensPerDay', used: 0 }] }
  expect(costOf({ ...fleet(0, 9n), redis: { budget } } as unknown as FleetStatus, times, 1)).toBeNull()
})

test('without a budget there is no cost', () => {
  expect(costOf({ ...fleet(0, 0n), redis: { error: 'away' } }, null, 1)).toBeNull()
})
