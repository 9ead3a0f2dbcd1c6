import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { paceOf } from '../../src/budget/limits.ts'
import { budgetScripts } from '../../src/budget/scripts.ts'
import { waitUntil } from '../support/wait.ts'
import { fleetOfEachTest, short } from './budget-of-each-test.ts'
import { grantOf } from './budget-support.ts'

const { signal } = new AbortController()
const fleet = fleetOfEachTest()
const { redis } = fleet

/** Deletes the budget and the sentinel, like a FLUSHALL. */
async function loseEverything(): Promise<void> {
  await redis.del(...(await redis.keys(`${fleet.prefix}*`)))
}

/** Asks for a grant until the loss is noticed, and expects none. */
async function noGrant(budget: ReturnType<typeof fleet.worker>, isNoticed: () => boolean | Promise<boolean>) {
  const leaving = new AbortController()
  const asked = budget.reserve({ tokens: 1, user: '', urgent: false, alone: false }, leaving.signal)
  await waitUntil(isNoticed, 20_000, () => 'the loss went unnoticed')
  leaving.abort(new Error('noticed'))
  await expect(asked).rejects.toThrow('noticed')
}

test('a budget is created as new only in a Redis that holds its data', async () => {
  const budget = fleet.worker({ limits: { requestsPerMinute: 2 } })
  await redis.hset(fleet.sentinel, 'status', 'recovering')
  expect(await budget.initialise(signal)).toBe(false)
  expect((await budget.status()).open).toBe(false)
  await expect(
    budget.reserve({ tokens: 1, user: '', urgent: false, alone: false }, AbortSignal.timeout(300)),
  ).rejects.toThrow('timeout')
  await fleet.trust()
  expect(await budget.initialise(signal)).toBe(true)
  grantOf(await budget.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal))
})

test('lost data closes the budget; rebuilt, it counts what was published and what live workers still know of', async () => {
  const limits = { requestsPerMinute: 10, requestsPerDay: 10, tokensPerDay: 10_000 }
  const live = fleet.worker({ limits, windows: short })
  const leader = fleet.worker({ limits, windows: short })
  await live.initialise(signal)
  await leader.initialise(signal)
  const flying = grantOf(await live.reserve({ tokens: 2_000, user: '', urgent: false, alone: false }, signal))
  await loseEverything()

  const lostMs = performance.now()
  const waiting = live
    .reserve({ tokens: 100, user: '', urgent: false, alone: false }, signal)
    .then((reservation) => [reservation, performance.now()] as const)
  await waitUntil(
    async () => (await redis.hget(`${fleet.prefix}state`, 'lost')) === '1',
    20_000,
    () => 'the loss went unnoticed',
  )
  const published = Array.from({ length: 4 }, (_, n) => ({ atMs: Date.now() - n * 5_000, requests: 2, tokens: 500 }))
  await leader.rebuild(published, signal)
  expect((await leader.status()).closedForMs).toBeGreaterThan(0)
  const [reservation, grantedMs] = await waiting
  grantOf(reservation)
  expect(grantedMs - lostMs).toBeGreaterThan(short.minuteMs + short.marginMs - 10)
  // 8 published requests, one in flight and the new one.
  expect((await live.status()).axes.slice(2).map(({ used }) => used)).toEqual([10, 2_000 + 2_000 + 100])
  await live.settle(flying, 700, signal)
  expect((await live.status()).axes[3]?.used).toBe(2_000 + 700 + 100)
})

test('an older copy counts as lost, and is told only what it does not know', async () => {
  const limits = { requestsPerMinute: 10, requestsPerDay: 100 }
  let losses = 0
  const budget = fleet.worker({ limits, windows: short, onLost: () => losses++ })
  await budget.initialise(signal)
  const copied = grantOf(await budget.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal))
  const copy = await redis.dumpBuffer(`${fleet.prefix}state`)
  await sleep(20)
  const missing = grantOf(await budget.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal))
  budget.published([copied.id, missing.id])
  await redis.restore(`${fleet.prefix}state`, 0, copy ?? '', 'REPLACE')
  await noGrant(budget, () => losses > 0)
  expect((await budget.status()).open).toBe(false)
  expect(losses).toBe(1)
  const outcomes = [copied, missing].map(({ atMs }) => ({ atMs: atMs + 10, requests: 20, tokens: 0 }))
  const restarted = fleet.worker({ limits, windows: short })
  await restarted.rebuild([{ atMs: copied.atMs - 1_000, requests: 40, tokens: 0 }, ...outcomes.slice(1)], signal)
  // The trees of this copy are not older: both grants are in them.
  expect((await restarted.status()).axes[2]?.used).toBe(2 + 20)
})

