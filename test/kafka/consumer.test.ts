import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import type { ConsumerOptions, KafkaConsumer } from '../../src/kafka/consumer.ts'
import { createConsumer } from '../../src/kafka/consumer.ts'
import type { Completion, Handler, SourceMessage } from '../../src/kafka/messages.ts'
import type { KafkaWorld } from '../support/kafka-testing.ts'
import { kafkaWorld, until } from '../support/kafka-testing.ts'

let world: KafkaWorld
const running: KafkaConsumer[] = []

beforeEach(async () => {
  world = await kafkaWorld(inject('kafkaBrokers'))
})

afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.stop(0)))
  await world.close()
})

function answer(source: SourceMessage, topics: string[], value = source.value?.toString() ?? ''): Completion {
  const messages = topics.map((topic) => ({ topic, key: 'k', value, headers: {} }))
  return { source, messages, processingId: null, ifTooLarge: null }
}

function start(handler: Partial<Handler>, options: Partial<ConsumerOptions> = {}): KafkaConsumer {
  const consumer = createConsumer({
    clients: world.clients,
    config: { groupId: world.group, startFrom: { kind: 'earliest' }, topics: { requests: world.requests } },
    processedTtlMs: 86_400_000,
    log: world.log,
    handler: {
      handle: (message) => Promise.resolve(answer(message, [world.out, world.records])),
      confirm: (batch) => Promise.resolve(batch),
      committed: () => Promise.resolve(),
      ...handler,
    },
    ...options,
  })
  running.push(consumer)
  void consumer.run()
  return consumer
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => `m${i}`)

describe('consumer', () => {
  it('publishes one answer per message to both topics and commits to the end', async () => {
    await world.send(numbers(500))
    const reader = await world.read([world.out, world.records])
    start({})
    await until('1000 messages are published', () => reader.seen.length >= 1000)
    expect(reader.values().toSorted()).toEqual([...numbers(500), ...numbers(500)].toSorted())
    await until('the offset is at the end', async () => (await world.committed())[0]?.offset === 500n)
    await reader.stop()
  })
})
