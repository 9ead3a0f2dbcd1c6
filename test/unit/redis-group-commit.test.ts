import { expect, test } from 'vitest'
import { groupCommit } from '../../src/redis/group-commit.ts'

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
  const send = groupCommit(run)
  const results = [1, 2].map(send)
  await nextTurn()
  expect(calls.map(({ items }) => items)).toEqual([[1, 2]])
  results.push(...[3, 4].map(send))
  await nextTurn()
  expect(calls).toHaveLength(1)
  calls[0]?.answer()
  expect(await results[0]).toBe(10)
  expect(calls.map(({ items }) => items)).toEqual([
    [1, 2],
    [3, 4],
  ])
  calls[1]?.answer()
  expect(await Promise.all(results)).toEqual([10, 20, 30, 40])
})

test('a call that fails fails its own items only', async () => {
  const { calls, run } = manualCalls()
  const send = groupCommit(run)
  const first = send(1)
  await nextTurn()
  const second = send(2)
  calls[0]?.fail(new Error('away'))
  await expect(first).rejects.toThrow('away')
  calls[1]?.answer()
  expect(await second).toBe(20)
})

test('a call takes a bounded number of items', async () => {
  const { calls, run } = manualCalls()
  const send = groupCommit(run)
  const results = Array.from({ length: 200 }, (_, n) => send(n))
  await nextTurn()
  for (let n = 0; n < 5; n++) {
    calls[n]?.answer()
    await nextTurn()
  }
  expect(await Promise.all(results)).toHaveLength(200)
  expect(Math.max(...calls.map(({ items }) => items.length))).toBe(64)
})
