/** How much of a day one user may take while others are served. The real script, with days of a few seconds. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, inject, test } from 'vitest'
import type { BudgetDecision } from '../../src/budget/budget.ts'
import { waitUntil } from '../support/wait.ts'
import { fleetOfEachTest } from './budget-of-each-test.ts'
import { connect, grantOf } from './budget-support.ts'

const { signal } = new AbortController()
const fleet = fleetOfEachTest()

type Worker = ReturnType<typeof fleet.worker>

async function worker(settings: Parameters<typeof fleet.worker>[0]): Promise<Worker> {
  const budget = fleet.worker(settings)
  await budget.initialise(signal)
  return budget
}

const reserve = (budget: Worker, user: string, tokens = 10): Promise<BudgetDecision> =>
  budget.reserve({ tokens, user, urgent: false, alone: false }, signal)

test('a user who has had the share of a day is refused, by every worker, while another one is served', async () => {
  const settings = { limits: { requestsPerDay: 8 }, userShare: 0.25 }
  const [one, other] = [await worker(settings), await worker(settings)]
  expect([await reserve(one, '1'), await reserve(other, '1')]).toMatchObject([{ kind: 'granted' }, { kind: 'granted' }])
  expect(await reserve(other, '1')).toMatchObject({ kind: 'refused' })
  expect(await reserve(other, '2')).toMatchObject({ kind: 'granted' })
  expect((await one.status()).axes[2]?.used).toBe(3)
})

test('the wait that a refused user is told is true: sent again then, the request is granted', async () => {
  const windows = { minuteMs: 500, dayMs: 2_500, marginMs: 2_000 }
  const budget = await worker({ limits: { requestsPerDay: 2 }, userShare: 0.5, windows })
  const sinceMs = performance.now()
  await reserve(budget, '1')
  const refused = await reserve(budget, '1')
  if (refused.kind !== 'refused') throw new Error(`it is ${refused.kind}`)
  expect(refused.waitMs + performance.now() - sinceMs).toBeGreaterThan(4_400)
  expect(refused.waitMs).toBeLessThanOrEqual(4_700)
  await sleep(refused.waitMs)
  expect(await reserve(budget, '1')).toMatchObject({ kind: 'granted' })
})

test('tokens count as they were billed, and a request larger than the share is granted to a user who has had nothing', async () => {
  const budget = await worker({ limits: { tokensPerDay: 1_000 }, userShare: 0.1 })
  const granted = grantOf(await reserve(budget, '1', 300))
  expect(await reserve(budget, '1', 10)).toMatchObject({ kind: 'refused' })
  await budget.settle(granted, 80, signal)
  expect(await reserve(budget, '1', 20)).toMatchObject({ kind: 'granted' })
  expect(await reserve(budget, '1', 1)).toMatchObject({ kind: 'refused' })
})

test('a request that the budget refuses, or that gives up, takes nothing of its share', async () => {
  const limits = { requestsPerMinute: 1, requestsPerDay: 4 }
  const impatient = await worker({ limits, userShare: 0.5, maxWaitMs: 0 })
  await reserve(impatient, '2')
  expect(await reserve(impatient, '1')).toMatchObject({ kind: 'refused' })
  const patient = await worker({ limits, userShare: 0.5 })
  const gone = new AbortController()
  const waiting = patient.reserve({ tokens: 10, user: '1', urgent: false, alone: false }, gone.signal)
  await waitUntil(
    () => patient.waiting() === 1,
    20_000,
    () => 'it does not wait',
  )
  gone.abort(new Error('gone'))
  await expect(waiting).rejects.toThrow('gone')
  const taken = async () => {
    const { redis, close } = connect(inject('redisUrl'))
    const fields = await redis.hgetall(`${fleet.prefix}user:1`)
    close()
    return Object.values(fields).reduce((sum, value) => sum + Number(value), 0)
  }
  await waitUntil(
    async () => (await taken()) === 0,
    20_000,
    () => 'something of the share stays taken',
  )
})
