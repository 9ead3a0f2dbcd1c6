import { expect, test } from 'vitest'
import { Entrance } from '../../src/pipeline/entrance.ts'

const never = new AbortController().signal
const settled = () => new Promise(setImmediate)

/** An entrance, and the users that it has let in, in order. */
function entranceOf(most: number, isFair = true) {
  const entrance = new Entrance({ most, isFair })
  const inside: string[] = []
  const enter = (user: string, name = user, signal = never) =>
    entrance.enter(user, signal).then(() => void inside.push(name))
  const leave = async (user: string) => {
    entrance.leave(user)
    await settled()
  }
  return { entrance, inside, enter, leave }
}

test('users take turns at the entrance, each with its oldest request first', async () => {
  const { inside, enter, leave } = entranceOf(1)
  const waits = [enter('a', 'a1'), enter('b', 'b1'), enter('a', 'a2'), enter('a', 'a3'), enter('b', 'b2')]
  await settled()
  expect(inside).toEqual(['a1', 'b1'])
  for (const user of ['a', 'b', 'a', 'b', 'a']) await leave(user)
  await Promise.all(waits)
  expect(inside).toEqual(['a1', 'b1', 'a2', 'b2', 'a3'])
})

test('a user with three requests does not wait for the thousand of another', async () => {
  const { entrance, inside, enter } = entranceOf(10)
  for (let n = 0; n < 1_000; n++) void enter('many', `many ${n}`)
  await settled()
  expect(inside).toHaveLength(10)
  await Promise.all([enter('few', 'few 1'), enter('few', 'few 2'), enter('few', 'few 3')])
  expect(inside.slice(-3)).toEqual(['few 1', 'few 2', 'few 3'])
  expect(entrance.waiting()).toBe(990)
})

test('the room for those who have less is shared equally, too', async () => {
  const { entrance, inside, enter } = entranceOf(10)
  for (const user of ['a', 'b', 'c']) for (let n = 0; n < 100; n++) void enter(user)
  await settled()
  const of = (user: string) => inside.filter((each) => each === user).length
  expect(of('a')).toBe(10)
  expect(Math.abs(of('b') - of('c'))).toBeLessThanOrEqual(2)
  expect(of('c')).toBeGreaterThanOrEqual(3)
  expect(entrance.waiting()).toBe(300 - inside.length)
})

test('without fairness they come in as they came', async () => {
  const { inside, enter, leave } = entranceOf(1, false)
  const waits = [enter('a', 'a1'), enter('a', 'a2'), enter('b', 'b1')]
  for (const user of ['a', 'a', 'b']) await leave(user)
  await Promise.all(waits)
  expect(inside).toEqual(['a1', 'a2', 'b1'])
})

test('one that gives up takes nobody’s place', async () => {
  const { entrance, inside, enter, leave } = entranceOf(1)
  await enter('a')
  const leaving = new AbortController()
  const gone = enter('a', 'gone', leaving.signal)
  const next = enter('a', 'next')
  leaving.abort(new Error('revoked'))
  await expect(gone).rejects.toThrow('revoked')
  expect(entrance.waiting()).toBe(1)
  await leave('a')
  await next
  expect(inside).toEqual(['a', 'next'])
  await leave('a')
  await enter('b')
  expect(entrance.waiting()).toBe(0)
})

test('never more are inside than may be, however many users there are', async () => {
  const { entrance, inside, enter, leave } = entranceOf(3)
  const waits = Array.from({ length: 10 }, (_, n) => enter(String(n)))
  await settled()
  expect(inside).toHaveLength(6)
  expect(entrance.waiting()).toBe(4)
  for (let n = 0; n < 10; n++) await leave(String(n))
  await Promise.all(waits)
})
