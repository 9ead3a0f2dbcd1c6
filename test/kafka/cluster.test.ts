/**
 * Three brokers that are restarted and killed in turn under load, each once: the coordinator moves, a partition is without a leader,
 * and partitions are added meanwhile. One test, because each stop and start of a broker takes seconds.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { answer, startConsumer } from '../support/kafka-consumer.ts'
import type { KafkaWorld } from '../support/kafka-testing.ts'
import { until } from '../support/kafka-testing.ts'
import type { LocalCluster } from '../support/services.ts'
import { startLocalCluster } from '../support/services.ts'
import { world, worldOfEachTest } from './world-of-each-test.ts'

const PARTITIONS = 4
const MINUTE_MS = 60_000

let cluster: LocalCluster

beforeAll(async () => {
  cluster = await startLocalCluster()
}, 180_000)
afterAll(() => cluster.stop())
worldOfEachTest({ brokers: () => cluster.brokers, partitions: PARTITIONS })

/** Sends until it is told to stop; what a broker's end leaves in doubt is sent again. @returns how to stop */
function keepSending(): () => Promise<void> {
  let isOver = false
  const sending = (async () => {
    for (let count = 0; !isOver; count++) {
      const values = Array.from({ length: PARTITIONS }, (_, partition) => `${count}/${partition}`)
      for (const [partition, value] of values.entries()) await sendAtLast(value, partition)
      await sleep(100)
    }
  })()
  async function sendAtLast(value: string, partition: number): Promise<void> {
    const isSent = () =>
      world.send([value], partition).then(
        () => true,
        () => false,
      )
    await until(`${value} is sent`, isSent, MINUTE_MS)
  }
  return () => {
    isOver = true
    return sending
  }
}

/** @returns the node that coordinates the group: the leader of the partition that its name is hashed to, as Kafka has it */
async function coordinatorOf(group: string): Promise<number> {
  const { topics } = await world.admin.fetchTopicMetadata({ topics: ['__consumer_offsets'] })
  const partitions = topics[0]?.partitions ?? []
  let hash = 0
  for (const character of group) hash = (Math.imul(31, hash) + character.charCodeAt(0)) | 0
  return partitions.find(({ partitionId }) => partitionId === (hash & 0x7fffffff) % partitions.length)?.leader ?? -1
}

/** @returns what was sent and what is published in the end, each in order */
async function allOf(reader: Awaited<ReturnType<KafkaWorld['read']>>) {
  const sorted = (topic: string) => reader.valuesOf(topic).toSorted()
  await until(
    'all is published',
    () => reader.valuesOf(world.requests).length > 0 && sorted(world.out).length >= sorted(world.requests).length,
    MINUTE_MS,
  )
  // Time for what is published twice.
  await sleep(1_000)
  return { sent: sorted(world.requests), published: sorted(world.out) }
}

/** @returns how to send to the topic until it is taken: a partition may get its leader later */
const senderTo = (topic: string) => (value: string, partition: number) =>
  until(
    `${value} is sent`,
    () =>
      world.sendTo(topic, [{ value, partition }]).then(
        () => true,
        () => false,
      ),
    MINUTE_MS,
  )

/** Kills the group's coordinator and waits until another broker coordinates it. @returns the index of the killed one */
async function killCoordinator(): Promise<number> {
  const before = await coordinatorOf(world.group)
  await cluster.nodes[before - 1]?.kill('SIGKILL')
  const moved = () =>
    coordinatorOf(world.group).then(
      (now) => now > 0 && now !== before,
      () => false,
    )
  await until('another broker coordinates the group', moved, MINUTE_MS)
  return before - 1
}

/**
 * Kills this broker, which has the only replica of a partition, and starts a worker that reads this partition, one that has a
 * leader and one that is added meanwhile. @returns how to wait, when the broker is back, until all three are consumed
 */
async function killOnlyReplica(index: number): Promise<() => Promise<void>> {
  const topic = `single.${world.id}`
  const [killed, first, second] = [index, (index + 1) % 3, (index + 2) % 3].map((each) => each + 1) as [
    number,
    number,
    number,
  ]
  const replicaAssignment = [
    { partition: 0, replicas: [killed] },
    { partition: 1, replicas: [first] },
  ]
  const configEntries = [{ name: 'min.insync.replicas', value: '1' }]
  await world.admin.createTopics({ topics: [{ topic, replicaAssignment, configEntries }], waitForLeaders: true })
  const send = senderTo(topic)
  await send('on the killed broker', 0)
  await cluster.nodes[index]?.kill('SIGKILL')
  // As a worker that starts now finds it.
  const config = {
    groupId: `${world.group}.single`,
    startFrom: { kind: 'earliest' as const },
    topics: { requests: topic },
  }
  const { handled } = startConsumer(
    world,
    { handle: (source) => Promise.resolve(answer(source, [world.records])) },
    { config },
  )
  await send('on a broker that runs', 1)
  await until('the partition with a leader is consumed', () => handled.includes('on a broker that runs'), MINUTE_MS)
  await world.admin.createPartitions({ topicPartitions: [{ topic, count: 3, assignments: [[second]] }] })
  await send('on an added partition', 2)
  await until('the added partition is consumed', () => handled.includes('on an added partition'), MINUTE_MS)
  expect(handled).not.toContain('on the killed broker')
  return async () => {
    await until('all are consumed', () => handled.includes('on the killed broker'), MINUTE_MS)
    expect(handled.toSorted()).toEqual(['on a broker that runs', 'on an added partition', 'on the killed broker'])
  }
}

it('three brokers that are restarted and killed in turn, with the coordinator and with the only replica of a partition: nothing is lost or doubled, and what has a leader goes on', async () => {
  const reader = await world.read([world.requests, world.out])
  const { consumer, handled } = startConsumer(world, {
    handle: (source) => sleep(50).then(() => answer(source, [world.out])),
  })
  const stop = keepSending()
  const goesOn = (what: string) => {
    const seen = handled.length
    return until(`it goes on ${what}`, () => handled.length > seen + 2 * PARTITIONS, MINUTE_MS)
  }
  await until('it publishes', () => reader.valuesOf(world.out).length > 2 * PARTITIONS, MINUTE_MS)

  const coordinator = await killCoordinator()
  await goesOn('while the coordinator is dead')
  await cluster.nodes[coordinator]?.restart()
  await goesOn('after the coordinator has come back')

  const [next, last] = [0, 1, 2].filter((index) => index !== coordinator) as [number, number]
  await cluster.nodes[next]?.restart()
  await goesOn('after a restart in good order')

  const allConsumed = await killOnlyReplica(last)
  await goesOn('while a broker is dead')
  await cluster.nodes[last]?.restart()
  await allConsumed()
  await goesOn('after the last broker has come back')

  await stop()
  const { sent, published } = await allOf(reader)
  expect(published).toEqual(sent)
  expect(consumer.status().partitions).toHaveLength(PARTITIONS)
}, 300_000)
