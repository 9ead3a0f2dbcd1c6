import { expect, test } from 'vitest'
import { SendPace } from '../../src/budget/send-pace.ts'

/** A pace whose clock the test moves; `grants` grants `count` calls that were asked for now and lapse in 400 ms. */
function paceAt(first: number) {
  let nowMs = 0
  const pace = new SendPace(first, () => nowMs)
  const grants = (count: number) =>
    Array.from({ length: count }, () => pace.granted({ askedMs: nowMs, sendByMs: nowMs + 400 }))
  return { pace, grants, pass: (ms: number) => (nowMs += ms) }
}

test('calls that are sent early make room for more', () => {
  const { pace, grants, pass } = paceAt(8)
  const sent = grants(8)
  expect([pace.unsent, pace.room]).toEqual([8, 0])
  pass(50)
  for (const told of sent) told(true)
  expect([pace.unsent, pace.room]).toEqual([0, 16])
})

test('calls that are sent in time but late change nothing', () => {
  const { pace, grants, pass } = paceAt(8)
  const sent = grants(8)
  pass(300)
  for (const told of sent) told(true)
  expect(pace.room).toBe(8)
})

test('grants that lapse halve it, and never stop it', () => {
  const { pace, grants, pass } = paceAt(32)
  const [one, ...others] = grants(10)
  pass(500)
  one?.(false)
  expect(pace.room).toBe(16 - 9)
  for (const told of others) told(false)
  pace.lapsed()
  expect(pace.room).toBe(4)
})

test('a call that ends without having been sent makes room once, and proves nothing', () => {
  const { pace, grants, pass } = paceAt(8)
  const [told] = grants(1)
  pass(10)
  expect([told?.(false), told?.(true)]).toEqual([true, false])
  expect([pace.unsent, pace.room]).toEqual([0, 8])
})

test('there may be no bound', () => {
  const { pace, grants } = paceAt(Infinity)
  grants(1_000)
  expect(pace.room).toBe(Infinity)
  pace.lapsed()
  expect(pace.room).toBe(Infinity)
})
