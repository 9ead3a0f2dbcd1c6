/** Workers that are frozen and thaw after another has taken over; and rebalances, which must not repeat a call. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { callsById, traceable } from '../support/audit.ts'
import { range } from '../support/fleet.ts'
import { fuse, kafkaRequest, startKafkaProxy } from '../support/taps.ts'
import type { TcpProxy } from '../support/tcp-proxy.ts'
import { called, expectOneEach } from '../support/trouble.ts'
import { waitUntil } from '../support/wait.ts'
import type { Worker } from '../support/worker.ts'
import { stub, world, worldOfEachTest } from '../support/worlds.ts'

const LIMIT_MS = 300_000

let proxy: TcpProxy | null

beforeEach(() => {
  proxy = null
})
afterEach(() => proxy?.stop())
worldOfEachTest({ stub: { latencyMs: 50 }, partitions: 4 })

/** Spread over all partitions. */
const spread = (list: number[]) => list.map((id) => ({ ...traceable(id), partition: id % 4 }))

/** Resolves when the worker has logged `count` finished requests, duplicates not counted. */
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
      await world.send(spread(range(8, 100)))
      await called(stub, 8)
      zombie.kill('SIGSTOP')
      // Its session and its leases live for 10 s.
      const successor = world.start()
      await world.answered(range(8, 100), 90_000)
      expectOneEach(world, range(8, 100))
      zombie.kill('SIGCONT')
      await zombie.saw('assigned', 120_000)
      stub.configure({ latencyMs: 50 })
      await world.send(spread(range(8, 200)))
      await world.answered(range(8, 200))
      expect(await successor.end()).toBe(0)
      await world.send(spread(range(8, 300)))
      await world.answered(range(8, 300))
      await finished(zombie, 8)
      expectOneEach(world, [...range(8, 100), ...range(8, 200), ...range(8, 300)])
      const calls = callsById(stub.arrivals())
      for (const id of range(8, 100)) expect(calls.get(`${id}`)).toBeLessThanOrEqual(2)
      for (const id of [...range(8, 200), ...range(8, 300)]) expect(calls.get(`${id}`)).toBe(1)
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
      await world.send(spread(range(8, 500)))
      await world.answered(range(8, 500))
      expectOneEach(world, [400, ...range(8, 500)])
      expect(stub.arrivals()).toHaveLength(9)
      expect(await successor.end()).toBe(0)
      await world.send(spread(range(4, 600)))
      await world.answered(range(4, 600))
      expectOneEach(world, [400, ...range(8, 500), ...range(4, 600)])
    },
  )

  test('for less than that, goes on as if nothing had been', { timeout: LIMIT_MS }, async () => {
    stub.configure({ latencyMs: 500 })
    const worker = world.start()
    await worker.saw('working')
    await world.send(spread(range(8, 100)))
    await called(stub, 8)
    worker.kill('SIGSTOP')
    await sleep(3_000)
    worker.kill('SIGCONT')
    await world.answered(range(8, 100))
    expectOneEach(world, range(8, 100))
    expect(stub.arrivals()).toHaveLength(8)
  })
})

describe('a rebalance repeats no call', () => {
  test('when workers join while calls are in flight', { timeout: LIMIT_MS }, async () => {
    stub.configure({ latencyMs: 4_000 })
    const first = world.start()
    await first.saw('working')
    await world.send(spread(range(16, 100)))
    await called(stub, 16)
    const joining = [world.start(), world.start()]
    for (const worker of joining) await worker.saw('assigned')
    await world.answered(range(16, 100))
    expectOneEach(world, range(16, 100))
    expect(stub.arrivals()).toHaveLength(16)
  })

  test('when every worker is replaced, one after the other, under load', { timeout: LIMIT_MS }, async () => {
    stub.configure({ latencyMs: 700 })
    let fleet = [world.start(), world.start()]
    for (const worker of fleet) await worker.saw('working')
    let sent = 0
    const send = async () => {
      await world.send(spread(range(8, 1_000 + sent)))
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
    await world.answered(range(sent, 1_000))
    expectOneEach(world, range(sent, 1_000))
    expect(stub.arrivals()).toHaveLength(sent)
  })
})
