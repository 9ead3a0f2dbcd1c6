/** A shared budget that begins anew with each test of a file. */
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeEach, inject } from 'vitest'
import { createFleet } from './budget-support.ts'

/** A "minute" short enough to wait for, with a margin that a busy machine keeps. */
export const short = { minuteMs: 1_500, dayMs: 60_000, marginMs: 200 }

/**
 * @returns the fleet of the test that runs, and a connection to look at its data; its Redis holds all its data, and it is closed when the
 * test is over
 */
export function fleetOfEachTest(): ReturnType<typeof createFleet> & { redis: Redis } {
  const url = inject('redisUrl')
  const redis = new Redis(url)
  let fleet = createFleet(url)
  beforeEach(async () => {
    fleet = createFleet(url)
    await fleet.trust()
  })
  afterEach(() => fleet.close())
  afterAll(() => redis.disconnect())
  return {
    redis,
    get prefix() {
      return fleet.prefix
    },
    get sentinel() {
      return fleet.sentinel
    },
    worker: (settings) => fleet.worker(settings),
    trust: () => fleet.trust(),
    close: () => fleet.close(),
  }
}
