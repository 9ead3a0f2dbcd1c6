import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import type { Stub } from '../../tools/openai-stub/server.ts'
import { startStub } from '../../tools/openai-stub/server.ts'
import { waitUntil } from '../support/wait.ts'
import type { World } from '../support/world.ts'
import { countById, createWorld, request } from '../support/world.ts'

let stub: Stub
let world: World

beforeEach(async () => {
  stub = await startStub({ port: 0, latencyMs: 60_000 })
  world = await createWorld({
    kafkaBrokers: inject('kafkaBrokers'),
    redisUrl: inject('redisUrl'),
    baseUrl: stub.baseUrl,
  })
})

afterEach(async () => {
  await world.close()
  await stub.stop()
})

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
