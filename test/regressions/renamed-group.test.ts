import { expect, test } from 'vitest'
import { waitUntil } from '../support/wait.ts'
import { countById, request } from '../support/world.ts'
import { stub, world, worldOfEachTest } from '../support/worlds.ts'

worldOfEachTest({ stub: { latencyMs: 60_000 } })

test('a group under a new name answers what the old one had claimed and never finished', async () => {
  const old = world.start()
  await world.send([request(1)])
  await waitUntil(
    () => stub.arrivals().length === 1,
    30_000,
    () => 'no call',
  )
  await old.end('SIGKILL')
  stub.configure({ latencyMs: 0 })
  world.start({ KAFKA_GROUP_ID: `${world.groupId}.renamed` })
  // The broker takes a killed member for alive until its session is over.
  await world.answered([1], 60_000)
  expect(countById(world.seenRecords())).toEqual(new Map([['1', 1]]))
})
