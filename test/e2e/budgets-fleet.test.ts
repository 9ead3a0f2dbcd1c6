/** Workers that share a budget, checked by what reached the provider in any rolling minute or day, and by what they left unused. */
import { describe, expect, test } from 'vitest'
import type { Arrival } from '../../tools/openai-stub/arrivals.ts'
import { lostGrants, range, startFleet } from '../support/fleet.ts'
import { startLocalRedis } from '../support/services.ts'
import { watchStalls } from '../support/stalls.ts'

const CLOCK = new URL('../support/shifted-clock.ts', import.meta.url).href
const shifted = (minutes: number) => ({
  NODE_OPTIONS: `--import=${CLOCK}`,
  CLOCK_SHIFT_MS: String(minutes * 60_000),
})

/**
 * @param spent so many arrivals of the first minute used its budget up
 * @returns how long after a unit was spent it was spent again, ms, for the unit in the middle
 */
function medianReuse(arrivals: readonly Arrival[], spent: number): number {
  const times = arrivals.map(({ atMs }) => atMs)
  const reuses = times.slice(spent).map((atMs, index) => atMs - (times[index] ?? 0))
  return median(reuses)
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** The most grants that wait to be sent in one worker, and the most in one reply: src/budget/send-pace.ts and admission.ts. */
const MOST_AT_ONCE = 64

/** A unit that is spent again this soon, ms, is in use for 97 % of the time. */
const WELL_USED_MS = 60_000 / 0.97

describe('a budget that several workers share', () => {
  test.concurrent(
    'three workers, one killed in the middle: never over the limit in a rolling minute, and none of it idle',
    { timeout: 180_000 },
    async ({ onTestFinished }) => {
      const rpm = 600
      const env = { OPENAI_RPM: String(rpm) }
      const { stub, workers, world, send, arrived, spent } = await startFleet(onTestFinished, {
        start: [{}, {}, {}],
        env,
      })
      await send(range(2 * rpm + 100))
      await arrived(rpm / 2, 60_000)
      workers[0]?.kill('SIGKILL')
      await spent()
      const first = stub.summary().arrivals
      // What the killed worker had in hand was not sent: grants that waited to be sent, and those of the reply that came just then.
      expect(first + lostGrants(world) + 2 * MOST_AT_ONCE).toBeGreaterThan(0.97 * rpm)
      await arrived(1.9 * first, 120_000)
      expect(stub.summary().windows.perMinute.most).toBeLessThanOrEqual(rpm)
      expect(medianReuse(stub.arrivals(), first)).toBeLessThan(WELL_USED_MS)
    },
  )

  test.concurrent(
    'wall clocks that are minutes off, and scripts that Redis forgets, change nothing',
    { timeout: 180_000 },
    async ({ onTestFinished }) => {
      const rpm = 100
      const redis = await startLocalRedis()
      onTestFinished(() => redis.stop())
      const env = { OPENAI_RPM: String(rpm) }
      const start = [shifted(11), shifted(-7)]
      const { stub, world, send, arrived, spent } = await startFleet(onTestFinished, {
        start,
        env,
        redisUrl: redis.url,
      })
      await send(range(rpm + 60))
      await arrived(rpm / 4, 60_000)
      await world.redis.script('FLUSH')
      await spent()
      const first = stub.summary().arrivals
      expect(first + lostGrants(world)).toBeGreaterThanOrEqual(0.97 * rpm)
      await world.redis.script('FLUSH')
      await world.answered(range(rpm + 60), 120_000)
      expect(stub.summary().windows.perMinute.most).toBeLessThanOrEqual(rpm)
      expect(medianReuse(stub.arrivals(), first)).toBeLessThan(WELL_USED_MS)
      expect(world.workers.flatMap(({ lines }) => lines.filter((line) => /data .*lost|lost data/.test(line)))).toEqual(
        [],
      )
    },
  )

  test.concurrent(
    'tokens: never more billed than the limit in a rolling minute, and 90 % of what fits in',
    { timeout: 180_000 },
    async ({ onTestFinished }) => {
      const tpm = 60_000
      // Each call reserves its longest answer, so the last tokens of a minute are too few for one more request.
      const env = { OPENAI_TPM: String(tpm), OPENAI_MAX_COMPLETION_TOKENS: '1000' }
      const { stub, world, send, arrived, spent } = await startFleet(onTestFinished, { start: [{}, {}], env })
      await send(range(200))
      await arrived(10, 60_000)
      await spent()
      const { arrivals: first, billedTokens } = stub.summary()
      const lostTokens = lostGrants(world) * (billedTokens / first)
      expect(billedTokens + lostTokens).toBeGreaterThan(0.9 * tpm)
      await arrived(1.9 * first, 120_000)
      expect(stub.summary().windows.tokensPerMinute.most).toBeLessThanOrEqual(tpm)
      expect(medianReuse(stub.arrivals(), first)).toBeLessThan(WELL_USED_MS)
    },
  )

  test.concurrent(
    'evenly spaced, at a provider that admits one request a second: none is turned down, and 90 % is used',
    { timeout: 180_000 },
    async ({ onTestFinished }) => {
      const { stub, send, arrived } = await startFleet(onTestFinished, {
        stub: { limits: { rps: 1 } },
        env: { OPENAI_RPM: '60', BUDGET_BURST: '1' },
        start: [{}, {}],
      })
      const stalled = watchStalls(onTestFinished)
      await send(range(80))
      await arrived(1, 30_000)
      await arrived(36, 80_000)
      // Two calls prove nothing if this process stood still and so took them in too close together.
      const turnedDown = stub.arrivals().filter(({ status, atMs }) => status === 429 && !stalled(atMs - 1_000, atMs))
      expect(turnedDown).toEqual([])
      const times = stub.arrivals().map(({ atMs }) => atMs)
      const gaps = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0))
      expect(median(gaps)).toBeLessThan(1_000 / 0.9)
    },
  )

  test.concurrent(
    'a day’s requests: no restart forgets them, and what has no room is refused with the wait it has',
    { timeout: 180_000 },
    async ({ onTestFinished }) => {
      const env = { OPENAI_RPD: '6' }
      const { stub, workers, world, send } = await startFleet(onTestFinished, { env })
      await send(range(4))
      await world.answered(range(4))
      workers[0]?.kill('SIGKILL')
      await send(range(8, 5))
      world.start()
      world.start()
      await world.answered(range(12))
      expect(stub.summary().arrivals + lostGrants(world)).toBe(6)
      const firstMs = stub.arrivals()[0]?.atMs ?? 0
      const refused = world.notifications().filter(({ success }) => !success)
      expect(refused).toHaveLength(12 - stub.summary().arrivals)
      for (const { wait_seconds: seconds } of refused) {
        const admittedMs = Date.now() + (seconds ?? 0) * 1_000
        // The refusal may be some seconds old.
        expect(admittedMs).toBeGreaterThan(firstMs + 86_400_000)
        expect(admittedMs).toBeLessThan(firstMs + 86_400_000 + 60_000)
      }
    },
  )
})