test('a recovery that another worker takes over adds nothing twice', async () => {
  const limits = { requestsPerDay: 100 }
  const [one, other] = [fleet.worker({ limits, windows: short }), fleet.worker({ limits, windows: short })]
  const { prefix, sentinel } = fleet
  const shape = { requestsPerMinute: null, tokensPerMinute: null, tokensPerDay: null, ...limits }
  const pace = paceOf(shape, null, short)
  const scripts = budgetScripts({ redis, prefix, sentinel, limits: shape, windows: short, pace })
  const published = [{ atMs: Date.now() - 5_000, requests: 30, tokens: 9 }]
  const { seq } = (await scripts.beginRebuild()) ?? {}
  const dead = { id: `rebuilt:${seq}:${Math.floor((published[0]?.atMs ?? 0) / 60_000)}`, atMs: Date.now() - 5_000 }
  await scripts.restore([{ ...dead, requests: 30, tokens: 9 }], true)
  await one.rebuild(published, signal)
  expect((await other.status()).axes[2]?.used).toBe(30)
})

test('a budget that is lost by itself is not created as new by a worker that starts', async () => {
  const [live, starting] = [fleet.worker({ windows: short }), fleet.worker({ windows: short })]
  await live.initialise(signal)
  grantOf(await live.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal))
  await redis.del(`${fleet.prefix}state`)
  await noGrant(live, async () => (await redis.hget(`${fleet.prefix}state`, 'lost')) === '1')
  expect(await starting.initialise(signal)).toBe(false)
})

test('a budget that a starting worker created as new is shut again by one that knew it', async () => {
  let losses = 0
  const limits = { requestsPerDay: 100 }
  const live = fleet.worker({ limits, windows: short, onLost: () => losses++ })
  const starting = fleet.worker({ limits, windows: short })
  await live.initialise(signal)
  grantOf(await live.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal))
  // A worker that asks for nothing learns of it by the message only, which Redis keeps for nobody who does not listen yet.
  await fleet.listening(2)
  await redis.del(`${fleet.prefix}state`)
  expect(await starting.initialise(signal)).toBe(true)
  await waitUntil(
    async () => losses > 0 && !(await starting.status()).open,
    20_000,
    () => 'the loss went unnoticed',
  )
  await starting.rebuild([], signal)
  await waitUntil(
    async () => (await starting.status()).axes[2]?.used === 1,
    20_000,
    () => 'what the live worker spent was not added',
  )
})

test('of such a budget a worker that knew another one spends nothing, though it is granted in the same reply', async () => {
  const deaf = () => () => {}
  const limits = { requestsPerDay: 3 }
  const live = fleet.worker({ limits, windows: short, subscribe: deaf })
  const starting = fleet.worker({ limits, windows: short })
  const demand = { tokens: 1, user: '', urgent: false, alone: false }
  await live.initialise(signal)
  for (let spent = 0; spent < 3; spent++) grantOf(await live.reserve(demand, signal))
  await redis.del(`${fleet.prefix}state`)
  expect(await starting.initialise(signal)).toBe(true)
  await expect(live.reserve(demand, AbortSignal.timeout(500))).rejects.toThrow('timeout')
})

test('to rebuild a budget that is in use, or is in use again, changes nothing', async () => {
  const limits = { requestsPerDay: 100 }
  const budget = fleet.worker({ limits })
  await budget.initialise(signal)
  await budget.rebuild([{ atMs: Date.now(), requests: 7, tokens: 0 }], signal)
  expect(await budget.status()).toMatchObject({ open: true, closedForMs: 0 })
  expect((await budget.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal)).kind).toBe('granted')
})

test('a budget that is closed because data was lost stays shut until it is rebuilt, and a minute from then on in all', async () => {
  const windows = { ...short, minuteMs: 15_000 }
  const budget = fleet.worker({ limits: { requestsPerDay: 100 }, windows })
  await budget.initialise(signal)
  await budget.closeFor(100, signal)
  expect((await budget.status()).open).toBe(false)
  await sleep(300)
  await budget.rebuild([], signal)
  const { closedForMs } = await budget.status()
  expect(closedForMs).toBeGreaterThan(0)
  expect(closedForMs).toBeLessThanOrEqual(windows.minuteMs + windows.marginMs - 300)
})
