import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import { afterEach, expect, inject, test } from 'vitest'
import { waitUntil } from '../support/wait.ts'
import type { ChildTask } from './budget-child.ts'
import { createFleet } from './budget-support.ts'

const redisUrl = inject('redisUrl')
/** A "minute" of three seconds. */
const windows = { minuteMs: 3_000, dayMs: 60_000, marginMs: 60 }
const unlimited = { requestsPerMinute: null, requestsPerDay: null, tokensPerMinute: null, tokensPerDay: null }

const children: ChildProcess[] = []
let fleet = createFleet(redisUrl)

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await fleet.close()
})

interface Arrival {
  atMs: number
  tokens: number
}

/** Starts workers on one budget that send as fast as it lets them. */
async function startFleet(size: number, task: Omit<ChildTask, 'redisUrl' | 'prefix' | 'sentinel' | 'windows'>) {
  fleet = createFleet(redisUrl)
  const { prefix, sentinel } = fleet
  await fleet.trust()
  const arrivals: Arrival[] = []
  const start = () => {
    const argument = JSON.stringify({ ...task, redisUrl, prefix, sentinel, windows } satisfies ChildTask)
    const script = join(import.meta.dirname, 'budget-child.ts')
    const child = spawn(process.execPath, [script, argument], { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(child)
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [atMs, tokens] = line.split(' ')
      arrivals.push({ atMs: Number(atMs), tokens: Number(tokens) })
    })
    return child
  }
  const workers = Array.from({ length: size }, start)
  await waitUntil(
    () => arrivals.length > 0,
    20_000,
    () => 'no worker sent anything',
  )
  return { arrivals, workers, start, status: () => fleet.worker({ limits: task.limits, windows }).status() }
}

/** The most that was in any rolling window of the provider. */
function most(arrivals: Arrival[], weight: (arrival: Arrival) => number): number {
  const inWindow = ({ atMs }: Arrival) =>
    arrivals.filter((one) => one.atMs > atMs - windows.minuteMs && one.atMs <= atMs)
  return Math.max(...arrivals.map((arrival) => inWindow(arrival).reduce((sum, one) => sum + weight(one), 0)))
}

test('two workers, one killed and replaced, never exceed the requests of a window and use 97 % of them', async () => {
  const limit = 60
  const limits = { ...unlimited, requestsPerMinute: limit, requestsPerDay: 100_000 }
  const task = { limits, burst: null, reserve: 100, billed: 50, callMs: 30 }
  const { arrivals, workers, start, status } = await startFleet(2, task)
  await sleep(3_500)
  workers[0]?.kill('SIGKILL')
  start()
  // Three windows from the first request on: 0, 3.06 and 6.12 s are the earliest that each can be filled at.
  await sleep(5_000)
  const [, , day] = (await status()).axes
  expect(most(arrivals, () => 1)).toBeLessThanOrEqual(limit)
  // Grants that a slow machine had to discard, and those of the killed worker, count as used.
  expect(day?.used).toBeGreaterThanOrEqual(3 * limit * 0.97)
  expect(arrivals.length).toBeGreaterThan(limit)
})

test('tokens that short answers leave are used by others at once, in the whole fleet', async () => {
  const [limit, reserve, billed] = [40_000, 2_000, 700]
  const limits = { ...unlimited, tokensPerMinute: limit }
  const { arrivals, status } = await startFleet(2, { limits, burst: null, reserve, billed, callMs: 20 })
  await sleep(5_000)
  const [, , , day] = (await status()).axes
  // The last request that fits is reserved in full.
  const whole = Math.floor((limit - reserve) / billed) + 1
  expect(most(arrivals, ({ tokens }) => tokens)).toBeLessThanOrEqual(limit)
  expect(day?.used).toBeGreaterThanOrEqual(2 * whole * billed * 0.9)
})

test('every one of three workers gets its share', async () => {
  const limits = { ...unlimited, requestsPerMinute: 30 }
  const { workers, arrivals } = await startFleet(3, { limits, burst: null, reserve: 1, billed: 1, callMs: 500 })
  const shares = new Map<number, number>(workers.map((_, index) => [index, 0]))
  for (const [index, worker] of workers.entries()) {
    worker.stdout?.on('data', (data: Buffer) => {
      shares.set(index, (shares.get(index) ?? 0) + data.toString().trim().split('\n').length)
    })
  }
  await waitUntil(
    () => arrivals.length > 120,
    20_000,
    () => `only ${arrivals.length} were sent`,
  )
  for (const share of shares.values()) expect(share).toBeGreaterThanOrEqual(20)
})

test('evenly spaced requests are never closer than the provider allows, and use nine tenths', async () => {
  // One each 200 ms, as one a second at 60 a minute.
  const evenMs = 200
  const limits = { ...unlimited, requestsPerMinute: windows.minuteMs / evenMs }
  const { arrivals, status } = await startFleet(2, { limits, burst: 1, reserve: 1, billed: 1, callMs: 20 })
  await sleep(6_000)
  const [, , day] = (await status()).axes
  const times = arrivals.map(({ atMs }) => atMs).toSorted((a, b) => a - b)
  const lastedMs = (times.at(-1) ?? 0) - (times[0] ?? 0)
  expect(((day?.used ?? 0) - 1) * evenMs).toBeGreaterThanOrEqual(lastedMs * 0.9)
  const gaps = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0))
  // A request is sent at most 25 ms after it was asked for; 14 of these are in the spacing.
  expect(Math.min(...gaps)).toBeGreaterThan(evenMs - 25)
})
