import { expect, test } from 'vitest'
import { ALONE, Semaphore } from '../../src/lib/semaphore.ts'

const never = new AbortController().signal
const turns = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

/** Work that a test ends itself; `log` tells when it began. */
function works(log: string[]) {
  const ends = new Map<string, () => void>()
  return {
    begin: (name: string) => () => {
      log.push(name)
      const { promise, resolve } = Promise.withResolvers<void>()
      ends.set(name, resolve)
      return promise
    },
    end: (name: string) => ends.get(name)?.(),
  }
}

test('so many run at once, in order, and no permit leaks by failures or by those that gave up while waiting', async () => {
  const semaphore = new Semaphore(2)
  let [running, most] = [0, 0]
  const started: number[] = []
  const leaving = new AbortController()
  const results = await Promise.allSettled(
    Array.from({ length: 30 }, (_, number) => {
      const asked = semaphore.run(
        async () => {
          started.push(number)
          most = Math.max(most, ++running)
          await turns()
          running--
          if (number % 3 === 0) throw new Error('failed')
          return number
        },
        number % 5 === 4 ? leaving.signal : never,
      )
      if (number === 29) leaving.abort(new Error('gave up'))
      return asked
    }),
  )
  const outcomes = results.map((result) =>
    result.status === 'fulfilled' ? result.value : (result.reason as Error).message,
  )
  const expected = Array.from({ length: 30 }, (_, n) => (n % 5 === 4 ? 'gave up' : n % 3 === 0 ? 'failed' : n))
  expect(outcomes).toEqual(expected)
  expect(started).toEqual(started.toSorted((a, b) => a - b))
  expect(most).toBe(2)
  expect(semaphore.counts).toEqual({ running: 0, queued: 0 })
})

test('one that gives up while waiting is told at once, and work that runs is left to end', async () => {
  const semaphore = new Semaphore(1)
  const log: string[] = []
  const { begin, end } = works(log)
  const leaving = new AbortController()
  const first = semaphore.run(begin('first'), leaving.signal)
  const queued = semaphore.run(begin('never'), leaving.signal)
  await turns()
  expect(semaphore.counts).toEqual({ running: 1, queued: 1 })
  leaving.abort(new Error('stopping'))
  await expect(queued).rejects.toThrow('stopping')
  await expect(semaphore.run(begin('never'), leaving.signal)).rejects.toThrow('stopping')
  end('first')
  await first
  await expect(semaphore.run(() => Promise.resolve('free again'), never)).resolves.toBe('free again')
  expect(log).toEqual(['first'])
})

test('one that runs alone waits for those inside, and later comers wait for it', async () => {
  const semaphore = new Semaphore(8)
  const log: string[] = []
  const { begin, end } = works(log)
  const runs = [
    semaphore.run(begin('first'), never),
    semaphore.run(begin('alone'), never, ALONE),
    semaphore.run(begin('later'), never),
  ]
  await turns()
  expect(log).toEqual(['first'])
  end('first')
  await turns()
  expect(log).toEqual(['first', 'alone'])
  expect(semaphore.counts).toEqual({ running: 1, queued: 1 })
  end('alone')
  await turns()
  end('later')
  await Promise.all(runs)
  expect(log).toEqual(['first', 'alone', 'later'])
})

test('one that gives up waiting to run alone lets those behind it in', async () => {
  const semaphore = new Semaphore(2)
  const log: string[] = []
  const { begin, end } = works(log)
  const giveUp = new AbortController()
  const first = semaphore.run(begin('first'), never)
  const alone = semaphore.run(begin('alone'), giveUp.signal, ALONE)
  const behind = semaphore.run(begin('behind'), never)
  await turns()
  expect(log).toEqual(['first'])
  giveUp.abort(new Error('stopping'))
  await expect(alone).rejects.toThrow('stopping')
  await turns()
  expect(log).toEqual(['first', 'behind'])
  end('first')
  end('behind')
  await Promise.all([first, behind])
})
