/** The broker dies, is cut off, falls silent or slow while requests are processed; and messages that Kafka refuses. */
import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigResourceTypes } from 'kafkajs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { contentOf, traceable } from '../support/audit.ts'
import type { LocalKafka } from '../support/services.ts'
import { startLocalKafka } from '../support/services.ts'
import { startKafkaProxy } from '../support/taps.ts'
import type { TcpProxy } from '../support/tcp-proxy.ts'
import { expectUnharmed, linesWith, mostSaid, underLoad } from '../support/trouble.ts'
import { waitUntil } from '../support/wait.ts'
import { countById, idIn } from '../support/world.ts'
import { stub, world, worldOfEachTest } from '../support/worlds.ts'

const LIMIT_MS = 300_000

let kafka: LocalKafka
let proxy: TcpProxy

beforeAll(async () => {
  kafka = await startLocalKafka({ properties: { 'auto.create.topics.enable': 'false' } })
})
afterAll(() => kafka.stop())

afterEach(() => proxy.stop())
worldOfEachTest(() => ({
  stub: { latencyMs: 150 },
  kafkaBrokers: kafka.brokers,
  env: { MAX_CALLS_IN_FLIGHT: '3' },
}))
beforeEach(async () => {
  proxy = await startKafkaProxy(world.admin)
})

async function started() {
  const worker = world.start({ KAFKA_BOOTSTRAP_SERVERS: `localhost:${proxy.port}` })
  await worker.saw('working')
  return worker
}

describe('a worker whose Kafka', { timeout: LIMIT_MS }, () => {
  test('is killed and comes back goes on by itself, with one outcome each and no call repeated', async () => {
    const worker = await started()
    const ids = await underLoad(world, async () => {
      await sleep(300)
      await kafka.kill('SIGKILL')
      await sleep(5_000)
      await kafka.restart()
    })
    expectUnharmed(world, stub, ids)
    expect(mostSaid(worker)).toBeLessThan(25)
    expect(await worker.end()).toBe(0)
  })

  test('cuts its connections again and again goes on between the cuts', async () => {
    await started()
    const ids = await underLoad(world, async () => {
      for (let cut = 0; cut < 6; cut++) {
        await sleep(200)
        proxy.reset()
      }
    })
    expectUnharmed(world, stub, ids)
    expect(proxy.accepted()).toBeGreaterThan(6)
  })

  test('swallows every packet until its session is over goes on when they pass again', async () => {
    const worker = await started()
    let assigned = 0
    const ids = await underLoad(world, async () => {
      await sleep(300)
      assigned = linesWith(worker, ' assigned ').length
      proxy.silence()
      await sleep(13_000)
      proxy.heal()
    })
    expectUnharmed(world, stub, ids)
    expect(assigned).toBeGreaterThan(0)
    // The broker has removed the worker from the group meanwhile.
    expect(linesWith(worker, ' assigned ').length).toBeGreaterThan(assigned)
  })

  test('is slow publishes all the same', async () => {
    await started()
    const ids = await underLoad(world, async () => {
      proxy.delay(250)
      // All that are sent before and during the trouble, and the first one.
      await waitUntil(
        () => world.notifications().length >= 17,
        60_000,
        () => `${world.notifications().length} of 17 are published while Kafka is slow`,
      )
      proxy.delay(0)
    })
    expectUnharmed(world, stub, ids)
    expect(world.notifications()).toHaveLength(ids.length)
  })
})

describe('what Kafka refuses', { timeout: LIMIT_MS }, () => {
  const limitBytes = (topic: string, bytes: number) =>
    world.admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: ConfigResourceTypes.TOPIC,
          name: topic,
          configEntries: [{ name: 'max.message.bytes', value: `${bytes}` }],
        },
      ],
    })

  test('as too large together is published apart, and the one that is too large alone is told as a failure', async () => {
    await limitBytes(world.topics.records, 2_000)
    await limitBytes(world.topics.deadLetters, 3_000)
    const ids = Array.from({ length: 20 }, (_, index) => 100 + index)
    await world.send([
      ...ids.map((id) => traceable(id)),
      // Headers are passed on.
      { ...traceable(200), headers: { large: 'x'.repeat(4_000) } },
      { key: 'new_request', value: `poison ${'x'.repeat(5_000)}` },
    ])
    const worker = await started()
    await world.answered([...ids, 200])
    await waitUntil(
      () => world.deadLetters().length === 1,
      90_000,
      () => `no dead letter; the worker said:\n${worker.lines.slice(-20).join('\n')}`,
    )
    const failed = world.notifications().filter(({ success }) => !success)
    expect(failed.map(({ response }) => response['processing_id'])).toEqual([200])
    expect(failed[0]?.message_error).toMatch(/не поместился/)
    expect(countById(world.seenRecords())).toEqual(new Map(ids.map((id) => [`${id}`, 1])))
    expect(new Set(countById(world.seenNotifications()).values())).toEqual(new Set([1]))
    expect(stub.arrivals()).toHaveLength(ids.length + 1)
    expect(world.deadLetters()[0]?.value).toBe('')
    expect(world.deadLetters()[0]?.headers).toMatchObject({ 'dead-letter-source-offset': '21' })
  })

  test('since the topic is gone is kept, the topic is named, and it is published after the repair without another call', async () => {
    const worker = await started()
    await world.send([traceable(1)])
    await world.answered([1])
    await world.admin.deleteTopics({ topics: [world.topics.records] })
    const ids = [2, 3, 4, 5, 6]
    await world.send(ids.map((id) => traceable(id)))
    await worker.saw('Kafka refuses a topic', 120_000)
    expect(linesWith(worker, 'Kafka refuses a topic')[0]).toContain(world.topics.records)
    await waitUntil(
      () => stub.arrivals().length === 6,
      90_000,
      () => `${stub.arrivals().length} calls, not 6`,
    )
    expect(world.notifications()).toHaveLength(1)
    await world.admin.createTopics({
      topics: [{ topic: world.topics.records, numPartitions: 1 }],
      waitForLeaders: false,
    })
    await waitUntil(
      () => world.notifications().length === 6,
      120_000,
      () => `${world.notifications().length} outcomes, not 6`,
    )
    // The world's observer still waits at the end of the deleted topic, so read the new one from its start.
    const read = await contentOf(kafka.brokers, [world.topics.records])
    expect(
      read
        .get(world.topics.records)
        ?.map(({ value }) => idIn(value))
        .toSorted(),
    ).toEqual(ids.map(String))
    expect(new Set(countById(world.seenNotifications()).values())).toEqual(new Set([1]))
    expect(world.notifications().every(({ success }) => success)).toBe(true)
    expect(stub.arrivals()).toHaveLength(6)
    expect(linesWith(worker, 'Kafka refuses a topic').length).toBeLessThanOrEqual(2)
  })
})
