/** Redis dies, is cut off, goes silent, refuses writes, or is full, while requests are worked on. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { LocalRedis } from '../support/services.ts'
import { startLocalRedis } from '../support/services.ts'
import type { TcpProxy } from '../support/tcp-proxy.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { expectUnharmed, linesWith, underLoad } from '../support/trouble.ts'
import { waitUntil } from '../support/wait.ts'
import { stub, world, worldOfEachTest } from '../support/worlds.ts'

const LIMIT_MS = 300_000
/** Each of the worker's two connections logs each reason once. */
const FEW = 6

let redis: LocalRedis
let proxy: TcpProxy

beforeAll(async () => {
  redis = await startLocalRedis()
})
afterAll(() => redis.stop())

beforeEach(async () => {
  proxy = await startTcpProxy({ to: { host: '127.0.0.1', port: redis.port } })
})
afterEach(() => proxy.stop())
worldOfEachTest(() => ({
  stub: { latencyMs: 150 },
  redisUrl: redis.url,
  env: { REDIS_HOST: '127.0.0.1', REDIS_PORT: `${proxy.port}`, MAX_CALLS_IN_FLIGHT: '3' },
}))

const started = async () => {
  const worker = world.start()
  await worker.saw('working')
  return worker
}

describe('a worker whose Redis', { timeout: LIMIT_MS }, () => {
  test('is killed and comes back waits for it, says so, and repeats no call', async () => {
    const worker = await started()
    const ids = await underLoad(world, async () => {
      await redis.kill('SIGKILL')
      await sleep(4_000)
      await redis.restart()
    })
    expectUnharmed(world, stub, ids)
    expect(linesWith(worker, 'Redis is away').length).toBeGreaterThan(0)
    expect(linesWith(worker, 'Redis is away').length).toBeLessThanOrEqual(FEW)
    expect(linesWith(worker, 'Redis is back').length).toBeGreaterThan(0)
    expect(await worker.end()).toBe(0)
  })

  test('scores nothing while it is away', async () => {
    await started()
    const ids = await underLoad(world, async () => {
      proxy.cut()
      // The calls that were in flight still arrive.
      let [asked, sinceMs] = [0, performance.now()]
      const standsStill = () => {
        if (stub.arrivals().length > asked) [asked, sinceMs] = [stub.arrivals().length, performance.now()]
        return performance.now() - sinceMs > 1_000
      }
      await waitUntil(standsStill, 20_000, () => `calls arrive all the time: ${asked}`)
      // One was made before, eight were sent before Redis was away, and eight after that.
      expect(asked).toBeLessThanOrEqual(9)
      await sleep(2_000)
      expect(stub.arrivals()).toHaveLength(asked)
      proxy.heal()
    })
    expectUnharmed(world, stub, ids)
  })

  test('cuts its connections again and again goes on between the cuts', async () => {
    await started()
    const ids = await underLoad(world, async () => {
      for (let cut = 0; cut < 8; cut++) {
        await sleep(150)
        proxy.reset()
      }
    })
    expectUnharmed(world, stub, ids)
    expect(proxy.accepted()).toBeGreaterThan(4)
  })

  test('answers no more, with the connections open, gives them up and goes on when packets pass again', async () => {
    const worker = await started()
    let accepted = 0
    const ids = await underLoad(world, async () => {
      accepted = proxy.accepted()
      proxy.silence()
      await sleep(9_000)
      proxy.heal()
    })
    expectUnharmed(world, stub, ids)
    expect(proxy.accepted()).toBeGreaterThan(accepted)
    expect(linesWith(worker, 'Redis').length).toBeLessThanOrEqual(3 * FEW)
  })

  test('became a replica that takes no writes waits until it is the master again', async () => {
    const worker = await started()
    const ids = await underLoad(world, async () => {
      await world.redis.replicaof('127.0.0.1', '1')
      await sleep(3_000)
      await world.redis.replicaof('NO', 'ONE')
    })
    expectUnharmed(world, stub, ids)
    expect(linesWith(worker, 'READONLY').length).toBeGreaterThan(0)
    expect(linesWith(worker, 'READONLY').length).toBeLessThanOrEqual(3 * FEW)
  })

  test('is out of memory waits until there is some, and says so once', async () => {
    const worker = await started()
    const ids = await underLoad(world, async () => {
      await world.redis.config('SET', 'maxmemory', '1')
      await sleep(3_000)
      await world.redis.config('SET', 'maxmemory', '0')
    })
    expectUnharmed(world, stub, ids)
    expect(linesWith(worker, 'Redis refuses')).toHaveLength(1)
    expect(linesWith(worker, 'OOM').length).toBeGreaterThan(0)
  })
})
