import { expect, test } from 'vitest'
import { defineCommand } from '../../src/cli/define.ts'
import { watch } from '../../src/cli/watch.ts'

/** Stops after so many pictures. */
async function watched(pictures: number, isScreen: boolean): Promise<string[]> {
  const stop = new AbortController()
  const printed: string[] = []
  let looks = 0
  const look = () => {
    looks++
    if (looks > pictures) stop.abort(new Error('SIGINT'))
    return Promise.resolve([`picture ${looks}`, 'more'])
  }
  await watch({ everyMs: 1, isScreen, look, print: (text) => printed.push(text), signal: stop.signal })
  return printed
}

test('into a pipe each picture is printed once, without control characters', async () => {
  expect(await watched(2, false)).toEqual(['picture 1', 'more', '', 'picture 2', 'more'])
})

test('on a terminal each picture is drawn over the one before', async () => {
  expect(await watched(2, true)).toEqual(['\u001b[H\u001b[Jpicture 1\nmore', '\u001b[H\u001b[Jpicture 2\nmore'])
})

test('a look that hangs is left when the user stops it', async () => {
  const stop = new AbortController()
  const hung = new Promise<string[]>(() => {})
  const watching = watch({ everyMs: 1, isScreen: false, look: () => hung, print: () => {}, signal: stop.signal })
  stop.abort(new Error('SIGINT'))
  await expect(watching).resolves.toBeUndefined()
})

test('what goes wrong while nobody has stopped it is not hidden', async () => {
  const look = () => Promise.reject(new Error('a fault'))
  const { signal } = new AbortController()
  await expect(watch({ everyMs: 1, isScreen: false, look, print: () => {}, signal })).rejects.toThrow('a fault')
})

test('a command that is stopped while it watches ends with 0; without that option it is interrupted', async () => {
  const stop = new AbortController()
  const command = defineCommand(
    { usage: ['x'], example: 'x', options: { watch: { type: 'boolean' } }, endless: 'watch' },
    async ({ signal, print }) => {
      await watch({ everyMs: 1, isScreen: false, look: () => Promise.resolve(['seen']), print, signal })
      return { document: {}, lines: [] }
    },
  )
  const printed: string[] = []
  const print = (line: string) => {
    printed.push(line)
    if (printed.length === 3) stop.abort(new Error('SIGINT'))
  }
  const context = { env: {}, signal: stop.signal, print, complain: print, config: () => ({}) as never }
  expect(await command({ ...context, args: ['--watch'] })).toBe(0)
  expect(printed.slice(0, 3)).toEqual(['seen', '', 'seen'])
  await expect(command({ ...context, args: [] })).rejects.toThrow('SIGINT')
})
