/** Requests before, during and after some trouble, and what must be true of them in the end. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Stub } from '../../tools/openai-stub/server.ts'
import { traceable } from './audit.ts'
import { patiently, waitUntil } from './wait.ts'
import type { Worker } from './worker.ts'
import type { World } from './world.ts'
import { countById, request } from './world.ts'

const EACH = 8
const SENT_EVERY_MS = 100

/**
 * Sends some requests, makes trouble while they are worked on and others come, sends more, and waits for all outcomes.
 * @param trouble resolves when it is over
 * @returns the ids
 */
export async function underLoad(world: World, trouble: () => Promise<unknown>, limitMs = 150_000): Promise<number[]> {
  // The first request initialises a new system; earlier trouble would test the start instead.
  await world.send([traceable(1_000)])
  await world.answered([1_000])
  const ids = Array.from({ length: 3 * EACH }, (_, index) => 1_001 + index)
  const send = (from: number, to: number) => patiently(() => world.send(ids.slice(from, to).map((id) => traceable(id))))
  await send(0, EACH)
  const sendSlowly = async () => {
    for (let index = EACH; index < 2 * EACH; index++) {
      await sleep(SENT_EVERY_MS)
      await send(index, index + 1)
    }
  }
  await Promise.all([trouble(), sendSlowly()])
  await send(2 * EACH, 3 * EACH)
  await world.answered(ids, limitMs)
  return [1_000, ...ids]
}

/** Expects one success and one record of each id, and nothing else. */
export function expectOneEach(world: World, ids: readonly number[]): void {
  const once = new Map(ids.map((id) => [`${id}`, 1]))
  const sorted = (counts: Map<string, number>) => new Map([...counts].toSorted(([a], [b]) => Number(a) - Number(b)))
  expect(sorted(countById(world.seenNotifications()))).toEqual(once)
  expect(sorted(countById(world.seenRecords()))).toEqual(once)
  expect(world.notifications().every(({ success }) => success)).toBe(true)
}

/** As `expectOneEach`, with as many calls to the model as there are requests. */
export function expectUnharmed(world: World, stub: Stub, ids: readonly number[]): void {
  expectOneEach(world, ids)
  expect(stub.arrivals()).toHaveLength(ids.length)
}

/** @returns the worker's lines with this text */
export const linesWith = (worker: Worker, text: string): string[] => worker.lines.filter((line) => line.includes(text))

/** Resolves when this many calls have arrived at the model. */
export const called = (stub: Stub, count: number) =>
  waitUntil(
    () => stub.arrivals().length >= count,
    120_000,
    () => `${stub.arrivals().length} of ${count} calls`,
  )

/** Starts a worker and kills it during its call about request 1; the calls after that are answered at once. */
export async function killDuringCall(world: World, stub: Stub): Promise<void> {
  const worker = world.start()
  await world.send([request(1)])
  await waitUntil(
    () => stub.arrivals().length === 1,
    30_000,
    () => 'no call',
  )
  await worker.end('SIGKILL')
  stub.configure({ latencyMs: 0 })
}

/** @returns how often the worker logged its most frequent warning or error, whatever its fields */
export function mostSaid({ lines }: Worker): number {
  const counts = new Map<string, number>()
  for (const line of lines) {
    const [, message] = /^\S+ (?:WARN|ERROR) +(.*?)(?: \w+=.*)?$/.exec(line) ?? []
    if (message !== undefined) counts.set(message, (counts.get(message) ?? 0) + 1)
  }
  return Math.max(0, ...counts.values())
}
