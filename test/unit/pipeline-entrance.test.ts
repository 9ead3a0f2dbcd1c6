import { expect, test } from 'vitest'
import { Entrance } from '../../src/pipeline/entrance.ts'

const never = new AbortController().signal

/** An entrance, and who has come in, in order. */
function entranceOf(most: number, isFair = true) {
  const entrance = new Entrance({ most, isFair })
  const inside: string[] = []
  const enter = (user: string, name = user, signal = never) =>
    entrance.enter(user, signal).then(() => void inside.push(name))
  const leave = async () => {
    entrance.leave()
    await new Promise(setImmediate)
  }
  return { entrance, inside, enter, leave }
}

test('users take turns at the entrance, each with its oldest request first', async () => {
  const { inside, enter, leave } = entranceOf(1)
  const waits = [enter('a', 'a1'), enter('a', 'a2'), enter('a', 'a3'), enter('b', 'b1'), enter('c', 'c1')]
  for (let n = 0; n < 5; n++) await leave()
  await Promise.all(waits)
  expect(inside).toEqual(['a1', 'a2', 'b1', 'c1', 'a3'])
})

test('without fairness they come in as they came', async () => {
  const { inside, enter, leave } = entranceOf(1, false)
  const waits = [enter('a', 'a1'), enter('a', 'a2'), enter('b', 'b1')]
  for (let n = 0; n < 3; n++) await leave()
  await Promise.all(waits)
  expect(inside).toEqual(['a1', 'a2', 'b1'])
})

test('one that gives up takes nobody’s place', async () => {
  const { entrance, inside, enter, leave } = entranceOf(1)
  await enter('a')
  const leaving = new AbortController()
  const gone = enter('b', 'b', leaving.signal)
  const next = enter('c')
  leaving.abort(new Error('taken away'))
  await expect(gone).rejects.toThrow('taken away')
  expect(entrance.waiting()).toBe(1)
  await leave()
  await next
  expect(inside).toEqual(['a', 'c'])
  await leave()
  await enter('d')
  expect(entrance.waiting()).toBe(0)
})

test('never more are inside than may be', async () => {
  const { inside, enter, leave } = entranceOf(3)
  const waits = Array.from({ length: 10 }, (_, n) => enter(String(n % 4), String(n)))
  await new Promise(setImmediate)
  expect(inside).toHaveLength(3)
  await leave()
  expect(inside).toHaveLength(4)
  for (let n = 0; n < 6; n++) await leave()
  await Promise.all(waits)
})
