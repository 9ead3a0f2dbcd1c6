import { expect, test } from 'vitest'
import { Turns } from '../../src/lib/turns.ts'

/** @returns how many of `count` callers have had their turn after so many turns of the event loop */
async function servedAfter(turns: Turns, count: number, loops: number): Promise<number> {
  let served = 0
  for (let n = 0; n < count; n++) void turns.next().then(() => served++)
  for (let n = 0; n < loops; n++) await new Promise(setImmediate)
  return served
}

test('each caller has a turn of the event loop of its own', async () => {
  const served = await servedAfter(new Turns(), 100, 20)
  expect(served).toBeGreaterThan(15)
  expect(served).toBeLessThanOrEqual(20)
})

test('while something is urgent they have some turns only, and they do have them', async () => {
  let urgent = true
  const turns = new Turns(() => urgent)
  const served = await servedAfter(turns, 100, 40)
  expect(served).toBeGreaterThan(5)
  expect(served).toBeLessThanOrEqual(11)
  urgent = false
  expect(await servedAfter(turns, 0, 200)).toBe(0)
})
