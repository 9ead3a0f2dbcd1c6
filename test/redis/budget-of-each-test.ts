/** A shared budget that begins anew with each test of a file. */
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeEach, inject } from 'vitest'
import { waitUntil } from '../support/wait.ts'
import { createFleet } from './budget-support.ts'

/** A "minute" short enough to wait for. A grant may be sent within half of the margin, a second: one that comes too late counts as used. */
export const short = { minuteMs: 500, dayMs: 60_000, marginMs: 2_000 }

/**
 * @returns the fleet of the test that runs, and a connection to look at its data; its Redis holds all its data, and it is closed when the
 * test is over. `listening` resolves when so many workers listen to the budget's messages, which Redis keeps for nobody
 */
export function fleetOfEachTest(): ReturnType<typeof createFleet> & {
  redis: Redis
  listening: (workers: number) => Promise<void>
} {
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
    listening: (workers) =>
      waitUntil(
        async () => (await redis.pubsub('NUMSUB', `${fleet.prefix}wake`))[1] === workers,
        20_000,
        () => `there are not ${workers} workers that listen`,
      ),
  }
}
