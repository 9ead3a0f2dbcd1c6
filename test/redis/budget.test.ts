import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { paceOf } from '../../src/budget/limits.ts'
import { budgetScripts } from '../../src/budget/scripts.ts'
import { startLocalRedis } from '../support/services.ts'
import { waitUntil } from '../support/wait.ts'
import { fleetOfEachTest, short } from './budget-of-each-test.ts'
import type { BudgetDecision } from '../../src/budget/budget.ts'
import { createFleet, grantOf, WINDOWS } from './budget-support.ts'

const { signal } = new AbortController()
const fleet = fleetOfEachTest()
const { redis } = fleet

const waitingInFleet = (budget: ReturnType<typeof fleet.worker>, workers: number) =>
  waitUntil(
    async () => (await budget.status()).waiting === workers,
    20_000,
    () => `there are not ${workers} workers in the line`,
  )

/** How long a request of a minute counts. */
const MINUTE_MS = WINDOWS.minuteMs + WINDOWS.marginMs

/** Expects a refusal that tells how much was left then of a wait of `fullMs` that began at `sinceMs` or later. */
function expectRefusal(decision: BudgetDecision, fullMs: number, sinceMs: number): void {
  // Redis counts whole milliseconds, and a window in more than 65 thousand parts.
  const roundedMs = 10
  const leftMs = fullMs - (performance.now() - sinceMs)
  if (decision.kind !== 'refused') throw new Error(`expected a refusal, not ${decision.kind}`)
  expect(decision.waitMs).toBeGreaterThanOrEqual(leftMs - roundedMs)
  expect(decision.waitMs).toBeLessThanOrEqual(fullMs + roundedMs)
}

test('a request that finds all axes free is granted, and one that one axis has no room for spends nothing in the others', async () => {
  const limits = { requestsPerMinute: 10, requestsPerDay: 10, tokensPerMinute: 1_000, tokensPerDay: 5_000 }
  const budget = fleet.worker({ limits, maxWaitMs: 0 })
  await budget.initialise(signal)
  const sinceMs = performance.now()
  expect((await budget.reserve({ tokens: 800, user: '', urgent: false, alone: false }, signal)).kind).toBe('granted')
  expectRefusal(
    await budget.reserve({ tokens: 201, user: '', urgent: false, alone: false }, signal),
    MINUTE_MS,
    sinceMs,
  )
  expect((await budget.status()).axes.map(({ used, free }) => [used, free])).toEqual([
    [1, 9],
    [800, 200],
    [1, 9],
    [800, 4_200],
  ])
})

test('what can never fit is too long, at once and for free', async () => {
  const budget = fleet.worker({ limits: { tokensPerMinute: 1_000, tokensPerDay: 900 } })
  await budget.initialise(signal)
  expect(await budget.reserve({ tokens: 901, user: '', urgent: false, alone: false }, signal)).toEqual({
    kind: 'too_long',
  })
  expect((await budget.status()).axes[1]?.used).toBe(0)
})

test('a turn at most the longest wait away is held, one further away is refused with the wait that counts those ahead', async () => {
  const settings = { limits: { requestsPerMinute: 1 }, maxWaitMs: 1.1 * MINUTE_MS }
  const [first, second] = [fleet.worker(settings), fleet.worker(settings)]
  await first.initialise(signal)
  const sinceMs = performance.now()
  grantOf(await first.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal))
  const leaving = new AbortController()
  const held = first.reserve({ tokens: 1, user: '', urgent: false, alone: false }, leaving.signal)
  await waitingInFleet(first, 1)
  const refused = await second.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal)
  expectRefusal(refused, 2 * MINUTE_MS, sinceMs)
  leaving.abort(new Error('the partition was revoked'))
  await expect(held).rejects.toThrow('the partition was revoked')
  await waitingInFleet(first, 0)
  const over = new AbortController()
  const next = second.reserve({ tokens: 1, user: '', urgent: false, alone: false }, over.signal)
  await waitingInFleet(first, 1)
  over.abort(new Error('the test is over'))
  await expect(next).rejects.toThrow('the test is over')
})

test('a worker that dies in the line lets the next one through soon after its turn', async () => {
  const limits = { requestsPerMinute: 1, requestsPerDay: null, tokensPerMinute: null, tokensPerDay: null }
  const windows = { minuteMs: 4_000, dayMs: 60_000, marginMs: 1_000 }
  const living = fleet.worker({ limits, windows })
  await living.initialise(signal)
  grantOf(await living.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal))
  const { prefix, sentinel } = fleet
  const dead = budgetScripts({ redis, prefix, sentinel, limits, windows, pace: paceOf(limits, null, windows) })
  expect((await dead.reserve([{ id: 'dead', tokens: 1 }], 900_000, null)).kind).toBe('wait')
  const { waitedMs } = grantOf(await living.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal))
  // The dead worker's turn is over after 6 s, the next one after it is 10 s away.
  expect(waitedMs).toBeLessThan(9_000)
})

test('tokens that a settlement frees wake a waiter of another worker at once', async () => {
  const limits = { tokensPerMinute: 1_000 }
  const [one, other] = [fleet.worker({ limits }), fleet.worker({ limits })]
  await one.initialise(signal)
  const grant = grantOf(await one.reserve({ tokens: 900, user: '', urgent: false, alone: false }, signal))
  // The other one is woken by a message only.
  await fleet.listening(2)
  const waiting = other.reserve({ tokens: 500, user: '', urgent: false, alone: false }, AbortSignal.timeout(9_000))
  await waitingInFleet(one, 1)
  await one.settle(grant, 300, signal)
  // Otherwise its turn would be a minute away.
  expect((await waiting).kind).toBe('granted')
})

