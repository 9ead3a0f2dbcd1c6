/** Redis loses its data under load: an id that is finished stays finished, whoever sends it again. */
import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigResourceTypes } from 'kafkajs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
// The observer reads what is compressed, too.
import '../../src/kafka/mended.ts'
import { callsById, traceable } from '../support/audit.ts'
import type { LocalRedis } from '../support/services.ts'
import { startLocalRedis } from '../support/services.ts'
import { called, expectUnharmed, linesWith, underLoad } from '../support/trouble.ts'
import { waitUntil } from '../support/wait.ts'
import type { Worker } from '../support/worker.ts'
import { countById } from '../support/world.ts'
import { stub, world, worldOfEachTest } from '../support/worlds.ts'

const LIMIT_MS = 300_000

let redis: LocalRedis

beforeEach(async () => {
  // A restart finds nothing.
  redis = await startLocalRedis({ persist: false })
})
afterEach(() => redis.stop())
worldOfEachTest(() => ({
  stub: { latencyMs: 150 },
  redisUrl: redis.url,
  partitions: 2,
  env: { MAX_CALLS_IN_FLIGHT: '3' },
}))

/** Sends every id again, on both partitions, and waits until the workers have skipped the copies. */
async function sendAgain(ids: number[], workers: Worker[]): Promise<void> {
  await world.send(ids.flatMap((id) => [0, 1].map((partition) => ({ ...traceable(id), partition }))))
  const skipped = () => workers.flatMap((worker) => linesWith(worker, 'outcome=duplicate')).length
  await waitUntil(
    () => skipped() >= 2 * ids.length,
    120_000,
    () => `${skipped()} of ${2 * ids.length} copies were skipped`,
  )
}

async function fleetOf(count: number): Promise<Worker[]> {
  const workers = Array.from({ length: count }, () => world.start())
  const joined = (worker: Worker) => worker.lines.findLast((line) => line.includes('assigned topic'))
  // One worker has both partitions, two workers have one each. Wait for that: a later rebalance would disturb the test.
  const settled = count === 1 ? /partitions=0,1(?: |$)/ : /partitions=\d(?: |$)/
  await waitUntil(
    () => workers.every((worker) => settled.test(joined(worker) ?? '')),
    90_000,
    () => `not joined: ${workers.map((worker) => joined(worker) ?? 'nothing').join('; ')}`,
  )
  return workers
}

/** The broker packs with this codec whatever it is sent; `producer`: as it was sent. */
async function compressOutcomes(codec: string): Promise<void> {
  const name = world.topics.notifications
  const configEntries = [{ name: 'compression.type', value: codec }]
  const type = ConfigResourceTypes.TOPIC
  await world.admin.alterConfigs({ validateOnly: false, resources: [{ type, name, configEntries }] })
  const kept = async () => {
    const { resources } = await world.admin.describeConfigs({ includeSynonyms: false, resources: [{ type, name }] })
    return resources[0]?.configEntries.find((entry) => entry.configName === 'compression.type')?.configValue
  }
  // A broker applies it a moment after it has answered.
  await expect.poll(kept, { timeout: 10_000 }).toBe(codec)
}

const LOSSES: [string, () => Promise<unknown>][] = [
  ['flushed', () => world.redis.flushall()],
  [
    'flushed twice, the second time while that is being made good',
    async () => {
      await world.redis.flushall()
      await sleep(3_500)
      await world.redis.flushall()
    },
  ],
  [
    'killed, and empty when it comes back',
    async () => {
      await redis.kill('SIGKILL')
      await redis.restart()
    },
  ],
]

const MARKED = { timeout: 10_000 }

describe('a Redis that is', { timeout: LIMIT_MS }, () => {
  test.each(LOSSES)(
    '%s under load: nothing is doubled, no call repeated, also when every id is sent again',
    async (_, lose) => {
      const workers = await fleetOf(2)
      const ids = await underLoad(world, async () => {
        await sleep(500)
        await lose()
      })
      await sendAgain(ids, workers)
      expectUnharmed(world, stub, ids)
      expect(workers.flatMap((worker) => linesWith(worker, 'Redis is complete again')).length).toBeGreaterThan(0)
      const marks = ids.map((id) => `${world.keyPrefix}processed_messages:${id}`)
      // A mark follows its commit.
      await expect.poll(() => world.redis.exists(...marks), MARKED).toBe(ids.length)
    },
  )

  test.each(['producer', 'zstd', 'lz4'])(
    'flushed while nobody works: the next worker skips what is finished before it scores anything, with %s for the outcomes',
    async (codec) => {
      await compressOutcomes(codec)
      const [first] = await fleetOf(1)
      await world.send([1, 2, 3, 4].map((id) => traceable(id)))
      await world.answered([1, 2, 3, 4])
      expect(await first?.end()).toBe(0)
      await world.redis.flushall()
      await world.send([1, 2, 3, 4, 5].map((id) => traceable(id)))
      world.start()
      await world.answered([5])
      expect(new Set(countById(world.seenNotifications()).values())).toEqual(new Set([1]))
      expect(new Set(countById(world.seenRecords()).values())).toEqual(new Set([1]))
      expect(stub.arrivals()).toHaveLength(5)
      const marks = [1, 2, 3, 4, 5].map((id) => `${world.keyPrefix}processed_messages:${id}`)
      await expect.poll(() => world.redis.exists(...marks), MARKED).toBe(5)
    },
  )

  test('flushed right after the worker died with answers that nobody published: only those are asked for again', async () => {
    const [worker] = await fleetOf(1)
    // One that makes the server known: at a server that nobody knows one request goes ahead, and the other one waits for its answer.
    await world.send([traceable(3)])
    await world.answered([3])
    stub.configure({ latencyMs: 1_000 })
    await world.send([1, 2].map((id) => traceable(id)))
    await called(stub, 3)
    await worker?.end('SIGKILL')
    await world.redis.flushall()
    stub.configure({ latencyMs: 50 })
    world.start()
    await world.answered([1, 2])
    expect(Object.fromEntries(countById(world.seenRecords()))).toEqual({ 1: 1, 2: 1, 3: 1 })
    expect(Object.fromEntries(callsById(stub.arrivals()))).toEqual({ 1: 2, 2: 2, 3: 1 })
  })
})
