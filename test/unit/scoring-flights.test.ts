import { expect, test } from 'vitest'
import { createFlights } from '../../src/lib/flights.ts'

const { signal } = new AbortController()

/** A store of answers, and a question that is answered when told to. */
function world() {
  const answers = new Map<string, string>()
  const asked: PromiseWithResolvers<string>[] = []
  const once = createFlights()
  const ask = async () => {
    const question = Promise.withResolvers<string>()
    asked.push(question)
    return await question.promise
  }
  const call = (key: string, stop: AbortSignal = signal) =>
    once(key, { known: async () => answers.get(key) ?? null, ask }, stop)
  return { answers, asked, call }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

test('ten calls for the same ask once', async () => {
  const { answers, asked, call } = world()
  const calls = Array.from({ length: 10 }, () => call('a'))
  await settled()
  expect(asked).toHaveLength(1)
  answers.set('a', 'yes')
  asked[0]?.resolve('yes')
  expect(await Promise.all(calls)).toEqual(Array(10).fill('yes'))
  expect(await call('a')).toBe('yes')
  expect(asked).toHaveLength(1)
})

test('calls for different things do not wait for each other', async () => {
  const { asked, call } = world()
  void call('a')
  void call('b')
  await settled()
  expect(asked).toHaveLength(2)
})

test('when the answer is not for others, all of them ask at once', async () => {
  const { asked, call } = world()
  const calls = Array.from({ length: 4 }, () => call('a'))
  await settled()
  asked[0]?.resolve('mine')
  await settled()
  expect(asked).toHaveLength(4)
  asked.slice(1).forEach(({ resolve }, index) => resolve(`own ${index}`))
  expect(await Promise.all(calls)).toEqual(['mine', 'own 0', 'own 1', 'own 2'])
})

test('when the question is given up, one of the others asks it', async () => {
  const { answers, asked, call } = world()
  const calls = Array.from({ length: 4 }, () => call('a'))
  await settled()
  asked[0]?.reject(new Error('the partition was revoked'))
  await expect(calls[0]).rejects.toThrow('revoked')
  await settled()
  expect(asked).toHaveLength(2)
  answers.set('a', 'yes')
  asked[1]?.resolve('yes')
  expect(await Promise.all(calls.slice(1))).toEqual(['yes', 'yes', 'yes'])
})

test('a wait for another’s answer ends with its signal, and the answer comes all the same', async () => {
  const { asked, call } = world()
  const stop = new AbortController()
  const first = call('a')
  const second = call('a', stop.signal)
  await settled()
  stop.abort(new Error('stopping'))
  await expect(second).rejects.toThrow('stopping')
  asked[0]?.resolve('yes')
  expect(await first).toBe('yes')
})
