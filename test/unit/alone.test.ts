import { expect, test } from 'vitest'
import { createAloneLock } from '../../src/pipeline/alone.ts'

const never = new AbortController().signal
const turns = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

test('a suspect waits for those inside, and later comers wait for the suspect', async () => {
  const lock = createAloneLock()
  const log: string[] = []
  const first = Promise.withResolvers<void>()
  const suspect = Promise.withResolvers<void>()
  const runs = [
    lock.share(async () => {
      log.push('first in')
      await first.promise
    }, never),
    lock.exclude(async () => {
      log.push('suspect in')
      await suspect.promise
    }, never),
    lock.share(async () => {
      log.push('later in')
    }, never),
  ]
  await turns()
  expect(log).toEqual(['first in'])
  first.resolve()
  await turns()
  expect(log).toEqual(['first in', 'suspect in'])
  suspect.resolve()
  await Promise.all(runs)
  expect(log).toEqual(['first in', 'suspect in', 'later in'])
})

test('a suspect that gives up while another is inside opens the door for nobody', async () => {
  const lock = createAloneLock()
  const inside = Promise.withResolvers<void>()
  const giveUp = new AbortController()
  let shared = false
  const first = lock.exclude(() => inside.promise, never)
  const second = lock.exclude(async () => {}, giveUp.signal)
  const third = lock.share(async () => {
    shared = true
  }, never)
  giveUp.abort(new Error('stopping'))
  await expect(second).rejects.toThrow('stopping')
  await turns()
  expect(shared).toBe(false)
  inside.resolve()
  await Promise.all([first, third])
  expect(shared).toBe(true)
})
