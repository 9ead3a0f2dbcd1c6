/** /livez, /readyz and /metrics of real workers, while the services that they need are taken away and come back. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestContext } from 'vitest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePorts } from '../../tools/services/guarded.ts'
import type { FaultName } from '../../tools/openai-stub/faults.ts'
import type { Stub } from '../../tools/openai-stub/server.ts'
import { startStub } from '../../tools/openai-stub/server.ts'
import { pauseFleet, resumeFleet } from '../../src/provider/holds.ts'
import { redisKeys } from '../../src/redis/keys.ts'
import { runCommand } from '../support/command.ts'
import { range } from '../support/fleet.ts'
import type { LocalKafka, LocalRedis } from '../support/services.ts'
import { startLocalKafka, startLocalRedis } from '../support/services.ts'
import { waitUntil } from '../support/wait.ts'
import type { World } from '../support/world.ts'
import { createWorld, request } from '../support/world.ts'

const GOOD = 'sk-proj-good-key-000000000000'
const BAD = 'sk-proj-bad-key-1111111111111'
/** kubelet's default for an answer is 1 s; these machines are busy. */
const PROBE_LIMIT_MS = 10_000

let kafka: LocalKafka
let redis: LocalRedis
let stub: Stub

beforeAll(async () => {
  stub = await startStub({ latencyMs: 20, keys: [GOOD] })
  ;[kafka, redis] = await Promise.all([startLocalKafka(), startLocalRedis()])
}, 180_000)
afterAll(() => Promise.all([kafka.stop(), redis.stop(), stub.stop()]))

interface Reading {
  live: number
  status: number
  checks: Record<string, string>
  notes: string[]
  /** Gauges by name and labels, without the prefix. */
  metrics: Map<string, number>
}

type Probed = Awaited<ReturnType<typeof startProbed>>

/** Starts a worker whose three paths can be read. */
async function startProbed(world: World, env: Record<string, string> = {}) {
  const [port = 0] = await freePorts(1)
  const worker = world.start({ OPS_PORT: String(port), ...env })
  await worker.saw('probes and metrics are served')
  const get = (path: string) =>
    fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(PROBE_LIMIT_MS) })
  const read = async (): Promise<Reading> => {
    const [live, ready, metrics] = await Promise.all([get('/livez'), get('/readyz'), get('/metrics')])
    const { checks, notes = [] } = (await ready.json()) as { checks: Record<string, string>; notes?: string[] }
    const lines = (await metrics.text()).matchAll(/^resume_scoring_(\S+) (\S+)$/gm)
    const samples = [...lines].map(([, name = '', value]) => [name, Number(value)] as const)
    return { live: live.status, status: ready.status, checks, notes, metrics: new Map(samples) }
  }
  let last: Reading | null = null
  const until = async (done: (reading: Reading) => boolean, limitMs: number) => {
    const seen = async () => done((last = await read()))
    const gauges = () => [...(last?.metrics ?? [])].filter(([name]) => /^(ready|hold|partitions)/.test(name))
    const shown = () => JSON.stringify({ ...last, metrics: gauges() })
    await waitUntil(seen, limitMs, () => `${shown()}\n${worker.lines.slice(-15).join('\n')}`)
  }
  return { worker, read, until }
}

const isReady = ({ status, metrics }: Reading) => status === 200 && metrics.get('ready') === 1
const isNotReady = ({ status, metrics }: Reading) => status === 503 && metrics.get('ready') === 0
const holdsOf = ({ metrics }: Reading) => [...metrics.keys()].filter((name) => name.startsWith('hold_age_seconds'))

const worldOf = (options: { partitions?: number } = {}) =>
  createWorld({
    kafkaBrokers: kafka.brokers,
    redisUrl: redis.url,
    baseUrl: stub.baseUrl,
    env: { OPENAI_KEY: GOOD },
    ...options,
  })

/** Long enough for many failed reconnections, which must not count as signs of life. */
async function staysDown(workers: readonly Probed[], check: string): Promise<void> {
  const endAt = performance.now() + 8_000
  while (performance.now() < endAt) {
    for (const { read } of workers) {
      const reading = await read()
      expect(reading).toMatchObject({ live: 200, status: 503 })
      expect(reading.metrics.get('ready')).toBe(0)
      expect(reading.checks[check]).not.toBe('ok')
    }
    await sleep(250)
  }
}

const all = (workers: readonly Probed[], done: (reading: Reading) => boolean, limitMs: number) =>
  Promise.all(workers.map(({ until }) => until(done, limitMs)))

test('a worker and its standby are ready while Kafka and Redis answer, and not while one of them is gone', async ({
  onTestFailed,
  onTestFinished,
}) => {
  const world = await worldOf()
  onTestFinished(() => world.close())
  // Start again what a failed test leaves dead or frozen.
  onTestFailed(async () => void (await Promise.all([kafka.restart(), redis.restart()])))
  // There is one partition, so one of the two is a member of the group without a partition.
  const fleet = [await startProbed(world), await startProbed(world)]
  await all(fleet, isReady, 60_000)
  await world.send(range(3).map((id) => request(id)))
  await world.answered(range(3))

  await kafka.kill('SIGKILL')
  await all(fleet, (reading) => isNotReady(reading) && reading.checks['kafka'] !== 'ok', 15_000)
  await staysDown(fleet, 'kafka')
  for (const { read } of fleet) expect((await read()).checks).toMatchObject({ redis: 'ok' })
  await kafka.restart()
  await all(fleet, isReady, 60_000)

  await redis.kill('SIGKILL')
  await all(fleet, (reading) => isNotReady(reading) && reading.checks['redis'] !== 'ok', 15_000)
  await staysDown(fleet, 'redis')
  for (const { read } of fleet) expect((await read()).checks).toMatchObject({ kafka: 'ok', assigned: 'ok' })
  await redis.restart()
  await all(fleet, isReady, 60_000)

  await kafka.kill('SIGSTOP')
  await fleet[0]?.worker.saw('Kafka does not answer', 15_000)
  await all(fleet, (reading) => isNotReady(reading) && reading.checks['kafka'] !== 'ok', 30_000)
  await kafka.kill('SIGCONT')
  await fleet[0]?.worker.saw('Kafka answers again', 60_000)
  await redis.kill('SIGSTOP')
  await all(fleet, (reading) => isNotReady(reading) && reading.checks['redis'] !== 'ok', 15_000)
  await redis.kill('SIGCONT')
  await all(fleet, isReady, 60_000)
  await world.send(range(3, 11).map((id) => request(id)))
  await world.answered(range(3, 11), 60_000)
}, 300_000)

