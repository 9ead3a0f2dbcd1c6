/** At the start a worker logs, in one line each, every reason not to rely on Kafka, Redis, the clock or the log directory. */
import type { Admin } from 'kafkajs'
import kafkajs from 'kafkajs'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { Stub } from '../../tools/openai-stub/server.ts'
import { startStub } from '../../tools/openai-stub/server.ts'
import { redisKeys } from '../../src/redis/keys.ts'
import type { LocalRedis } from '../support/services.ts'
import { startLocalKafka, startLocalRedis } from '../support/services.ts'
import { lostGrants } from '../support/fleet.ts'
import { waitUntil } from '../support/wait.ts'
import type { Worker } from '../support/worker.ts'
import type { World } from '../support/world.ts'
import { createWorld, request } from '../support/world.ts'

const CLOCK = new URL('../support/shifted-clock.ts', import.meta.url).href
const DAY_SECONDS = 86_400

let stub: Stub
beforeAll(async () => void (stub = await startStub({ latencyMs: 20 })))
afterAll(() => stub.stop())

/** A world with a Redis of its own; both end with the test. */
async function worldOn(
  atEnd: (release: () => Promise<void>) => void,
  { args = [], kafkaBrokers = inject('kafkaBrokers') }: { args?: string[]; kafkaBrokers?: string[] } = {},
): Promise<World> {
  const redis: LocalRedis = await startLocalRedis({ args })
  atEnd(() => redis.stop())
  const world = await createWorld({ kafkaBrokers, redisUrl: redis.url, baseUrl: stub.baseUrl })
  atEnd(() => world.close())
  return world
}

const isTrouble = (line: string) => / (WARN|ERROR) |rror:|^\s+at /.test(line)
/** The worker's warnings and errors, without time and worker. */
const troubles = (worker: Worker) => worker.lines.filter(isTrouble).map((line) => line.replace(/^.*?\] /, ''))
const toldAll = (worker: Worker, count: number) =>
  waitUntil(
    () => troubles(worker).length >= count,
    60_000,
    () => `fewer than ${count} warnings:\n${worker.lines.join('\n')}`,
  )

async function set(admin: Admin, topic: string, settings: Record<string, string>): Promise<void> {
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }))
  const resources = [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries }]
  await admin.alterConfigs({ validateOnly: false, resources })
}

test('a worker names all that it finds wrong, each in one line, and works', async ({ onTestFinished }) => {
  const world = await worldOn(onTestFinished, {
    args: ['--maxmemory-policy', 'allkeys-lru', '--appendonly', 'no', '--save', ''],
  })
  const keys = redisKeys(world.keyPrefix)
  await world.redis.set(keys.mark(77n), '_', 'EX', DAY_SECONDS)
  await set(world.admin, world.topics.requests, { 'cleanup.policy': 'compact,delete', 'retention.ms': '3600000' })
  await set(world.admin, world.topics.notifications, { 'retention.ms': '7200000' })
  const worker = world.start({
    LOG_DIR: '/proc/self',
    CLOCK_SHIFT_MS: '-3600000',
    NODE_OPTIONS: `--import=${CLOCK}`,
  })
  await toldAll(worker, 8)
  await world.send([request(1)])
  await world.answered([1])
  const expected = [
    /^the log file cannot be written: the lines come on stdout only dir=\/proc\/self reason=/,
    /^Redis evicts keys .* Set maxmemory-policy noeviction policy=allkeys-lru$/,
    /^Redis persists nothing: .* Set appendonly yes$/,
    /^this machine's clock is far from Redis's: .* Use NTP redisSecondsAhead=3(600|599\.\d|600\.\d)$/,
    /^there are processed_messages keys that this worker did not set: .*REDIS_KEY_PREFIX.* sampled=1 notOurs=1$/,
    /^the topic is compacted: .* Set cleanup.policy=delete topic=\S+AI_handler cleanupPolicy=compact,delete$/,
    /^the topic's retention is shorter than PROCESSED_TTL_SECONDS: requests .* topic=\S+AI_handler retentionHours=1 wantedHours=72$/,
    /^the topic's retention is shorter than PROCESSED_TTL_SECONDS: what Redis loses .* topic=\S+notifications retentionHours=2 wantedHours=72$/,
  ]
  const matching = (pattern: RegExp) => troubles(worker).filter((line) => pattern.test(line)).length
  expect(expected.filter((pattern) => matching(pattern) !== 1)).toEqual([])
  expect(troubles(worker).filter((line) => !expected.some((pattern) => pattern.test(line)))).toEqual([])
}, 180_000)

test('a worker on services that are in order has nothing to say against them', async ({ onTestFinished }) => {
  const world = await worldOn(onTestFinished)
  for (const topic of Object.values(world.topics)) await set(world.admin, topic, { 'retention.ms': '604800000' })
  await world.send([request(1)])
  const first = world.start()
  await world.answered([1])
  await first.end()
  const second = world.start()
  await world.send([request(2)])
  await world.answered([2])
  expect([...troubles(first), ...troubles(second)]).toEqual([])
}, 180_000)

test('the notification service under the same prefix is found out at a later start too, by a mark beside a refusal', async ({
  onTestFinished,
}) => {
  const world = await worldOn(onTestFinished)
  const env = { OPENAI_RPD: '1', BUDGET_MAX_WAIT_SECONDS: '1' }
  const first = world.start(env)
  await world.send([request(1)])
  await world.answered([1])
  await world.send([request(2)])
  await world.answered([2])
  await first.end()
  // The first one, too, is refused where the machine is so slow that its grant is lost.
  const answered = world.records().length
  expect(answered + lostGrants(world)).toBe(1)
  // What it does with the refusal's notification.
  await world.redis.set(redisKeys(world.keyPrefix).mark(2n), '_', 'EX', 3 * DAY_SECONDS)
  const second = world.start(env)
  await toldAll(second, 1)
  await second.saw('working')
  expect(troubles(second)).toEqual([
    expect.stringMatching(new RegExp(`REDIS_KEY_PREFIX.* sampled=${1 + answered} notOurs=1$`)),
  ])
}, 180_000)

test('a Kafka that begins no transaction is an error that says what to look at', async ({ onTestFinished }) => {
  const kafka = await startLocalKafka({ properties: { 'transaction.state.log.replication.factor': '3' } })
  onTestFinished(() => kafka.stop())
  const world = await worldOn(onTestFinished, { kafkaBrokers: kafka.brokers })
  const worker = world.start()
  await worker.saw('Kafka begins no transaction: nothing can be published')
  const told = troubles(worker).filter((line) => line.includes('begins no transaction'))
  expect(told).toEqual([expect.stringMatching(/reason=.* remedy=.*transaction\.state\.log\.replication\.factor/)])
}, 180_000)

test('a Redis Cluster ends the start with the reason in one line, and exit code 1', async ({ onTestFinished }) => {
  const cluster = await startLocalRedis({ args: ['--cluster-enabled', 'yes'] })
  onTestFinished(() => cluster.stop())
  const world = await worldOn(onTestFinished)
  const worker = world.start({ REDIS_PORT: String(cluster.port) })
  expect(await worker.exited).toBe(1)
  const told = worker.lines.filter((line) => line.includes('Redis Cluster'))
  expect(told).toEqual([expect.stringMatching(/REDIS_HOST is a Redis Cluster: the worker needs a single Redis/)])
  expect(worker.lines.filter((line) => /^\s+at /.test(line))).toEqual([])
}, 180_000)
