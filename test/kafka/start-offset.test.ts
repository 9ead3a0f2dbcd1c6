import { describe, expect, it } from 'vitest'
import type { Config } from '../../src/config.ts'
import { ensureTopics } from '../../src/kafka/topics.ts'
import { startConsumer } from '../support/kafka-consumer.ts'
import { until } from '../support/kafka-testing.ts'
import { produceRaw, rawBatch } from '../support/raw-batch.ts'
import { world, worldOfEachTest } from './world-of-each-test.ts'

const DAY_MS = 86_400_000

worldOfEachTest()

function startFrom(startFrom: Config['kafka']['startFrom']) {
  const config = { groupId: world.group, startFrom, topics: { requests: world.requests } }
  return startConsumer(world, {}, { config, processedTtlMs: 3 * DAY_MS })
}

async function sendAged(): Promise<void> {
  const now = Date.now()
  await world.sendAt([
    { value: 'a week old', timestampMs: now - 7 * DAY_MS },
    { value: 'two days old', timestampMs: now - 2 * DAY_MS },
    { value: 'an hour old', timestampMs: now - 3_600_000 },
  ])
}

describe('a group without committed offsets', () => {
  it.each([
    { name: 'earliest', from: { kind: 'earliest' as const }, first: 0n },
    { name: 'recent: younger than the marks', from: { kind: 'recent' as const }, first: 1n },
    { name: 'a time', from: { kind: 'time' as const, atMs: Date.now() - DAY_MS }, first: 2n },
    { name: 'latest', from: { kind: 'latest' as const }, first: 3n },
  ])('begins at $name, and commits that at once', async ({ from, first }) => {
    await sendAged()
    const { handled, consumer } = startFrom(from)
    await until('it has begun', () => consumer.status().partitions[0]?.state === 'ready')
    await world.send(['new'])
    await until('it is at the end', async () => (await world.committed())[0]?.offset === 4n)
    expect(handled.length).toBe(4 - Number(first))
    expect(world.log.lines.find(({ message }) => message.includes('KAFKA_START_FROM'))?.fields['offset']).toBe(first)
  })

  it.each([
    { name: 'a start', from: { kind: 'time' as const, atMs: Date.parse('1969-12-31T23:59:59.999Z') }, ttlMs: DAY_MS },
    { name: 'a start', from: { kind: 'time' as const, atMs: Date.parse('1900-01-01') }, ttlMs: DAY_MS },
    { name: 'marks', from: { kind: 'recent' as const }, ttlMs: 36_500 * DAY_MS },
  ])('begins at the first message with $name from before 1970', async ({ from, ttlMs }) => {
    await sendAged()
    const config = { groupId: world.group, startFrom: from, topics: { requests: world.requests } }
    const { handled } = startConsumer(world, {}, { config, processedTtlMs: ttlMs })
    await until('all are handled', () => handled.length === 3)
    expect(handled).toContain('a week old')
  })

  it.each([
    { name: 'seconds, by them', aged: (ageMs: number) => Math.floor((Date.now() - ageMs) / 1_000), first: 1n },
    { name: 'no times, at the first message', aged: () => -1, first: 0n },
  ])('begins, where producers write $name', async ({ aged, first }) => {
    for (const ageMs of [7 * DAY_MS, 2 * DAY_MS, 0]) {
      const timestamp = BigInt(aged(ageMs))
      await produceRaw(
        world.brokers,
        world.requests,
        0,
        await rawBatch({ records: [{ value: `${ageMs}` }], timestamp }),
      )
    }
    const { handled } = startFrom({ kind: 'recent' })
    await until('it is at the end', async () => (await world.committed())[0]?.offset === 3n)
    expect(handled.length).toBe(3 - Number(first))
  })

  it('stays where it began, though nothing was there to read', async () => {
    const before = startFrom({ kind: 'latest' })
    await until('it has begun', () => before.consumer.status().partitions[0]?.state === 'ready')
    expect((await world.committed())[0]?.offset).toBe(0n)
    await before.consumer.stop(0)
    await world.send(['while it was away'])
    const after = startFrom({ kind: 'latest' })
    await until('it is read', () => after.handled.length === 1)
    expect(after.handled).toEqual(['while it was away'])
  })
})

describe('topics at start', () => {
  const topicsNamed = (prefix: string) => ({
    requests: world.requests,
    notifications: `${prefix}n.${world.id}`,
    records: `${prefix}r.${world.id}`,
    deadLetters: `${prefix}d.${world.id}`,
    decisions: null,
  })
  const never = new AbortController().signal

  it('that are missing are created, by several workers at once; one that is there is left alone', async () => {
    const config = { topics: topicsNamed('new.'), newTopicPartitions: 3, newTopicReplication: null }
    const created = await Promise.all([1, 2, 3].map(() => ensureTopics(world.clients, config, world.log, never)))
    const missing = Object.values(config.topics).filter((each) => each?.startsWith('new.'))
    expect(created.flat().length).toBe(missing.length)
    expect(new Set(created.flat())).toEqual(new Set(missing))
    const { topics } = await world.admin.fetchTopicMetadata({ topics: [config.topics.notifications, world.requests] })
    const partitions = new Map(topics.map(({ name, partitions }) => [name, partitions.length]))
    expect(partitions.get(config.topics.notifications)).toBe(3)
    expect(partitions.get(world.requests)).toBe(1)
  })

  it('that cannot be created are named, with the setting', async () => {
    const config = { topics: topicsNamed('bad.'), newTopicPartitions: 1, newTopicReplication: 7 }
    await expect(ensureTopics(world.clients, config, world.log, never)).rejects.toThrow(
      /bad\.n\..*KAFKA_TOPIC_REPLICATION_FACTOR/,
    )
  })

  it('that Kafka takes for another topic of the same name are named, and not waited for', async () => {
    const topics = { ...topicsNamed('same.'), notifications: world.requests.replaceAll('.', '_') }
    expect(topics.notifications).not.toBe(world.requests)
    const config = { topics, newTopicPartitions: 1, newTopicReplication: null }
    const limit = AbortSignal.timeout(5_000)
    await expect(ensureTopics(world.clients, config, world.log, limit)).rejects.toThrow(topics.notifications)
  })
})
