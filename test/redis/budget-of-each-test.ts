/** A shared budget that begins anew with each test of a file. */
import { afterEach, beforeEach } from 'vitest'
import { createFleet } from './budget-support.ts'

/** @returns the fleet of the test that runs; its Redis holds all its data, and it is closed when the test is over */
export function fleetOfEachTest(url: string): ReturnType<typeof createFleet> {
  let fleet = createFleet(url)
  beforeEach(async () => {
    fleet = createFleet(url)
    await fleet.trust()
  })
  afterEach(() => fleet.close())
  return {
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
