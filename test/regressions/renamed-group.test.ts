import { expect, test } from 'vitest'
import { killDuringCall } from '../support/trouble.ts'
import { countById } from '../support/world.ts'
import { stub, world, worldOfEachTest } from '../support/worlds.ts'

worldOfEachTest({ stub: { latencyMs: 60_000 } })

test('a group under a new name answers what the old one had claimed and never finished', async () => {
  await killDuringCall(world, stub)
  world.start({ KAFKA_GROUP_ID: `${world.groupId}.renamed` })
  // The broker takes a killed member for alive until its session is over.
  await world.answered([1], 60_000)
  expect(countById(world.seenRecords())).toEqual(new Map([['1', 1]]))
})
