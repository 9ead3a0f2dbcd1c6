/**
 * What a worker does without budget: it holds requests, refuses with a true wait, obeys the provider's limits, and stops when data is lost.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { FAILURES } from '../../src/errors.ts'
import { redisKeys } from '../../src/redis/keys.ts'
import { callsFor, range, resumeOf, startFleet, turnedDown } from '../support/fleet.ts'
import { startLocalRedis } from '../support/services.ts'
import { waitUntil } from '../support/wait.ts'
import type { World } from '../support/world.ts'

const outcomesOf = (world: World, id: number) =>
  world.notifications().filter(({ response }) => response['processing_id'] === id)

describe('while there is no budget', () => {
  test.concurrent(
    'held requests keep no other waiting that needs no budget, and the worker stays in its group',
    { timeout: 180_000 },
    async ({ onTestFinished }) => {
      const env = { OPENAI_RPM: '3', OPENAI_TPM: '40000', MAX_CALLS_IN_FLIGHT: '4' }
      const { stub, workers, world, send } = await startFleet(onTestFinished, { env })
      await send(range(3))
      await world.answered(range(3))
      // More than there are slots for calls, so that none is free.
      await send(range(6, 11))
      await send([21], () => ({ resume: resumeOf(1) }))
      await send([22], () => ({ resume: 'Пишу на TypeScript. '.repeat(20_000) }))
      await send([23], () => ({ resume: '' }))
      await world.answered([21, 22, 23], 20_000)
      expect(stub.summary().arrivals).toBe(3)
      expect(outcomesOf(world, 21)).toMatchObject([{ success: true }])
      expect(outcomesOf(world, 22)).toMatchObject([
        { success: false, message_error: FAILURES.too_long.message, wait_seconds: null },
      ])
      await world.answered(range(3, 11), 90_000)
      expect(outcomesOf(world, 11)).toMatchObject([{ success: true }])
      const { groups } = await world.admin.describeGroups([world.groupId])
      expect(groups[0]).toMatchObject({ state: 'Stable', members: [{}] })
      expect(workers[0]?.lines.filter((line) => line.includes(' assigned '))).toHaveLength(1)
      expect(stub.summary().windows.perMinute.most).toBe(3)
    },
  )

  test.concurrent(
    'a user with three requests waits for the next minute only, though another one came first with six hundred',
    { timeout: 240_000 },
    async ({ onTestFinished }) => {
      const { stub, world, send, arrived, spent } = await startFleet(onTestFinished, {
        env: { OPENAI_RPM: '6', OPENAI_RPD: '0', OPENAI_TPM: '0' },
      })
      // More than a worker makes ready at once.
      await send(range(600), () => ({ user_id: 1 }))
      await arrived(1, 20_000)
      await spent()
      await send([1_001, 1_002, 1_003], () => ({ user_id: 2 }))
      await world.answered([1_001, 1_002, 1_003], 150_000)
      // The two users take turns in the second minute.
      expect(stub.summary().arrivals).toBeLessThanOrEqual(12)
      expect(stub.summary().windows.perMinute.most).toBeLessThanOrEqual(6)
      // One user's requests are admitted in order; results of one minute are published in any order.
      const answered = world.notifications().map(({ response }) => response['processing_id'] as number)
      expect(Math.max(...answered.filter((id) => id < 1_000))).toBeLessThanOrEqual(9)
    },
  )

  test.concurrent(
    'a refusal tells when the request would be admitted: sent again then, it is',
    { timeout: 180_000 },
    async ({ onTestFinished }) => {
      const env = { OPENAI_RPM: '2', BUDGET_MAX_WAIT_SECONDS: '1' }
      const { stub, world, send } = await startFleet(onTestFinished, { env })
      await send(range(2))
      await world.answered(range(2))
      await sleep(3_000)
      const sentMs = Date.now()
      await send([3])
      await world.answered([3])
      const answeredMs = Date.now()
      const [refused] = outcomesOf(world, 3)
      expect(refused).toMatchObject({ success: false, wait_seconds: expect.any(Number) })
      const waitMs = (refused?.wait_seconds ?? 0) * 1_000
      const freeAtMs = (stub.arrivals()[0]?.atMs ?? 0) + 60_000
      // `wait_seconds` is rounded up and includes the margin. The refusal was decided between the two readings of the clock.
      expect(answeredMs + waitMs).toBeGreaterThan(freeAtMs)
      expect(sentMs + waitMs).toBeLessThan(freeAtMs + 900 + 1_000 + 100)
      await sleep(waitMs)
      await send([3])
      await waitUntil(
        () => outcomesOf(world, 3).length === 2,
        20_000,
        () => 'no second outcome',
      )
      expect(outcomesOf(world, 3)[1]).toMatchObject({ success: true })
      expect(stub.summary().windows.perMinute.most).toBe(2)
    },
  )

  test.concurrent(
    'every worker waits as long as the provider told one of them, and nobody is turned down again',
    { timeout: 180_000 },
    async ({ onTestFinished }) => {
      const { stub, world, send, arrived } = await startFleet(onTestFinished, { start: [{}, {}] })
      await send(range(4))
      await world.answered(range(4))
      stub.misbehave({ fault: 'rate_limited', count: 1, retryAfterMs: 8_000 })
      await send([5])
      await arrived(5, 20_000)
      const budgets = redisKeys(world.keyPrefix).budget('*')
      const isHeld = async () => {
        const [state = ''] = await world.redis.keys(`${budgets}state`)
        return Number(await world.redis.hget(state, 'hold')) > 0
      }
      await waitUntil(isHeld, 20_000, () => 'the wait is not told to the others')
      await send(range(40, 6))
      await world.answered(range(41, 5))
      const [turnedDown, ...later] = stub.arrivals(4)
      expect(turnedDown?.status).toBe(429)
      const pausesMs = later.map(({ atMs }) => atMs - (turnedDown?.atMs ?? 0))
      expect(Math.min(...pausesMs)).toBeGreaterThan(8_000)
      expect(later).toHaveLength(41)
      expect(world.notifications().every(({ success }) => success)).toBe(true)
    },
  )

  test.concurrent(
    'limits of the provider that are below the budget are learnt from its headers, by all',
    { timeout: 180_000 },
    async ({ onTestFinished }) => {
      const { stub, world, send } = await startFleet(onTestFinished, {
        stub: { limits: { rpm: 20 } },
        env: { OPENAI_RPM: '600', MAX_CALLS_IN_FLIGHT: '2' },
        start: [{}, {}],
      })
      await send(range(30))
      await world.answered(range(30), 150_000)
      expect(world.notifications().every(({ success }) => success)).toBe(true)
      // The calls that were under way together when the last one was admitted. A minute later the same again: on a busy machine the first
      // minute's calls were so far apart that their places become free one after the other.
      const underWay = 4
      expect(turnedDown(stub)).toBeLessThanOrEqual(2 * underWay)
      const inARow = stub.arrivals().reduce((rows, { status }) => (status === 429 ? rows + 'x' : `${rows} `), '')
      expect(Math.max(...inARow.split(' ').map(({ length }) => length))).toBeLessThanOrEqual(underWay)
    },
  )

  test.concurrent.for([
    { who: 'the workers that live', dies: false },
    { who: 'a worker that knows nothing', dies: true },
  ])(
    'a Redis that lost its data shuts the budget for a minute, for $who',
    { timeout: 240_000 },
    async ({ dies }, { onTestFinished }) => {
      const rpm = 40
      const redis = await startLocalRedis()
      onTestFinished(() => redis.stop())
      const env = { OPENAI_RPM: String(rpm) }
      const options = { start: [{}, {}], env, redisUrl: redis.url }
      const { stub, workers, world, send, spent } = await startFleet(onTestFinished, options)
      await send(range(rpm + 20))
      await spent()
      if (dies) for (const worker of workers) worker.kill('SIGKILL')
      await world.redis.flushall()
      const lostAtMs = Date.now()
      if (dies) world.start()
      await world.answered(range(rpm + 20), 150_000)
      expect(stub.summary().windows.perMinute.most).toBeLessThanOrEqual(rpm)
      const late = stub.arrivals().filter(({ atMs }) => atMs > lostAtMs + 2_000)
      // The minute of the closed budget, and the time to notice the loss and to rebuild.
      expect((late[0]?.atMs ?? Infinity) - lostAtMs).toBeLessThan(60_000 + 25_000)
      expect(world.notifications().every(({ success }) => success)).toBe(true)
      expect(range(rpm + 20).filter((id) => callsFor(stub, id) > 2)).toEqual([])
    },
  )
})
