/** One fleet with two workers, which all tests of a file share: each test has an id of its own. */
import { afterAll, beforeAll, inject } from 'vitest'
import type { Fleet, FleetWorker } from './fleet.ts'
import { startFleet } from './fleet.ts'

export let fleet: Fleet
export let one: FleetWorker
export let two: FleetWorker

beforeAll(async () => {
  fleet = await startFleet(inject('redisUrl'))
  one = await fleet.worker()
  two = await fleet.worker()
})
afterAll(() => fleet.stop())