test('a request that was billed more than it reserved is a debt that later ones wait for', async () => {
  const budget = fleet.worker({ limits: { tokensPerMinute: 1_000 }, maxWaitMs: 0 })
  await budget.initialise(signal)
  await budget.settle(
    grantOf(await budget.reserve({ tokens: 100, user: '', urgent: false, alone: false }, signal)),
    1_200,
    signal,
  )
  expect((await budget.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal)).kind).toBe('refused')
  expect((await budget.status()).axes[1]).toMatchObject({ used: 1_200, free: 0 })
})

test('a small request does not overtake a large one that waits', async () => {
  const limits = { tokensPerMinute: 1_000 }
  const [one, other] = [fleet.worker({ limits }), fleet.worker({ limits, maxWaitMs: 1_000 })]
  await one.initialise(signal)
  grantOf(await one.reserve({ tokens: 400, user: '', urgent: false, alone: false }, signal))
  const leaving = new AbortController()
  const large = one.reserve({ tokens: 900, user: '', urgent: false, alone: false }, leaving.signal)
  await waitingInFleet(one, 1)
  // 600 tokens are free, but the large one needs them.
  expect((await other.reserve({ tokens: 200, user: '', urgent: false, alone: false }, signal)).kind).toBe('refused')
  leaving.abort(new Error('the test is over'))
  await expect(large).rejects.toThrow('the test is over')
})

test('requests of one process are served in order, and one that gives up while it waits for its turn is passed over', async () => {
  const budget = fleet.worker({ limits: { requestsPerMinute: 2 }, windows: short })
  await budget.initialise(signal)
  const served: number[] = []
  const leaving = new AbortController()
  const requests = Array.from({ length: 5 }, (_, number) =>
    budget.reserve({ tokens: 1, user: '', urgent: false, alone: false }, number === 1 ? leaving.signal : signal).then(
      () => served.push(number),
      () => served.push(-number),
    ),
  )
  leaving.abort(new Error('gave up'))
  await Promise.all(requests)
  expect(served).toEqual([-1, 0, 2, 3, 4])
  expect(budget.waiting()).toBe(0)
})

test('a hold told by the provider holds every worker, and a shorter one does not end it', async () => {
  const [one, other] = [fleet.worker({ limits: {} }), fleet.worker({ limits: {}, maxWaitMs: 10_000 })]
  await one.initialise(signal)
  const sinceMs = performance.now()
  await one.holdFor(90_000, signal)
  await one.holdFor(5_000, signal)
  expectRefusal(await other.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal), 90_000, sinceMs)
  expect((await other.status()).heldForMs).toBeGreaterThan(80_000)
})

test('a provider that has less left than is known here narrows the budget of every worker until its limit is whole', async () => {
  const limits = { requestsPerMinute: 10 }
  const windows = { minuteMs: 20_000, dayMs: 60_000, marginMs: 2_000 }
  const [one, other] = [fleet.worker({ limits, windows }), fleet.worker({ limits, windows, maxWaitMs: 0 })]
  await one.initialise(signal)
  const grant = grantOf(await one.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal))
  await one.narrow(grant, { 'x-ratelimit-remaining-requests': '1', 'x-ratelimit-reset-requests': '5s' }, signal)
  grantOf(await other.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal))
  const told = await other.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal)
  const waitMs = told.kind === 'refused' ? told.waitMs : Number.NaN
  expect(waitMs).toBeLessThanOrEqual(5_000)
  await sleep(waitMs + 5)
  grantOf(await other.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal))
})

test('a provider that counts what is known here narrows nothing', async () => {
  const budget = fleet.worker({ limits: { requestsPerMinute: 3 } })
  await budget.initialise(signal)
  const grants = [
    await budget.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal),
    await budget.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal),
  ].map(grantOf)
  for (const grant of grants.toReversed()) {
    const remaining = String(3 - grant.used.minute.requests)
    await budget.narrow(
      grant,
      { 'x-ratelimit-remaining-requests': remaining, 'x-ratelimit-reset-requests': '60s' },
      signal,
    )
  }
  expect((await budget.status()).axes[0]).toMatchObject({ used: 2, usedElsewhere: 0, free: 1 })
})

test('SCRIPT FLUSH changes nothing', async ({ onTestFinished }) => {
  // Not the shared Redis: tests that run beside this one kill a worker when its script has reached Redis, which must know it then.
  const server = await startLocalRedis()
  const own = createFleet(server.url)
  const direct = new Redis(server.url)
  onTestFinished(async () => {
    direct.disconnect()
    await own.close()
    await server.stop()
  })
  await own.trust()
  const budget = own.worker({ limits: { requestsPerMinute: 2 }, maxWaitMs: 0 })
  await budget.initialise(signal)
  grantOf(await budget.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal))
  await direct.script('FLUSH')
  grantOf(await budget.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal))
  expect((await budget.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal)).kind).toBe('refused')
})

test('a grant that comes too late to be sent is spent, and another one is asked for', async () => {
  const limits = { requestsPerMinute: 5 }
  // One reply comes late, by more than half the margin.
  const slow = fleet.worker({
    limits,
    windows: { minuteMs: 20_000, dayMs: 60_000, marginMs: 6_000 },
    retryWhileAway: async (what, operation) => {
      const reply = await operation()
      if (what === 'the reservation' && ++asked === 1) await sleep(3_100)
      return reply
    },
  })
  let asked = 0
  await slow.initialise(signal)
  const grant = grantOf(await slow.reserve({ tokens: 1, user: '', urgent: false, alone: false }, signal))
  expect(grant.sendByMs).toBeGreaterThan(performance.now())
  expect((await slow.status()).axes[0]?.used).toBe(2)
})
