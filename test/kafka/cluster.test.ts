/** Three brokers that are restarted and killed in turn, a partition without a leader, and partitions that are added. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { answer, startConsumer } from '../support/kafka-consumer.ts'
import type { KafkaWorld } from '../support/kafka-testing.ts'
import { kafkaWorld, until } from '../support/kafka-testing.ts'
import type { LocalCluster } from '../support/services.ts'
import { startLocalCluster } from '../support/services.ts'

const PARTITIONS = 4
const MINUTE_MS = 60_000

let cluster: LocalCluster
let world: KafkaWorld

beforeAll(async () => {
  cluster = await startLocalCluster()
}, 180_000)
afterAll(() => cluster.stop())
beforeEach(async () => {
  world = await kafkaWorld(cluster.brokers, { partitions: PARTITIONS })
})
afterEach(() => world.close())

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

describe('a cluster of three brokers', () => {
  it('that are restarted and killed in turn loses and doubles nothing', async () => {
    const reader = await world.read([world.requests, world.out])
    const { handled } = startConsumer(world, {
      handle: (source) => sleep(50).then(() => answer(source, [world.out])),
    })
    const stop = keepSending()
    await until('it publishes', () => reader.valuesOf(world.out).length > 2 * PARTITIONS)
    for (const [index, node] of cluster.nodes.entries()) {
      if (index === 1) await node.kill('SIGKILL')
      const seen = handled.length
      await node.restart()
      await until(
        `it goes on after the restart of broker ${index + 1}`,
        () => handled.length > seen + 2 * PARTITIONS,
        MINUTE_MS,
      )
    }
    await stop()
    const { sent, published } = await allOf(reader)
    expect(published).toEqual(sent)
  }, 240_000)

  it('of which each has the only replica of a partition: the others go on without it, also with partitions that are added', async () => {
    const topic = `single.${world.id}`
    const replicaAssignment = [
      { partition: 0, replicas: [3] },
      { partition: 1, replicas: [1] },
    ]
    const configEntries = [{ name: 'min.insync.replicas', value: '1' }]
    await world.admin.createTopics({ topics: [{ topic, replicaAssignment, configEntries }], waitForLeaders: true })
    const send = (value: string, partition: number) => world.sendTo(topic, [{ value, partition }])
    await send('on the third broker', 0)
    const [, , third] = cluster.nodes
    await third?.kill('SIGKILL')
    // As a worker that starts now finds it.
    const { handled } = startConsumer(
      world,
      {},
      { config: { groupId: world.group, startFrom: { kind: 'earliest' }, topics: { requests: topic } } },
    )
    await until(
      'it is sent',
      () =>
        send('on the first broker', 1).then(
          () => true,
          () => false,
        ),
      MINUTE_MS,
    )
    await until('the partition with a leader is consumed', () => handled.includes('on the first broker'), MINUTE_MS)
    await world.admin.createPartitions({ topicPartitions: [{ topic, count: 3, assignments: [[2]] }] })
    await until(
      'it is sent',
      () =>
        send('on an added partition', 2).then(
          () => true,
          () => false,
        ),
      MINUTE_MS,
    )
    await until('the added partition is consumed', () => handled.includes('on an added partition'), MINUTE_MS)
    expect(handled).not.toContain('on the third broker')
    await third?.restart()
    await until('all are consumed', () => handled.includes('on the third broker'), MINUTE_MS)
    expect(handled.toSorted()).toEqual(['on an added partition', 'on the first broker', 'on the third broker'])
  }, 240_000)

  it('whose coordinator of the group is killed: another one takes over, and nothing is lost or doubled', async () => {
    const reader = await world.read([world.requests, world.out])
    const { consumer, handled } = startConsumer(world, {
      handle: (source) => Promise.resolve(answer(source, [world.out])),
    })
    const stop = keepSending()
    await until('it publishes', () => reader.valuesOf(world.out).length > 2 * PARTITIONS, MINUTE_MS)
    const before = await coordinatorOf(world.group)
    await cluster.nodes[before - 1]?.kill('SIGKILL')
    const moved = () =>
      coordinatorOf(world.group).then(
        (now) => now > 0 && now !== before,
        () => false,
      )
    await until('another broker coordinates the group', moved, MINUTE_MS)
    const seen = handled.length
    await until('it goes on', () => handled.length > seen + 4 * PARTITIONS, MINUTE_MS)
    await stop()
    const { sent, published } = await allOf(reader)
    expect(published).toEqual(sent)
    expect(consumer.status().partitions).toHaveLength(PARTITIONS)
  }, 240_000)
})
