/** `adopt-offsets`: taking over from an earlier service whose group, marks and notifications are on the same Kafka and Redis. */
import type { Consumer } from 'kafkajs'
import { Kafka, logLevel } from 'kafkajs'
import { beforeAll, expect, inject, test } from 'vitest'
import { runCommand } from '../support/command.ts'
import { waitUntil } from '../support/wait.ts'
import { request } from '../support/world.ts'
import { world, worldOfTheFile } from '../support/worlds.ts'

interface Document {
  adoptions: { partition: number; theirs: number | null; before: number | null }[]
  leftovers: { id: number; isMarked: boolean; isConsumed: boolean }[]
  forgotten: number
}

let old: { group: string; consumer: Consumer }

worldOfTheFile({ stub: { latencyMs: 5 }, partitions: 2 })

/** The earlier service has read 1 to 5 of 8 requests: it answered 2, 3 and 5, marked 2 to 6, and lost 1. */
beforeAll(async () => {
  const kafka = new Kafka({ brokers: inject('kafkaBrokers'), logLevel: logLevel.NOTHING })
  await world.send([1, 2, 3, 4, 5, 6, 7, 8].map((id) => ({ ...request(id), partition: 0 })))
  const producer = kafka.producer()
  await producer.connect()
  const answers = [2, 3, 5].map((id) => ({
    key: 'new_notifications',
    value: JSON.stringify({ success: true, response: { processing_id: id }, message_error: null, wait_seconds: null }),
  }))
  await producer.send({ topic: world.topics.notifications, messages: answers })
  await producer.disconnect()
  for (const id of [2, 3, 4, 5, 6])
    await world.redis.set(`${world.keyPrefix}processed_messages:${id}`, '_', 'EX', 9_000)

  const group = `${world.groupId}.old`
  const consumer = kafka.consumer({ groupId: group, sessionTimeout: 10_000 })
  old = { group, consumer }
  await consumer.connect()
  await consumer.subscribe({ topic: world.topics.requests, fromBeginning: true })
  const { promise, resolve } = Promise.withResolvers<void>()
  await consumer.run({ autoCommit: false, eachMessage: async () => resolve() })
  await promise
  await consumer.commitOffsets([{ topic: world.topics.requests, partition: 0, offset: '5' }])
})

const adopt = (...args: string[]) => runCommand(world.env, 'adopt-offsets', '--from', old.group, ...args)

async function committed(group: string): Promise<string[]> {
  const [answer] = await world.admin.fetchOffsets({ groupId: group, topics: [world.topics.requests] })
  return (answer?.partitions ?? []).toSorted((a, b) => a.partition - b.partition).map(({ offset }) => offset)
}

test('nothing is adopted while the service before is in its group; a dry run shows what would be', async () => {
  const { code, err } = await adopt()
  expect(err).toContain(`${old.group} has 1 member: stop them first`)
  expect(code).toBe(1)
  const dry = await adopt('--dry-run', '--forget-marks')
  expect(dry.out).toContain(`${old.group} has 1 members`)
  expect(dry.code).toBe(0)
  expect(await committed(world.groupId)).toEqual(['-1', '-1'])
  expect(await world.redis.exists(`${world.keyPrefix}processed_messages:4`)).toBe(1)
})

test('its offsets become ours, and what it marked or consumed without a notification is listed', async () => {
  await old.consumer.disconnect()
  const { code, out, err } = await adopt('--json')
  expect(err).toBe('')
  expect(code).toBe(0)
  const { adoptions, leftovers } = JSON.parse(out) as Document
  expect(adoptions.map(({ theirs, before }) => [theirs, before])).toEqual([
    [5, null],
    [null, null],
  ])
  expect(leftovers).toEqual([
    expect.objectContaining({ id: 1, isMarked: false, isConsumed: true }),
    expect.objectContaining({ id: 4, isMarked: true, isConsumed: true }),
    expect.objectContaining({ id: 6, isMarked: true, isConsumed: false }),
  ])
  expect(await committed(world.groupId)).toEqual(['5', '-1'])
})

test('with the marks of unanswered requests removed, the worker goes on where the service before has ended', async () => {
  const { out } = await adopt('--forget-marks', '--json')
  expect((JSON.parse(out) as Document).forgotten).toBe(2)
  const marks = await Promise.all(
    [2, 4, 6].map((id) => world.redis.exists(`${world.keyPrefix}processed_messages:${id}`)),
  )
  expect(marks).toEqual([1, 0, 0])
  const worker = world.start()
  // Do not wait for the scores: after another service's outcomes the budget opens a minute later.
  const claimed = () => world.redis.keys(`${world.keyPrefix}claim:*`)
  await waitUntil(
    async () => (await claimed()).length === 3,
    50_000,
    () => `nothing was claimed:\n${worker.lines.slice(-15).join('\n')}`,
  )
  expect((await claimed()).toSorted()).toEqual([6, 7, 8].map((id) => `${world.keyPrefix}claim:${id}`))
  const { code, err } = await adopt()
  expect(err).toContain(`${world.groupId} has 1 member`)
  expect(code).toBe(1)
})

test('a group that never committed is refused by name', async () => {
  const { code, err } = await runCommand(world.env, 'adopt-offsets', '--from', 'nobody', '--dry-run')
  expect(err).toContain('the group nobody has committed no offsets')
  expect(code).toBe(1)
})
