/** A fleet that finds its Redis by three Sentinels, while the master dies with writes that its replica never got. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { withRedis } from '../../src/cli/connections.ts'
import { traceable } from '../support/audit.ts'
import type { LocalRedis } from '../support/services.ts'
import { startLocalRedis, startLocalSentinel } from '../support/services.ts'
import { expectUnharmed, linesWith } from '../support/trouble.ts'
import { waitUntil } from '../support/wait.ts'
import { stub, world, worldOfTheFile } from '../support/worlds.ts'

const PASSWORD = 'redis-password'
const SENTINEL_PASSWORD = 'sentinel-password'
const NAME = 'scoring'
/** Long enough for a busy machine: a failover before the test cuts the replication would spoil it. */
const DOWN_AFTER_MS = 5_000

let master: LocalRedis
let replica: LocalRedis
let sentinels: LocalRedis[]

const auth = ['--requirepass', PASSWORD, '--masterauth', PASSWORD]

beforeAll(async () => {
  master = await startLocalRedis({ args: auth })
  replica = await startLocalRedis({ args: [...auth, '--replicaof', '127.0.0.1', String(master.port)] })
  const config = [
    `requirepass ${SENTINEL_PASSWORD}`,
    `sentinel monitor ${NAME} 127.0.0.1 ${master.port} 2`,
    `sentinel auth-pass ${NAME} ${PASSWORD}`,
    `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${NAME} 10000`,
  ]
  sentinels = await Promise.all([1, 2, 3].map(() => startLocalSentinel(config)))
}, 180_000)
afterAll(() => Promise.all([master, replica, ...sentinels].map((each) => each.stop())))
worldOfTheFile(() => ({
  stub: { latencyMs: 150 },
  // The replica, which survives the master.
  redisUrl: `redis://:${PASSWORD}@127.0.0.1:${replica.port}`,
  partitions: 2,
  env: { ...settings(), MAX_CALLS_IN_FLIGHT: '4' },
}))

const settings = (): Record<string, string> => ({
  REDIS_SENTINELS: sentinels.map(({ port }) => `127.0.0.1:${port}`).join(','),
  REDIS_SENTINEL_NAME: NAME,
  REDIS_SENTINEL_PASSWORD: SENTINEL_PASSWORD,
  REDIS_PASSWORD: PASSWORD,
})

/** Runs `work` with a client for one server. */
async function asking<T>({ port }: LocalRedis, password: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis({ port, host: '127.0.0.1', password })
  try {
    return await work(redis)
  } finally {
    redis.disconnect()
  }
}

/** Resolves when every Sentinel knows the replica and both of the others: from then on they can agree on a failover. */
const sentinelsKnowAll = () =>
  waitUntil(
    async () => {
      const told = await Promise.all(
        sentinels.map((each) =>
          asking(each, SENTINEL_PASSWORD, async (redis) => {
            const fields = (await redis.call('SENTINEL', 'MASTER', NAME)) as string[] | Record<string, string>
            const flat = Array.isArray(fields) ? fields : Object.entries(fields).flat()
            return [flat[flat.indexOf('num-slaves') + 1], flat[flat.indexOf('num-other-sentinels') + 1]].join()
          }),
        ),
      )
      return told.every((each) => each === '1,2')
    },
    30_000,
    () => 'the Sentinels do not know one another',
  )

/** Cuts the replica off while it still looks well. That is how asynchronous replication loses the last acknowledged writes. */
async function cutReplication(): Promise<void> {
  await asking(replica, PASSWORD, (redis) => redis.config('SET', 'masterauth', 'wrong'))
  await asking(master, PASSWORD, (redis) => redis.call('CLIENT', 'KILL', 'TYPE', 'replica'))
}

const answeredCount = () => world.seenNotifications().length

test('a failover that loses marks and claims doubles nothing and loses nothing; copies that come later are skipped', async () => {
  await sentinelsKnowAll()
  const workers = [world.start(), world.start()]
  for (const worker of workers) await worker.saw('assigned ', 60_000)
  const ids = Array.from({ length: 60 }, (_, index) => index + 1)
  const send = (id: number, partition: number) => world.send([{ ...traceable(id), partition }])
  const sending = (async () => {
    for (const id of ids) {
      await send(id, id % 2)
      await sleep(150)
    }
  })()
  await waitUntil(
    () => answeredCount() >= 8,
    60_000,
    () => `${answeredCount()} of 8 are answered`,
  )
  await cutReplication()
  const before = answeredCount()
  // Their marks, claims and answers are with the old master alone.
  await waitUntil(
    () => answeredCount() >= before + 6,
    60_000,
    () => `${answeredCount()} of ${before + 6} are answered`,
  )
  await master.kill('SIGKILL')
  await sending
  // On the other partition: its worker can know of them only from Redis.
  for (const id of ids) await send(id, (id + 1) % 2)
  await world.answered(ids, 120_000)
  const last = 1_000
  await send(last, 0)
  await send(last + 1, 1)
  await world.answered([last, last + 1], 60_000)

  expectUnharmed(world, stub, [...ids, last, last + 1])
  expect(workers.flatMap((worker) => linesWith(worker, 'Redis is complete again')).length).toBeGreaterThan(0)
  for (const worker of workers) {
    expect(linesWith(worker, 'Unhandled')).toEqual([])
    expect(await worker.end()).toBe(0)
  }
}, 240_000)

test.each([
  ['no Sentinel there', { REDIS_SENTINELS: '127.0.0.1:1' }, /no Sentinel can be asked.*REDIS_SENTINELS/],
  [
    'another name',
    { REDIS_SENTINEL_NAME: 'other' },
    /no Sentinel knows a master of this name: check REDIS_SENTINEL_NAME/,
  ],
  ["not the Sentinels' password", { REDIS_SENTINEL_PASSWORD: 'wrong' }, /REDIS_SENTINEL_PASSWORD/],
  ["not Redis's password", { REDIS_PASSWORD: 'wrong' }, /check REDIS_USERNAME and REDIS_PASSWORD/],
])('with %s a command says what to look at', async (_name, wrong, says) => {
  const { redis } = loadConfig({ ...settings(), ...wrong }, { needsKey: false })
  const work = withRedis(redis, AbortSignal.timeout(30_000), (client) => client.ping())
  await expect(work).rejects.toThrow(says)
})
