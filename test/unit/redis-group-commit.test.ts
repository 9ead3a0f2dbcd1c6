import { expect, test } from 'vitest'
import { Gathering, groupCommit, LOAD_LASTS_MS } from '../../src/redis/group-commit.ts'

/** A call that is answered when the test says so. */
function manualCalls() {
  const calls: { items: readonly number[]; answer: () => void; fail: (error: Error) => void }[] = []
  const run = (items: readonly number[]) => {
    const { promise, resolve, reject } = Promise.withResolvers<number[]>()
    calls.push({ items, answer: () => resolve(items.map((item) => item * 10)), fail: reject })
    return promise
  }
  return { calls, run }
}

const nextTurn = () => new Promise(setImmediate)

test('what comes in one turn of the event loop goes together, and so does what comes during a call, each with its own result', async () => {
  const { calls, run } = manualCalls()
  const send = groupCommit(run, new Gathering(0))
  const results = [1, 2].map(send)
  await nextTurn()
  expect(calls.map(({ items }) => items)).toEqual([[1, 2]])
  results.push(...[3, 4].map(send))
  await nextTurn()
  expect(calls).toHaveLength(1)
  calls[0]?.answer()
  expect(await results[0]).toBe(10)
  await nextTurn()
  expect(calls.map(({ items }) => items)).toEqual([
    [1, 2],
    [3, 4],
  ])
  calls[1]?.answer()
  expect(await Promise.all(results)).toEqual([10, 20, 30, 40])
})

test('a call that fails fails its own items only', async () => {
  const { calls, run } = manualCalls()
  const send = groupCommit(run, new Gathering(0))
  const first = send(1)
  await nextTurn()
  const second = send(2)
  calls[0]?.fail(new Error('away'))
  await expect(first).rejects.toThrow('away')
  await nextTurn()
  calls[1]?.answer()
  expect(await second).toBe(20)
})

test('a call takes a bounded number of items', async () => {
  const { calls, run } = manualCalls()
  const send = groupCommit(run, new Gathering(0))
  const results = Array.from({ length: 200 }, (_, n) => send(n))
  for (let n = 0; n < 13; n++) {
    while (calls.length <= n) await nextTurn()
    calls[n]?.answer()
  }
  expect(await Promise.all(results)).toHaveLength(200)
  expect(Math.max(...calls.map(({ items }) => items.length))).toBe(16)
})

test('under load a call waits for more items, but a single item waits for none', async () => {
  const { calls, run } = manualCalls()
  const send = groupCommit(run, new Gathering(20))
  const first = [1, 2].map(send)
  await nextTurn()
  calls[0]?.answer()
  await Promise.all(first)
  const startedMs = performance.now()
  // Set before the call's own timer, which it then precedes even where a busy machine is late with both.
  const later = new Promise((resolve) => setTimeout(resolve, 5)).then(() => send(4))
  const third = send(3)
  while (calls.length < 2) await nextTurn()
  expect(performance.now() - startedMs).toBeGreaterThan(15)
  expect(calls[1]?.items).toEqual([3, 4])
  calls[1]?.answer()
  await Promise.all([third, later])
  const alone = send(5)
  while (calls.length < 3) await nextTurn()
  calls[2]?.answer()
  await alone
  // The last call had one item: the next one waits for a turn only.
  const next = send(6)
  await nextTurn()
  expect(calls).toHaveLength(4)
  calls[3]?.answer()
  expect(await next).toBe(60)
})

test('a single item that comes long after a burst waits for none', async () => {
  let nowMs = 0
  const { calls, run } = manualCalls()
  const send = groupCommit(run, new Gathering(60_000, () => nowMs))
  const burst = [1, 2].map(send)
  await nextTurn()
  calls[0]?.answer()
  await Promise.all(burst)
  nowMs += LOAD_LASTS_MS
  const late = send(3)
  await nextTurn()
  expect(calls[1]?.items).toEqual([3])
  calls[1]?.answer()
  expect(await late).toBe(30)
})

test('a call that takes long is no pause of the load: what comes right after it waits for more', async () => {
  let nowMs = 0
  const { calls, run } = manualCalls()
  const send = groupCommit(run, new Gathering(50, () => nowMs))
  const burst = [1, 2].map(send)
  await nextTurn()
  nowMs += 10 * LOAD_LASTS_MS
  calls[0]?.answer()
  await Promise.all(burst)
  const next = send(3)
  await nextTurn()
  expect(calls).toHaveLength(1)
  while (calls.length < 2) await nextTurn()
  calls[1]?.answer()
  expect(await next).toBe(30)
})
