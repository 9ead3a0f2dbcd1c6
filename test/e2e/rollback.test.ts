/** The rollback that ops/README.md describes: the earlier service continues where the worker ended. */
import kafkajs from 'kafkajs'
import { expect, inject, test } from 'vitest'
import { runCommand } from '../support/command.ts'
import { waitUntil } from '../support/wait.ts'
import { idIn, request } from '../support/world.ts'
import { world, worldOfTheFile } from '../support/worlds.ts'

const { Kafka, logLevel } = kafkajs

worldOfTheFile({ stub: { latencyMs: 300 } })

/** Reads as the service before does, up to the end: from its group's offset, and not what is marked as done. */
async function serviceBefore(groupId: string, end: bigint): Promise<string[]> {
  const kafka = new Kafka({ brokers: inject('kafkaBrokers'), logLevel: logLevel.NOTHING })
  const consumer = kafka.consumer({ groupId, sessionTimeout: 10_000, maxWaitTimeInMs: 100 })
  const taken: string[] = []
  let next = 0n
  await consumer.connect()
  await consumer.subscribe({ topic: world.topics.requests, fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message }) => {
      const id = idIn(message.value?.toString() ?? '')
      if ((await world.redis.exists(`${world.keyPrefix}processed_messages:${id}`)) === 0) taken.push(id)
      next = BigInt(message.offset) + 1n
    },
  })
  await waitUntil(
    () => next >= end,
    30_000,
    () => `the service before has read up to ${next} only`,
  )
  await consumer.disconnect()
  return taken
}

test('after the workers have stopped, each request is answered by them or left to the service before, and none to both', async () => {
  const ids = Array.from({ length: 30 }, (_, index) => index + 1)
  await world.send(ids.map((id) => request(id)))
  const worker = world.start({ MAX_CALLS_IN_FLIGHT: '1' })
  await waitUntil(
    () => world.records().length >= 3,
    30_000,
    () => 'no three records',
  )
  expect(await worker.end()).toBe(0)
  await world.caughtUp()
  const answered = () => world.seenNotifications().map(({ value }) => idIn(value))

  const old = `${world.groupId}.old`
  const back = { ...world.env, KAFKA_GROUP_ID: old }
  const { code, err } = await runCommand(back, 'adopt-offsets', '--from', world.groupId)
  expect(`${code} ${err}`).toMatch(/^0 /)
  const left = await serviceBefore(old, 30n)

  const twice = left.filter((id) => answered().includes(id))
  expect(twice).toEqual([])
  expect([...answered(), ...left].map(Number).toSorted((a, b) => a - b)).toEqual(ids)
  expect(left.length).toBeGreaterThan(0)
})
