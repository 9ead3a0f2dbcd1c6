import { describe, expect, it } from 'vitest'
import { createOffsetsView } from '../../src/kafka/offsets-view.ts'
import type { ReadBack } from '../../src/kafka/outcomes-reader.ts'
import { readBack } from '../../src/kafka/outcomes-reader.ts'
import { answer, heldCalls, startConsumer, textOf } from '../support/kafka-consumer.ts'
import { until } from '../support/kafka-testing.ts'
import { produceRaw, rawBatch } from '../support/raw-batch.ts'
import { world, worldOfEachTest } from './world-of-each-test.ts'

const never = new AbortController().signal

worldOfEachTest()

describe('where a message stands', () => {
  it('is told by offset, by what is done above it, and by the ends of the log', async () => {
    await world.send(['done', 'held', 'overtook'])
    const calls = heldCalls()
    startConsumer(world, {
      handle: (source, signals) =>
        textOf(source) === 'held' ? calls.handle(source, signals) : Promise.resolve(answer(source, [])),
    })
    await until('two are done', async () => (await world.committed())[0]?.metadata === '1;1;1,1')
    const view = createOffsetsView(world.clients, { group: world.group, topic: world.requests }, world.log)
    const standing = (offset: bigint, place = {}) =>
      view.standing({ group: world.group, topic: world.requests, partition: 0, offset, ...place }, never)
    expect(await Promise.all([0n, 1n, 2n, 3n].map((each) => standing(each)))).toEqual([
      'committed',
      'due',
      'committed',
      'gone',
    ])
    const missing = [{ topic: `never.${world.id}` }, { partition: 5 }].map((each) => standing(0n, each))
    expect(await Promise.all(missing)).toEqual(['gone', 'gone'])
    // That group has no members, so nobody will ever handle the message.
    expect(await standing(1n, { group: `other.${world.id}` })).toBe('gone')
    expect(await view.backlog()).toEqual([{ partition: 0, low: 0n, high: 3n, committed: 1n, waiting: 1n }])

    await world.admin.deleteTopicRecords({ topic: world.requests, partitions: [{ partition: 0, offset: '2' }] })
    await until('retention took the held one', async () => (await standing(1n)) === 'gone')
    calls.finish('held', [])
  })

  it('does not take a message for gone that has come since the last reading', async () => {
    const view = createOffsetsView(world.clients, { group: world.group, topic: world.requests }, world.log)
    const standing = (offset: bigint) =>
      view.standing({ group: world.group, topic: world.requests, partition: 0, offset }, never)
    for (let offset = 0n; offset < 5n; offset++) {
      expect(await standing(offset)).toBe('gone')
      await world.send(['new'])
      expect(await standing(offset)).toBe('due')
    }
  })

  it('tells a new group and an empty topic from used ones', async () => {
    const view = createOffsetsView(world.clients, { group: world.group, topic: world.requests }, world.log)
    expect(await view.groupHasCommitted()).toBe(false)
    expect(await view.isEmpty(world.out)).toBe(true)
    expect(await view.isEmpty(`never.${world.id}`)).toBe(true)
    await world.send(['one'])
    startConsumer(world)
    await until('it is published', async () => !(await view.isEmpty(world.out)))
    await until('it is committed', () => view.groupHasCommitted())
    expect(await view.isEmpty(world.requests)).toBe(false)
  })
})

describe('reading a topic back', () => {
  async function read(sinceMs: number): Promise<string[]> {
    const messages: ReadBack[] = []
    await readBack({
      clients: world.clients,
      topic: world.requests,
      groupPrefix: world.group,
      sinceMs,
      onMessage: (message) => {
        messages.push(message)
        return Promise.resolve()
      },
      signal: never,
      log: world.log,
    })
    return messages.map(({ value }) => value?.toString() ?? '')
  }

  it('gives what was committed since a time, up to the end, past the markers there', async () => {
    const now = Date.now()
    await world.sendAt([
      { value: 'old', timestampMs: now - 60_000 },
      { value: 'young', timestampMs: now },
    ])
    const producer = world.clients.producer(`up.${world.id}`)
    await producer.connect()
    for (const end of ['commit', 'abort'] as const) {
      const transaction = await producer.transaction()
      await transaction.send({ topic: world.requests, messages: [{ value: end }] })
      await transaction[end]()
    }
    await producer.disconnect()
    expect(await read(now - 1_000)).toEqual(['young', 'commit'])
    expect(await read(0)).toEqual(['old', 'young', 'commit'])
  })

  it('gives all since a time before 1970, which to Kafka are codes, and what has no time with it', async () => {
    const timestamp = -1n
    const batch = await rawBatch({ records: [{ value: 'without a time' }], timestamp })
    await produceRaw(world.brokers, world.requests, 0, batch)
    await world.send(['young'])
    for (const sinceMs of [0, -1, -1_000]) expect(await read(sinceMs)).toEqual(['without a time', 'young'])
  })

  it('ends at once when there is nothing', async () => {
    expect(await read(0)).toEqual([])
  })
})
