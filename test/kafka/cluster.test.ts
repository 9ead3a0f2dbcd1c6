/**
 * Three brokers under load. Each is killed once and one is restarted cleanly, so the coordinator moves and a partition is without a leader;
 * partitions are added meanwhile. All of it is one test, because each start of a broker takes seconds: the one that is killed last stays
 * dead.
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

/** Tries until it succeeds: a partition may get its leader later, and a dead broker counts as living for some seconds. */
async function atLast(what: string, work: () => Promise<unknown>): Promise<void> {
  const succeeds = () =>
    work().then(
      () => true,
      () => false,
    )
  await until(what, succeeds, MINUTE_MS)
}

const sendAtLast = (topic: string, value: string, partition: number) =>
  atLast(`${value} is sent`, () => world.sendTo(topic, [{ value, partition }]))

/** Adds a partition to the requests and sends to it. */
async function sendToAddedPartition(value: string): Promise<void> {
  const topicPartitions = [{ topic: world.requests, count: PARTITIONS + 1 }]
  await atLast(`${value} is sent`, async () => {
    // If only the answer was lost, the next attempt is refused. Sending shows whether the partition is there.
    await world.admin.createPartitions({ topicPartitions }).catch(() => {})
    await world.sendTo(world.requests, [{ value, partition: PARTITIONS }])
  })
}

/** Sends until it is told to stop; sends again what a broker's death leaves in doubt. @returns how to stop */
function keepSending(): () => Promise<void> {
  let isOver = false
  const sending = (async () => {
    for (let count = 0; !isOver; count++) {
      for (let partition = 0; partition < PARTITIONS; partition++) {
        await sendAtLast(world.requests, `${count}/${partition}`, partition)
      }
      await sleep(100)
    }
  })()
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

/** Waits until another node than this one coordinates the group. */
const coordinatorMoves = (before: number) =>
  atLast('another broker coordinates the group', async () => {
    const now = await coordinatorOf(world.group)
    if (now < 1 || now === before) throw new Error(`node ${now} coordinates the group`)
  })

/** @returns what was sent and what is published in the end, each in order */
async function allOf(reader: Awaited<ReturnType<KafkaWorld['read']>>) {
  const sorted = (topic: string) => reader.valuesOf(topic).toSorted()
  await until(
    'all is published',
    () => reader.valuesOf(world.requests).length > 0 && sorted(world.out).length >= sorted(world.requests).length,
    MINUTE_MS,
  )
  // Wait: a second publication would come by then.
  await sleep(1_000)
  return { sent: sorted(world.requests), published: sorted(world.out) }
}

/**
 * Makes a topic of two partitions with one replica each: the first on a node that is about to be killed, the second on another one.
 * @returns how to start a worker that reads it once the node is dead
 */
async function topicOfOneReplica(doomed: number, other: number) {
  const topic = `single.${world.id}`
  const replicaAssignment = [
    { partition: 0, replicas: [doomed] },
    { partition: 1, replicas: [other] },
  ]
  const configEntries = [{ name: 'min.insync.replicas', value: '1' }]
  await world.admin.createTopics({ topics: [{ topic, replicaAssignment, configEntries }], waitForLeaders: true })
  await sendAtLast(topic, 'on the killed broker', 0)
  return async () => {
    const config = {
      groupId: `${world.group}.single`,
      startFrom: { kind: 'earliest' as const },
      topics: { requests: topic },
    }
    const handle = (source: Parameters<typeof answer>[0]) => Promise.resolve(answer(source, [world.records]))
    const { handled } = startConsumer(world, { handle }, { config })
    await sendAtLast(topic, 'on a broker that runs', 1)
    await until('the partition with a leader is consumed', () => handled.includes('on a broker that runs'), MINUTE_MS)
    expect(handled).not.toContain('on the killed broker')
    return async () => {
      await until('both partitions are consumed', () => handled.length > 1, MINUTE_MS)
      expect(handled).toEqual(['on a broker that runs', 'on the killed broker'])
    }
  }
}

it('three brokers that are killed in turn and restarted, with the coordinator and with the only replica of a partition: nothing is lost or doubled, and what has a leader goes on', async () => {
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

  const first = await coordinatorOf(world.group)
  const [second, third] = [1, 2, 3].filter((node) => node !== first) as [number, number]
  const node = (id: number) => cluster.nodes[id - 1] as LocalCluster['nodes'][number]
  const readSingle = await topicOfOneReplica(first, second)
  await node(first).kill('SIGKILL')
  const [singleConsumed] = await Promise.all([
    readSingle(),
    sendToAddedPartition('on an added partition'),
    coordinatorMoves(first),
  ])
  await goesOn('while the coordinator is dead')
  await until('the added partition is consumed', () => handled.includes('on an added partition'), MINUTE_MS)
  await node(first).restart()

  await Promise.all([singleConsumed(), node(second).restart()])
  await goesOn('after a restart in good order')

  await node(third).kill('SIGKILL')
  await node(third).restart()
  await goesOn('after the next broker was killed and has come back')

  await node(second).kill('SIGKILL')
  await goesOn('while the last broker is dead')

  await stop()
  const { sent, published } = await allOf(reader)
  expect(published).toEqual(sent)
  expect(consumer.status().partitions).toHaveLength(PARTITIONS + 1)
}, 300_000)
