/**
 * A worker that is SIGKILLed at every step of a request's way. The steps are recognised on the wire, by proxies between the
 * worker and its services: it dies at the very moment when it has sent, or is about to get, the bytes that make the step.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, inject, test } from 'vitest'
import type { Stub } from '../../src/openai-stub/server.ts'
import { startStub } from '../../src/openai-stub/server.ts'
import { callsById, traceable } from '../support/audit.ts'
import type { Moment } from '../support/taps.ts'
import { bytes, claimScript, fuse, kafkaRequest, loadedScript, scriptCall, startKafkaProxy } from '../support/taps.ts'
import type { TcpProxy } from '../support/tcp-proxy.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { waitUntil } from '../support/wait.ts'
import type { Worker } from '../support/worker.ts'
import type { World } from '../support/world.ts'
import { countById, createWorld } from '../support/world.ts'

const LIMIT_MS = 150_000
const IDS = [70_001, 70_002, 70_003, 70_004, 70_005]
const TARGET = 70_003
const LATENCY_MS = 50
const MOMENT_LIMIT_MS = 45_000
const QUIET_MS = 500

type Service = 'kafka' | 'redis' | 'model'

interface Point {
  name: string
  /** Where the moments are seen, in this order. */
  service: Service
  moments: (world: World) => Promise<Moment[]> | Moment[]
  /** Whether the bytes of the last moment still reach their receiver. */
  arrives: boolean
  /** How often the model server is asked for the target in all. */
  calls: 1 | 2
  env?: Record<string, string>
}

const claims = (name: string) => async (world: World) => [
  scriptCall(await claimScript(world.redis, name), `claim:${TARGET}`),
]
const reservation = async (world: World) => [
  scriptCall(await loadedScript(world.redis, ['budget/state', 'budget/trees', 'budget/line', 'budget/reserve'])),
]
const confirmation = async (world: World) => [...(await claims('answer')(world)), ...(await claims('reassert')(world))]
const mark = async (world: World) => [
  scriptCall(await claimScript(world.redis, 'finish'), `processed_messages:${TARGET}`),
]
/** A request of the transaction that publishes the target. */
const inTransaction = (type: Parameters<typeof kafkaRequest>[0]) => () => [
  kafkaRequest('Produce', `"processing_id":${TARGET}`),
  ...(type === 'Produce' ? [] : [kafkaRequest(type)]),
]
const asked = bytes('up', `ref:${TARGET}.`)

const POINTS: Point[] = [
  {
    name: 'as the message is handed to it',
    service: 'kafka',
    moments: () => [bytes('down', `"processing_id":${TARGET}`)],
    arrives: false,
    calls: 1,
  },
  { name: 'after it consumed, before the claim', service: 'redis', moments: claims('claim'), arrives: false, calls: 1 },
  { name: 'after the claim', service: 'redis', moments: claims('claim'), arrives: true, calls: 1 },
  {
    name: 'after the budget was reserved',
    env: { OPENAI_RPM: '600' },
    service: 'redis',
    moments: reservation,
    arrives: true,
    calls: 1,
  },
  { name: 'after the lease, before the call', service: 'redis', moments: claims('begin'), arrives: true, calls: 1 },
  { name: 'as the call was sent', service: 'model', moments: () => [asked], arrives: true, calls: 2 },
  {
    name: 'as the answer was on its way',
    service: 'model',
    moments: () => [asked, bytes('down', 'HTTP/1.1 200')],
    arrives: false,
    calls: 2,
  },
  {
    name: 'after the answer, before it is stored',
    service: 'redis',
    moments: claims('answer'),
    arrives: false,
    calls: 2,
  },
  { name: 'after the answer was stored', service: 'redis', moments: claims('answer'), arrives: true, calls: 1 },
  { name: 'as its claim is confirmed', service: 'redis', moments: confirmation, arrives: true, calls: 1 },
  {
    name: 'before the outputs reach Kafka',
    service: 'kafka',
    moments: inTransaction('Produce'),
    arrives: false,
    calls: 1,
  },
  {
    name: 'after the outputs reached Kafka, uncommitted',
    service: 'kafka',
    moments: inTransaction('Produce'),
    arrives: true,
    calls: 1,
  },
  {
    name: 'after the offset was added to the transaction',
    service: 'kafka',
    moments: inTransaction('TxnOffsetCommit'),
    arrives: true,
    calls: 1,
  },
  { name: 'before the commit', service: 'kafka', moments: inTransaction('EndTxn'), arrives: false, calls: 1 },
  {
    name: 'after the commit, not knowing of it',
    service: 'kafka',
    moments: inTransaction('EndTxn'),
    arrives: true,
    calls: 1,
  },
  { name: 'after the commit, before the mark', service: 'redis', moments: mark, arrives: false, calls: 1 },
  { name: 'after the mark', service: 'redis', moments: mark, arrives: true, calls: 1 },
]

