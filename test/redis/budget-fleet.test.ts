import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { afterEach, expect, inject, test } from 'vitest'
import { waitUntil } from '../support/wait.ts'
import type { ChildTask } from './budget-child.ts'
import { createFleet } from './budget-support.ts'

const redisUrl = inject('redisUrl')
/** A "minute" of six seconds. */
const windows = { minuteMs: 6_000, dayMs: 60_000, marginMs: 200 }
/** The shortest time from one use of a unit to the next, ms. */
const REUSE_MS = windows.minuteMs + windows.marginMs
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
  const observer = fleet.worker({ limits: task.limits, windows })
  /** Grants that a slow machine had to discard, and those of a killed worker, count as used. */
  const used = async (axis: number) => (await observer.status()).axes[axis]?.used ?? 0
  return { arrivals, workers, start, used }
}

/** The most that was in any rolling window of the provider. */
function most(arrivals: Arrival[], weight: (arrival: Arrival) => number): number {
  const inWindow = ({ atMs }: Arrival) =>
    arrivals.filter((one) => one.atMs > atMs - windows.minuteMs && one.atMs <= atMs)
  return Math.max(...arrivals.map((arrival) => inWindow(arrival).reduce((sum, one) => sum + weight(one), 0)))
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** @returns when they were sent, ms, in that order */
const timesOf = (arrivals: Arrival[]) => arrivals.map(({ atMs }) => atMs).toSorted((a, b) => a - b)

/**
 * @param spent so many arrivals of a window used its budget up
 * @returns how long after a unit was spent it was spent again, ms, for the unit in the middle
 */
function medianReuse(arrivals: Arrival[], spent: number): number {
  const times = timesOf(arrivals)
  return median(times.slice(spent).map((atMs, index) => atMs - (times[index] ?? 0)))
}

/** Places in the status of a budget; the day's come after the minute's. */
const [REQUESTS, TOKENS, DAY_REQUESTS] = [0, 1, 2]

/** Resolves when no more is used, and that is so much in a window and so much in all. */
async function usedUp(used: (axis: number) => Promise<number>, axis: number, inWindow: number, inAll: number) {
  let [window, all, sinceMs] = [0, 0, performance.now()]
  const isUsedUp = async () => {
    const before = all
    window = await used(axis)
    all = await used(axis + DAY_REQUESTS)
    if (all !== before) sinceMs = performance.now()
    return window >= inWindow && all >= inAll && performance.now() - sinceMs > 500
  }
  await waitUntil(isUsedUp, 15_000, () => `${window} of ${inWindow} used in a window, ${all} of ${inAll} in all`)
}

test('two workers, one killed and replaced, never exceed the requests of a window and use 97 % of them', async () => {
  const limit = 60
  const limits = { ...unlimited, requestsPerMinute: limit, requestsPerDay: 100_000 }
  const task = { limits, burst: null, reserve: 100, billed: 50, callMs: 30 }
  const { arrivals, workers, start, used } = await startFleet(2, task)
  const whole = limit * 0.97
  await usedUp(used, REQUESTS, whole, whole)
  await waitUntil(
    async () => (await used(DAY_REQUESTS)) > limit,
    15_000,
    () => 'the second window has not begun',
  )
  workers[0]?.kill('SIGKILL')
  start()
  await usedUp(used, REQUESTS, whole, 2 * whole)
  await usedUp(used, REQUESTS, whole, 3 * whole)
  expect(most(arrivals, () => 1)).toBeLessThanOrEqual(limit)
  expect(arrivals.length).toBeGreaterThan(limit)
  const sentPart = arrivals.length / (await used(DAY_REQUESTS))
  expect(medianReuse(arrivals, Math.round(limit * sentPart))).toBeLessThan(REUSE_MS / 0.97)
})

test('tokens that short answers leave are used by others at once, in the whole fleet', async () => {
  const [limit, reserve, billed] = [40_000, 2_000, 700]
  const limits = { ...unlimited, tokensPerMinute: limit }
  const { arrivals, used } = await startFleet(2, { limits, burst: null, reserve, billed, callMs: 20 })
  // The last request that fits is reserved in full.
  const whole = Math.floor((limit - reserve) / billed) + 1
  for (const window of [1, 2]) await usedUp(used, TOKENS, whole * billed * 0.9, window * whole * billed * 0.9)
  expect(most(arrivals, ({ tokens }) => tokens)).toBeLessThanOrEqual(limit)
  const sentPart = arrivals.length / (await used(DAY_REQUESTS))
  expect(medianReuse(arrivals, Math.round(whole * sentPart))).toBeLessThan(REUSE_MS / 0.9)
})

test('every one of three workers gets its share', async () => {
  const limits = { ...unlimited, requestsPerMinute: 60 }
  const { workers, arrivals } = await startFleet(3, { limits, burst: null, reserve: 1, billed: 1, callMs: 500 })
  const shares = new Map<number, number>(workers.map((_, index) => [index, 0]))
  for (const [index, worker] of workers.entries()) {
    worker.stdout?.on('data', (data: Buffer) => {
      shares.set(index, (shares.get(index) ?? 0) + data.toString().trim().split('\n').length)
    })
  }
  await waitUntil(
    () => arrivals.length > 240,
    40_000,
    () => `only ${arrivals.length} were sent`,
  )
  for (const share of shares.values()) expect(share).toBeGreaterThanOrEqual(40)
})

test('evenly spaced requests are never closer than the provider allows, and use nine tenths', async () => {
  const evenMs = 1_000
  const limits = { ...unlimited, requestsPerMinute: windows.minuteMs / evenMs }
  const { arrivals, used } = await startFleet(2, { limits, burst: 1, reserve: 1, billed: 1, callMs: 20 })
  await waitUntil(
    async () => (await used(DAY_REQUESTS)) > 15,
    40_000,
    () => `only ${arrivals.length} were sent`,
  )
  const times = timesOf(arrivals)
  const gaps = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0))
  expect(median(gaps)).toBeLessThan(evenMs / 0.9)
  // Redis counts whole milliseconds.
  expect(Math.min(...gaps)).toBeGreaterThan(evenMs - 2)
})
