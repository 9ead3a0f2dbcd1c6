import { expect, test } from 'vitest'
import { WaitingLine } from '../../src/lib/waiting-line.ts'

const never = new AbortController().signal

/** A line of names whose first letter is their user, and how each wait ended. */
function lineOf(...names: string[]) {
  const left: string[] = []
  const ended: string[] = []
  const line = new WaitingLine<string, string>(({ demand }) => left.push(demand))
  const wait = (name: string, signal = never, urgent = false) => {
    line.wait(name, signal, { user: name.slice(0, 1), urgent }).then(
      (outcome) => ended.push(`${name} ${outcome}`),
      (reason: Error) => ended.push(`${name} ${reason.message}`),
    )
  }
  for (const name of names) wait(name)
  const next = (count = 100) => line.next(count).map(({ demand }) => demand)
  const find = (name: string) => {
    const found = line.next(1_000).find(({ demand }) => demand === name)
    if (found === undefined) throw new Error(`${name} does not wait`)
    return found
  }
  return { line, wait, next, find, left, ended, settled: () => new Promise(setImmediate) }
}

test('users take turns, each in the order of arrival, and urgent ones come first', () => {
  const { line, wait, next, find } = lineOf('a1', 'a2', 'a3', 'b1', 'c1', 'c2')
  expect(next()).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3'])
  expect(line.serve(find('a1'))).toBe(true)
  wait('b2')
  wait('a-probe', never, true)
  expect(next(4)).toEqual(['a-probe', 'b1', 'c1', 'a2'])
  const [gone, probe] = [find('c1'), find('a-probe')]
  expect(line.remove(gone)).toBe(true)
  expect([line.remove(gone), line.serve(gone), line.serve(probe)]).toEqual([false, false, true])
  expect(next()).toEqual(['b1', 'c2', 'a2', 'b2', 'a3'])
  expect([line.length, line.users]).toEqual([5, 3])
})

test('who is removed keeps the turn of its user', () => {
  const { line, next, find } = lineOf('a1', 'a2', 'b1')
  line.remove(find('a1'))
  expect(next()).toEqual(['a2', 'b1'])
  line.serve(find('a2'))
  expect(next()).toEqual(['b1'])
})

test('one user with many requests makes none of the others wait for more than one of them', () => {
  const { line, wait, next, find } = lineOf()
  for (let n = 0; n < 1_000; n++) wait(`large${n}`)
  for (let n = 0; n < 3; n++) wait(`small${n}`)
  const inOrder: string[] = []
  while (inOrder.length < 6) {
    const [name = ''] = next(1)
    line.serve(find(name))
    inOrder.push(name)
  }
  expect(inOrder).toEqual(['large0', 'small0', 'large1', 'small1', 'large2', 'small2'])
})

test('an abort ends the waits of its signal and no others, and the owner is told', async () => {
  const { line, wait, next, find, left, ended, settled } = lineOf('a1', 'b1')
  const stop = new AbortController()
  for (const name of ['a2', 'b2', 'c1']) wait(name, stop.signal)
  wait('c-probe', stop.signal, true)
  const served = find('b2')
  line.serve(served)
  served.resolve('served')
  stop.abort(new Error('was revoked'))
  await settled()
  expect(ended).toEqual(['b2 served', 'a2 was revoked', 'c1 was revoked', 'c-probe was revoked'])
  expect(left).toEqual(['a2', 'c1', 'c-probe'])
  expect([next(), line.length, line.users]).toEqual([['a1', 'b1'], 2, 2])
  wait('d1', stop.signal)
  await settled()
  expect(ended.at(-1)).toBe('d1 was revoked')
  expect(line.length).toBe(2)
})

test('a signal is let go with its last waiter, so a line may outlive many signals, and a signal many waits', async () => {
  const { line, wait, find, settled } = lineOf()
  const { signal } = new AbortController()
  const listening = { now: 0, most: 0 }
  const add = signal.addEventListener.bind(signal)
  const remove = signal.removeEventListener.bind(signal)
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listening.most = Math.max(listening.most, ++listening.now)
    add(...args)
  }
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listening.now--
    remove(...args)
  }
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < 200; n++) wait(`a${n}`, signal)
    for (let n = 0; n < 200; n++) line.serve(find(`a${n}`))
    await settled()
    expect(listening).toEqual({ now: 0, most: 1 })
  }
})

test('the owner can end all waits', async () => {
  const { line, wait, ended, settled } = lineOf('a1', 'b1')
  wait('c-probe', never, true)
  line.rejectAll(new Error('Redis refused'))
  await settled()
  expect(ended.toSorted()).toEqual(['a1 Redis refused', 'b1 Redis refused', 'c-probe Redis refused'])
  expect([line.length, line.users]).toEqual([0, 0])
})