describe.concurrent('a worker that is killed', () => {
  test.each(POINTS)('$name: one outcome, and no call twice that was not in flight', { timeout: LIMIT_MS }, (point) =>
    withWorld(async (world, stub) => {
      await killAt(world, stub, point, () => world.send(IDS.map((id) => traceable(id))))
      const before = await stateAfterDeath(world, stub)

      const successor = world.start()
      await world.answered(IDS)
      await sendAgain(world, successor)
      for (const seen of [world.seenNotifications(), world.seenRecords()]) {
        expect(countById(seen)).toEqual(new Map(IDS.map((id) => [`${id}`, 1])))
      }
      expect(world.notifications().every(({ success }) => success)).toBe(true)
      expect(await world.redis.exists(...IDS.map((id) => `${world.keyPrefix}processed_messages:${id}`))).toBe(5)
      const calls = callsById(stub.arrivals())
      expect(calls.get(`${TARGET}`)).toBe(point.calls)
      for (const id of IDS.map(String)) {
        const paid = before.called.get(id) ?? 0
        expect(calls.get(id), `calls for ${id}`).toBe(before.kept.has(id) ? paid : paid + 1)
      }
    }),
  )
})

async function withWorld(run: (world: World, stub: Stub) => Promise<void>): Promise<void> {
  const stub = await startStub({ latencyMs: LATENCY_MS })
  const world = await createWorld({
    kafkaBrokers: inject('kafkaBrokers'),
    redisUrl: inject('redisUrl'),
    baseUrl: stub.baseUrl,
  })
  try {
    await run(world, stub)
  } finally {
    await world.close()
    await stub.stop()
  }
}

/** Starts a worker behind proxies that kill it at the point's last moment; resolves when it is dead and all is quiet. */
async function killAt(world: World, stub: Stub, point: Point, send: () => Promise<unknown>): Promise<void> {
  const reached = Promise.withResolvers<void>()
  const proxies = new Map<Service, TcpProxy>()
  const fused = fuse(await point.moments(world), () => {
    victim.kill('SIGKILL')
    if (!point.arrives) proxies.get(point.service)?.cut()
    reached.resolve()
  })
  const tap = (service: Service) => (service === point.service ? fused : () => {})
  const redis = { host: world.env['REDIS_HOST'] ?? '', port: Number(world.env['REDIS_PORT']) }
  proxies.set('kafka', await startKafkaProxy(world.admin, tap('kafka')))
  proxies.set('redis', await startTcpProxy({ to: redis, onChunk: tap('redis') }))
  proxies.set('model', await startTcpProxy({ to: { host: '127.0.0.1', port: stub.port }, onChunk: tap('model') }))
  const portOf = (service: Service) => String(proxies.get(service)?.port)
  const victim = world.start({
    KAFKA_BOOTSTRAP_SERVERS: `localhost:${portOf('kafka')}`,
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: portOf('redis'),
    OPENAI_BASE_URL: `http://127.0.0.1:${portOf('model')}/v1`,
    MAX_CALLS_IN_FLIGHT: '2',
    ...point.env,
  })
  const limit = setTimeout(
    () => reached.reject(new Error(`the moment never came; the worker said:\n${victim.lines.slice(-20).join('\n')}`)),
    MOMENT_LIMIT_MS,
  )
  try {
    await victim.saw('beginning as KAFKA_START_FROM says')
    await send()
    await reached.promise
    await victim.exited
    // What it has sent is still on its way.
    await sleep(QUIET_MS)
  } finally {
    clearTimeout(limit)
    for (const proxy of proxies.values()) await proxy.stop()
  }
}

/** What the dead worker has paid for, and which of it is kept. */
async function stateAfterDeath(world: World, stub: Stub) {
  const kept = new Set<string>()
  for (const id of IDS.map(String)) {
    const state = await world.redis.hget(`${world.keyPrefix}claim:${id}`, 'state')
    if (state === 'answered') kept.add(id)
  }
  return { called: callsById(stub.arrivals()), kept }
}

/** Resolves when the worker has seen all ids once more: what it would publish twice, it has published then. */
async function sendAgain(world: World, worker: Worker): Promise<void> {
  await world.send(IDS.map((id) => traceable(id)))
  const duplicates = () => worker.lines.filter((line) => line.includes('outcome=duplicate')).length
  await waitUntil(
    () => duplicates() >= IDS.length,
    30_000,
    () => `${duplicates()} of ${IDS.length} duplicates were skipped`,
  )
}
