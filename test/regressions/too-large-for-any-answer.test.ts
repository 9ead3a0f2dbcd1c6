import { expect, test } from 'vitest'
import { waitUntil } from '../support/wait.ts'
import { request } from '../support/world.ts'
import { stub, world, worldOfEachTest } from '../support/worlds.ts'

/** kafkajs's ConfigResourceTypes.TOPIC. */
const TOPIC = 2

worldOfEachTest()

const limitMessages = (bytes: number) =>
  world.admin.alterConfigs({
    validateOnly: false,
    resources: [world.topics.notifications, world.topics.deadLetters].map((name) => ({
      type: TOPIC,
      name,
      configEntries: [{ name: 'max.message.bytes', value: String(bytes) }],
    })),
  })

test('a request whose address fits into no notification is dead-lettered without its value, sets no mark, and delays no other; sent again after the repair, it is answered without another call', async () => {
  await limitMessages(4_000)
  world.start()
  const long = request(1, { callback_url: `https://callback.example/${'x'.repeat(6_000)}` })
  await world.send([long, request(2)])
  await world.answered([2])
  await waitUntil(
    () => world.deadLetters().length === 1,
    30_000,
    () => 'no dead letter',
  )
  const [letter] = world.deadLetters()
  expect(letter).toMatchObject({
    value: '',
    headers: {
      'dead-letter-reason': 'too_large_to_publish',
      'dead-letter-source-topic': world.topics.requests,
      'dead-letter-source-offset': '0',
      'dead-letter-value-sha256': expect.stringMatching(/^[\da-f]{64}$/),
    },
  })
  expect(world.notifications()).toHaveLength(1)
  await waitUntil(
    async () => (await world.redis.exists(`${world.keyPrefix}processed_messages:2`)) === 1,
    10_000,
    () => 'the mark of 2 is not set',
  )
  expect(await world.redis.exists(`${world.keyPrefix}processed_messages:1`)).toBe(0)

  await limitMessages(100_000)
  // The paid answer is in its claim, not in the cache.
  await world.redis.del(...(await world.redis.keys(`${world.keyPrefix}cache:*`)))
  await world.send([long])
  await world.answered([1])
  expect(world.notifications().at(-1)).toMatchObject({ success: true })
  expect(stub.summary().arrivals).toBe(2)
})
