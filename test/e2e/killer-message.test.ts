/** A message that kills each worker that processes it: it must not stop the fleet or fail its neighbours. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { callsById, traceable } from '../support/audit.ts'
import { expectOneEach } from '../support/trouble.ts'
import { withWorld } from '../support/worlds.ts'

const KILLER = 1
const NEIGHBOURS = [2, 3, 4]
/** Six lives of a worker, each found dead after a session of some 10 s. */
const LIMIT_MS = 400_000

test(
  'a message that kills every worker that asks for it runs alone, is dead-lettered, and costs its neighbours nothing',
  { timeout: LIMIT_MS },
  () =>
    withWorld({ stub: { latencyMs: 1_000 } }, async (world, stub) => {
      await world.send([KILLER, ...NEIGHBOURS].map((id) => traceable(id)))
      let worker = world.start()
      /** How many other calls were in flight at each death. */
      const company: number[] = []
      const deadline = performance.now() + LIMIT_MS - 60_000
      while (world.deadLetters().length === 0 && performance.now() < deadline) {
        const calls = stub.arrivals()
        if (calls.filter(({ ref }) => ref === `${KILLER}`).length > company.length) {
          await worker.end('SIGKILL')
          const nowMs = calls.at(-1)!.atMs
          company.push(calls.filter(({ ref, atMs }) => ref !== `${KILLER}` && nowMs - atMs < 1_000).length)
          worker = world.start()
        }
        await sleep(20)
      }
      expect(world.deadLetters()).toMatchObject([
        { key: 'new_request', headers: { 'dead-letter-reason': 'kills_the_worker' } },
      ])
      await world.answered(NEIGHBOURS)
      expectOneEach(world, NEIGHBOURS)
      // Up to three calls start beside others. Then three start with nothing else in flight.
      expect(company.slice(-3)).toEqual([0, 0, 0])
      expect(callsById(stub.arrivals()).get(`${KILLER}`)).toBe(company.length)
      expect(company.length).toBeLessThanOrEqual(6)
      expect(await worker.end('SIGTERM')).toBe(0)
    }),
)
