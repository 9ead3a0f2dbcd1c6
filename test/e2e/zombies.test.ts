/** Workers that are frozen and come back after another has taken over; and rebalances, which must not repeat a call. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import type { Stub } from '../../tools/openai-stub/server.ts'
import { startStub } from '../../tools/openai-stub/server.ts'
import { callsById, traceable } from '../support/audit.ts'
import { fuse, kafkaRequest, startKafkaProxy } from '../support/taps.ts'
import type { TcpProxy } from '../support/tcp-proxy.ts'
import { waitUntil } from '../support/wait.ts'
import type { Worker } from '../support/worker.ts'
import type { World } from '../support/world.ts'
import { countById, createWorld } from '../support/world.ts'

const LIMIT_MS = 300_000

let stub: Stub
let world: World
let proxy: TcpProxy | null

beforeEach(async () => {
  proxy = null
  stub = await startStub({ latencyMs: 50 })
  world = await createWorld({
    kafkaBrokers: inject('kafkaBrokers'),
    redisUrl: inject('redisUrl'),
    baseUrl: stub.baseUrl,
    partitions: 4,
  })
})

afterEach(async () => {
  await world.close()
  await proxy?.stop()
  await stub.stop()
})

const ids = (count: number, from: number) => Array.from({ length: count }, (_, index) => from + index)
/** Spread over all partitions. */
const spread = (list: number[]) => list.map((id) => ({ ...traceable(id), partition: id % 4 }))

const arrived = (count: number) =>
  waitUntil(
    () => stub.arrivals().length >= count,
    120_000,
    () => `${stub.arrivals().length} of ${count} calls`,
  )

function expectOneEach(list: number[]): void {
  const once = new Map(list.map((id) => [`${id}`, 1]))
  const sorted = (counts: Map<string, number>) => new Map([...counts].toSorted(([a], [b]) => Number(a) - Number(b)))
  expect(sorted(countById(world.seenNotifications()))).toEqual(once)
  expect(sorted(countById(world.seenRecords()))).toEqual(once)
  expect(world.notifications().every(({ success }) => success)).toBe(true)
}

/** Resolves when the worker has told of as many finished requests as `count`, duplicates not counted. */
const finished = (worker: Worker, count: number) =>
  waitUntil(
    () => worker.lines.filter((line) => line.includes('outcome=success')).length >= count,
    120_000,
    () => `the worker has not finished ${count}; it said:\n${worker.lines.slice(-20).join('\n')}`,
  )

describe('a worker that is frozen past its session', () => {
  test(
    'with calls in flight, repeats none of what it finished, publishes nothing late, and works on',
    { timeout: LIMIT_MS },
    async () => {
      stub.configure({ latencyMs: 1_000 })
      const zombie = world.start()
      await zombie.saw('working')
      await world.send(spread(ids(8, 100)))
      await arrived(8)
      zombie.kill('SIGSTOP')
      // Its session and its leases live for 10 s.
      const successor = world.start()
      await world.answered(ids(8, 100), 90_000)
      expectOneEach(ids(8, 100))
      zombie.kill('SIGCONT')
      await zombie.saw('assigned', 120_000)
      stub.configure({ latencyMs: 50 })
      await world.send(spread(ids(8, 200)))
      await world.answered(ids(8, 200))
      expect(await successor.end()).toBe(0)
      await world.send(spread(ids(8, 300)))
      await world.answered(ids(8, 300))
      await finished(zombie, 8)
      expectOneEach([...ids(8, 100), ...ids(8, 200), ...ids(8, 300)])
      const calls = callsById(stub.arrivals())
      for (const id of ids(8, 100)) expect(calls.get(`${id}`)).toBeLessThanOrEqual(2)
      for (const id of [...ids(8, 200), ...ids(8, 300)]) expect(calls.get(`${id}`)).toBe(1)
    },
  )

  test(
    'in the middle of a transaction, is fenced: nothing of it is seen, nothing is paid twice',
    { timeout: LIMIT_MS },
    async () => {
      let zombie: Worker | null = null
      const moments = [kafkaRequest('Produce', '"processing_id":400'), kafkaRequest('TxnOffsetCommit')]
      const frozen = Promise.withResolvers<void>()
      const freeze = fuse(moments, () => {
        zombie?.kill('SIGSTOP')
        frozen.resolve()
      })
      proxy = await startKafkaProxy(world.admin, freeze)
      zombie = world.start({ KAFKA_BOOTSTRAP_SERVERS: `localhost:${proxy.port}` })
      await zombie.saw('working')
      await world.send([{ ...traceable(400), partition: 0 }])
      await frozen.promise
      const successor = world.start()
      await world.answered([400], 120_000)
      await finished(successor, 1)
      zombie.kill('SIGCONT')
      await zombie.saw('publishing is interrupted', 120_000)
      await world.send(spread(ids(8, 500)))
      await world.answered(ids(8, 500))
      expectOneEach([400, ...ids(8, 500)])
      expect(stub.arrivals()).toHaveLength(9)
      expect(await successor.end()).toBe(0)
      await world.send(spread(ids(4, 600)))
      await world.answered(ids(4, 600))
      expectOneEach([400, ...ids(8, 500), ...ids(4, 600)])
    },
  )

  test('for less than that, goes on as if nothing had been', { timeout: LIMIT_MS }, async () => {
    stub.configure({ latencyMs: 500 })
    const worker = world.start()
    await worker.saw('working')
    await world.send(spread(ids(8, 100)))
    await arrived(8)
    worker.kill('SIGSTOP')
    await sleep(3_000)
    worker.kill('SIGCONT')
    await world.answered(ids(8, 100))
    expectOneEach(ids(8, 100))
    expect(stub.arrivals()).toHaveLength(8)
  })
})

describe('a rebalance repeats no call', () => {
  test('when workers join while calls are in flight', { timeout: LIMIT_MS }, async () => {
    stub.configure({ latencyMs: 4_000 })
    const first = world.start()
    await first.saw('working')
    await world.send(spread(ids(16, 100)))
    await arrived(16)
    const joining = [world.start(), world.start()]
    for (const worker of joining) await worker.saw('assigned')
    await world.answered(ids(16, 100))
    expectOneEach(ids(16, 100))
    expect(stub.arrivals()).toHaveLength(16)
  })

  test('when every worker is replaced, one after the other, under load', { timeout: LIMIT_MS }, async () => {
    stub.configure({ latencyMs: 700 })
    let fleet = [world.start(), world.start()]
    for (const worker of fleet) await worker.saw('working')
    let sent = 0
    const send = async () => {
      await world.send(spread(ids(8, 1_000 + sent)))
      sent += 8
    }
    await send()
    for (const old of fleet) {
      await send()
      const young = world.start()
      fleet = [...fleet, young]
      await young.saw('assigned')
      await send()
      expect(await old.end()).toBe(0)
    }
    await world.answered(ids(sent, 1_000))
    expectOneEach(ids(sent, 1_000))
    expect(stub.arrivals()).toHaveLength(sent)
  })
})
