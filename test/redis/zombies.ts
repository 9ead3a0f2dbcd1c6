/** A worker that was taken for dead, its successor and a third one, which all tests of a file share; leases lapse fast. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, inject } from 'vitest'
import type { Fleet, FleetWorker } from './fleet.ts'
import { message, startFleet } from './fleet.ts'

export let fleet: Fleet
export let frozen: FleetWorker
export let next: FleetWorker
/** Of a later message with the id. */
export let third: FleetWorker

beforeAll(async () => {
  fleet = await startFleet(inject('redisUrl'), { dedupe: { leaseMs: 300, renewEveryMs: 60_000 } })
  frozen = await fleet.worker()
  next = await fleet.worker()
  third = await fleet.worker()
})
afterAll(() => fleet.stop())

/** Sent after all that was refused so far. */
export async function laterMessage() {
  await sleep(5)
  return message()
}
