import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterEach, expect, inject, test, vi } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { settingsOf } from '../../src/ops/fleet-status.ts'
import { preflightFleet, preflightRedis } from '../../src/ops/preflight.ts'
import { readRedisFacts } from '../../src/ops/redis-facts.ts'
import { redisKeys } from '../../src/redis/keys.ts'
import { startLocalRedis } from '../support/services.ts'
import { memoryLog } from './fleet.ts'

const DAY_MS = 86_400_000
const releases: (() => unknown)[] = []
afterEach(async () => {
  vi.useRealTimers()
  for (const release of releases.splice(0).toReversed()) await release()
})

function connect(url: string, password?: { username: string; password: string }) {
  const redis = new Redis(url, { ...password })
  releases.push(() => redis.disconnect())
  return redis
}

async function local(args: string[] = []) {
  const server = await startLocalRedis({ args })
  releases.push(() => server.stop())
  return connect(server.url)
}

test('what a Redis is set to is read from it', async () => {
  const keys = redisKeys('')
  const careless = await local(['--maxmemory-policy', 'allkeys-lru', '--appendonly', 'no', '--save', ''])
  expect(await readRedisFacts(careless, keys, DAY_MS)).toMatchObject({
    maxmemoryPolicy: 'allkeys-lru',
    appendOnly: false,
    save: '',
    marks: { seen: 0, noneOurs: true, notOurs: 0 },
  })
  const careful = await local(['--maxmemory-policy', 'noeviction', '--appendonly', 'yes', '--save', '3600 1'])
  const facts = await readRedisFacts(careful, keys, DAY_MS)
  expect(facts).toMatchObject({ maxmemoryPolicy: 'noeviction', appendOnly: true, save: '3600 1' })
  // One machine, one clock.
  expect(Math.abs(facts.clockAheadMs)).toBeLessThan(1_000 + facts.clockErrorMs)
})

test('the distance of the clocks is measured', async () => {
  const redis = connect(inject('redisUrl'))
  await redis.ping()
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 })
  const { clockAheadMs } = await readRedisFacts(redis, redisKeys(`test-${randomUUID()}:`), DAY_MS)
  expect(clockAheadMs / 1_000).toBeCloseTo(3_600, -2)
})

test('marks under the prefix are told from ours by their life, and by whether we ever worked here', async () => {
  const redis = connect(inject('redisUrl'))
  const prefix = `test-${randomUUID()}[*]:`
  const keys = redisKeys(prefix)
  releases.push(() => redis.del(keys.state, ...[1n, 2n, 3n].map(keys.mark)))
  await redis.set(keys.mark(1n), '_', 'PX', DAY_MS)
  await redis.set(keys.mark(2n), '_')
  await redis.set(keys.mark(3n), '_', 'PX', 3 * DAY_MS)
  expect((await readRedisFacts(redis, keys, DAY_MS)).marks).toEqual({ seen: 3, noneOurs: true, notOurs: 2 })
  await redis.hset(keys.state, 'epoch', 'e')
  expect((await readRedisFacts(redis, keys, DAY_MS)).marks).toEqual({ seen: 3, noneOurs: false, notOurs: 2 })
})

test('marks under the prefix are told from ours by what they hold, and by a refusal that was told of their request', async () => {
  const redis = connect(inject('redisUrl'))
  const keys = redisKeys(`test-${randomUUID()}:`)
  const ids = [1n, 2n, 3n, 4n, 5n, 6n]
  releases.push(() => redis.del(keys.state, ...ids.map(keys.mark), ...ids.map(keys.claim)))
  await redis.hset(keys.state, 'epoch', 'e')
  for (const id of [1n, 2n, 3n, 4n]) await redis.set(keys.mark(id), '_', 'PX', DAY_MS)
  // The marks of this service stand beside claims. Mark 2 has no claim: another service set it, or recovery rebuilt it.
  await redis.hset(keys.claim(1n), { state: 'answered' })
  // A refused request that was sent again, and answered by a worker that is about to tidy up.
  await redis.hset(keys.claim(3n), { state: 'refused' })
  expect((await readRedisFacts(redis, keys, DAY_MS)).marks).toEqual({ seen: 4, noneOurs: false, notOurs: 0 })
  await redis.hset(keys.claim(4n), { state: 'refused', told: 1 })
  await redis.set(keys.mark(5n), 'sent', 'PX', DAY_MS)
  await redis.hset(keys.mark(6n), 'at', 1)
  await redis.pexpire(keys.mark(6n), DAY_MS)
  expect((await readRedisFacts(redis, keys, DAY_MS)).marks).toEqual({ seen: 6, noneOurs: false, notOurs: 3 })
})

test('a user with the least rights works without a word about what it may not see', async () => {
  const redis = await local()
  await redis.acl('SETUSER', 'worker', 'on', '>secret', '~*', '+time', '+ping', '+info')
  const worker = connect(`redis://127.0.0.1:${redis.options.port ?? 0}`, { username: 'worker', password: 'secret' })
  const facts = await readRedisFacts(worker, redisKeys(''), DAY_MS)
  expect(facts).toMatchObject({ maxmemoryPolicy: 'noeviction', save: null, marks: null })
})

test('a Redis that goes away meanwhile is not the end of the worker', async () => {
  const redis = await local()
  redis.disconnect()
  const log = memoryLog()
  await preflightRedis(redis, redisKeys(''), loadConfig({ OPENAI_KEY: 'sk-test' }), log)
  expect(log.lines).toMatchObject([{ level: 'debug', message: 'a check at the start could not be made' }])
})

test('a living worker that shares the budget under another limit is told at the start', async () => {
  const redis = connect(inject('redisUrl'))
  const keys = redisKeys(`test-${randomUUID()}:`)
  const [here, there] = ['3', '6'].map((rpm) => loadConfig({ OPENAI_KEY: 'sk-test', OPENAI_RPM: rpm }))
  if (here === undefined || there === undefined) throw new TypeError('two configurations')
  releases.push(() => redis.del(keys.worker('other')))
  await redis.hset(keys.worker('other'), { host: 'h', settings: JSON.stringify(settingsOf(there, 'prompt')) })
  const log = memoryLog()
  await preflightFleet(redis, keys, there, log)
  expect(log.lines).toEqual([])
  await preflightFleet(redis, keys, here, log)
  expect(log.lines).toMatchObject([{ level: 'warn', fields: { setting: 'OPENAI_RPM', here: '3', there: '6' } }])
})