test('a worker that starts without Kafka is alive, and not ready', async ({ onTestFinished }) => {
  const world = await worldOf()
  onTestFinished(() => world.close())
  const [port = 0] = await freePorts(1)
  const { read, until } = await startProbed(world, { KAFKA_BOOTSTRAP_SERVERS: `localhost:${port}` })
  await until(isNotReady, 10_000)
  expect(await read()).toMatchObject({ live: 200, status: 503 })
})

test('a refused key makes the workers that have it unready, and no others; a pause is named, and makes none', async ({
  onTestFinished,
}) => {
  const world = await worldOf({ partitions: 2 })
  onTestFinished(() => world.close())
  const refused = await startProbed(world, { OPENAI_KEY: BAD })
  const well = await startProbed(world)
  const settled = ({ metrics }: Reading) => metrics.get('partitions{state="ready"}') === 1
  await well.until((reading) => isReady(reading) && settled(reading), 60_000)
  // No request has met the refusal yet.
  await refused.until((reading) => isNotReady(reading) && settled(reading), 60_000)
  expect((await refused.read()).checks['provider']).toMatch(/unauthorized.*HTTP 401, .*code invalid_api_key.* at http/)
  await refused.worker.saw('the provider refuses: no request can be scored')
  expect(stub.arrivals().filter(({ status }) => status === 401)).toEqual([])
  await world.send(range(8).map((id) => ({ ...request(id), partition: id % 2 })))
  // The check at the start has made the worker unready. A request that the provider refused makes it hold calls with this key.
  await refused.until((reading) => holdsOf(reading).length > 0, 30_000)
  const held = await refused.read()
  expect(held.checks).toMatchObject({ kafka: 'ok', assigned: 'ok', redis: 'ok' })
  expect(held.checks['provider']).toContain('unauthorized')
  expect(holdsOf(held)).toEqual(['hold_age_seconds{kind="key",reason="unauthorized"}'])
  await waitUntil(
    () => world.notifications().length === 4,
    30_000,
    () => `${world.notifications().length} outcomes`,
  )
  const other = await well.read()
  expect(other).toMatchObject({ status: 200, checks: { provider: 'ok' }, notes: [] })
  expect(holdsOf(other)).toEqual([])

  const keys = redisKeys(world.keyPrefix)
  await pauseFleet(world.redis, keys)
  await well.until(({ notes }) => notes.length > 0, 10_000)
  const paused = await well.read()
  expect(paused.status).toBe(200)
  expect(paused.notes.join()).toContain('npm run resume')
  expect(holdsOf(paused)).toEqual(['hold_age_seconds{kind="operator",reason="paused"}'])
  await resumeFleet(world.redis, keys)
  await well.until(({ notes }) => notes.length === 0, 10_000)
}, 180_000)

/** A worker that was ready before its provider began to fail. */
async function readyUnder(fault: FaultName, onTestFinished: TestContext['onTestFinished']) {
  const world = await worldOf()
  onTestFinished(() => world.close())
  const { until, read } = await startProbed(world)
  await until(isReady, 60_000)
  const spell = stub.misbehave({ fault })
  onTestFinished(() => stub.lift(spell))
  return { world, until, read, spell }
}

test('an outage of the provider passes by itself: it is named, and makes nobody unready', async ({
  onTestFinished,
}) => {
  const { world, until, read } = await readyUnder('http_500', onTestFinished)
  await world.send(range(6).map((id) => request(id)))
  await until((reading) => holdsOf(reading).length > 0, 30_000)
  const reading = await read()
  expect(reading).toMatchObject({ status: 200, checks: { provider: 'ok' } })
  expect(reading.notes.join()).toContain('outage')
}, 180_000)

test('one request that the provider refuses is named, and a second one makes the worker unready', async ({
  onTestFinished,
}) => {
  const { world, until, read, spell } = await readyUnder('model_not_found', onTestFinished)
  await world.send([request(1)])
  await until(({ notes }) => notes.length > 0, 10_000)
  const { status, checks, notes } = await read()
  expect({ status, provider: checks['provider'] }).toEqual({ status: 200, provider: 'ok' })
  // It is tried again a second or two later, maybe before it is told of.
  expect(notes.join()).toMatch(/^one request fails \(bad_configuration: HTTP 404.* attempt \d\): check OPENAI_MODEL/)
  const { out } = await runCommand(world.env, 'status')
  expect(out).toMatch(
    /one request fails at config:.*, no other is held since .*: bad_configuration \(\d failures? of 1 request,/,
  )
  await world.send([request(2)])
  await until(isNotReady, 30_000)
  expect((await read()).checks['provider']).toContain('calls are held (bad_configuration)')
  stub.lift(spell)
  await world.answered([1, 2])
  await until((reading) => isReady(reading) && reading.notes.length === 0, 10_000)
}, 180_000)
