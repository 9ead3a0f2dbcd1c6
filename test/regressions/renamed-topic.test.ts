import { expect, test } from 'vitest'
import { killDuringCall } from '../support/trouble.ts'
import { countById, request } from '../support/world.ts'
import { stub, world, worldOfEachTest } from '../support/worlds.ts'

worldOfEachTest({ stub: { latencyMs: 60_000 } })

test('a request that is sent to a renamed topic is answered, though its copy in the old one was never finished', async () => {
  const { requests: earlier } = world.topics
  await killDuringCall(world, stub)
  const renamed = `${earlier}.renamed`
  await world.admin.createTopics({ topics: [{ topic: renamed }], waitForLeaders: true })
  world.topics.requests = renamed
  world.start({ KAFKA_TOPIC_FOR_AI_HANDLER: renamed })
  await world.send([request(1)])
  await world.answered([1], 60_000)
  expect(countById(world.seenRecords())).toEqual(new Map([['1', 1]]))
  await world.admin.deleteTopics({ topics: [earlier] })
})
