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

test('a lone item is sent at once, and what comes meanwhile goes together in the next call, each with its own result', async () => {
  const { calls, run } = manualCalls()
  const send = groupCommit(run)
  const results = [1, 2, 3].map(send)
  expect(calls.map(({ items }) => items)).toEqual([[1]])
  calls[0]?.answer()
  expect(await results[0]).toBe(10)
  expect(calls.map(({ items }) => items)).toEqual([[1], [2, 3]])
  calls[1]?.answer()
  expect(await Promise.all(results)).toEqual([10, 20, 30])
})

test('a call that fails fails its own items only', async () => {
  const { calls, run } = manualCalls()
  const send = groupCommit(run)
  const [first, second] = [send(1), send(2)]
  calls[0]?.fail(new Error('away'))
  await expect(first).rejects.toThrow('away')
  calls[1]?.answer()
  expect(await second).toBe(20)
})

test('a call takes a bounded number of items', async () => {
  const { calls, run } = manualCalls()
  const send = groupCommit(run)
  const results = Array.from({ length: 200 }, (_, n) => send(n))
  for (let n = 0; n < 5; n++) {
    calls[n]?.answer()
    await new Promise(setImmediate)
  }
  expect(await Promise.all(results)).toHaveLength(200)
  expect(Math.max(...calls.map(({ items }) => items.length))).toBe(64)
})
