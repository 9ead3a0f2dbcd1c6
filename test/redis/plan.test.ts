/** `npm run plan` on a real Redis: the budget's own scripts, with a clock that the test sets. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { arrivalsOf, mostWithin } from '../../tools/plan/arrivals.ts'
import type { Load } from '../../tools/plan/simulate.ts'
import { simulateDay } from '../../tools/plan/simulate.ts'
import type { LocalRedis } from '../support/services.ts'
import { startLocalRedis } from '../support/services.ts'

const WINDOW_MS = 60_900
const run = promisify(execFile)
const MAIN = join(import.meta.dirname, '../../tools/plan/main.ts')

let server: LocalRedis
let redis: Redis
beforeAll(async () => {
  server = await startLocalRedis({ persist: false })
  redis = new Redis(server.url)
})
afterAll(async () => {
  redis.disconnect()
  await server.stop()
})

const LOAD: Omit<Load, 'arrivals'> = {
  reserved: 3_000,
  billed: 2_000,
  callMs: 8_000,
  patienceMs: 900_000,
  lookEveryMs: 500,
}
const NONE = { requestsPerMinute: null, tokensPerMinute: null, requestsPerDay: null, tokensPerDay: null }

test('a request waits for the very window of the scripts, in no time of ours', async () => {
  const startedMs = performance.now()
  const day = await simulateDay(redis, { ...LOAD, arrivals: [0, 0, 0] }, { ...NONE, requestsPerMinute: 1 })
  expect(day.waits.map((ms) => Math.round(ms / WINDOW_MS))).toEqual([0, 1, 2])
  expect(Math.abs((day.waits[1] ?? 0) - WINDOW_MS)).toBeLessThan(1_500)
  expect(performance.now() - startedMs).toBeLessThan(WINDOW_MS)
})

test('what is over-reserved comes back with the end of the call', async () => {
  // The first two are billed 4,000 together, so a third fits once both have ended, long before the minute is over.
  const limits = { ...NONE, tokensPerMinute: 7_000 }
  const { waits } = await simulateDay(redis, { ...LOAD, arrivals: [0, 0, 0] }, limits)
  expect(waits.slice(0, 2)).toEqual([0, 0])
  expect(waits[2]).toBeGreaterThan(7_000)
  expect(waits[2]).toBeLessThan(12_000)
})

test('what the day has no room for is refused, and no window holds more than its limit', async () => {
  const arrivals = arrivalsOf('burst', 500)
  const limits = { ...NONE, requestsPerMinute: 4, requestsPerDay: 400 }
  const day = await simulateDay(redis, { ...LOAD, arrivals }, limits)
  expect(mostWithin(arrivals, WINDOW_MS)).toBeGreaterThan(4)
  expect(day.peak).toMatchObject({ requestsPerMinute: 4 })
  expect(day.peak.requestsPerDay).toBeLessThanOrEqual(400)
  expect(day.refused).toBeGreaterThan(0)
  expect(day.refused + day.waits.length).toBe(500)
})

test('a request that never fits is refused like a worker does', async () => {
  const day = await simulateDay(redis, { ...LOAD, arrivals: [0, 1] }, { ...NONE, tokensPerMinute: 2_999 })
  expect(day).toMatchObject({ refused: 2, waits: [] })
})

test('the command finds limits that are enough, and tells when given ones are not', async () => {
  const plan = async (...args: string[]) => {
    const all = [MAIN, '--per-day', '600', '--resume-tokens', '1500', '--max-wait', '30', '--json', ...args]
    const { stdout, code } = await run(process.execPath, all).then(
      ({ stdout: told }) => ({ stdout: told, code: 0 }),
      (error: { stdout: string; code: number }) => error,
    )
    return { code, ...(JSON.parse(stdout) as { enough: boolean; refused: number; limits: Record<string, number> }) }
  }
  const found = await plan()
  expect(found).toMatchObject({ code: 0, enough: true, refused: 0 })
  const { OPENAI_RPM: rpm = 0, OPENAI_TPM: tpm = 0, OPENAI_RPD: rpd = 0 } = found.limits
  expect(await plan('--rpm', `${rpm}`, '--tpm', `${tpm}`, '--rpd', `${rpd}`)).toMatchObject({ code: 0, enough: true })
  expect(await plan('--rpm', `${rpm - 1}`, '--tpm', '0')).toMatchObject({ code: 1, enough: false })
})
