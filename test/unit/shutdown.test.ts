import { expect, test } from 'vitest'
import type { Log } from '../../src/logging/log.ts'
import { createReleaseStack } from '../../src/release-stack.ts'

const never = new Promise<void>(() => {})

function collect() {
  const warnings: string[] = []
  const quiet = () => {}
  const log: Log = {
    error: quiet,
    info: quiet,
    debug: quiet,
    warn: (message, fields) => warnings.push(`${message}: ${String(fields?.['what'])}: ${String(fields?.['reason'])}`),
  }
  return { log, warnings }
}

test('what was acquired last is released first, one after the other', async () => {
  const stack = createReleaseStack(collect().log)
  const order: string[] = []
  for (const what of ['redis', 'kafka', 'consumer']) {
    stack.defer(what, async () => {
      order.push(`${what} begins`)
      await Promise.resolve()
      order.push(`${what} ends`)
    })
  }
  expect(await stack.release(5_000)).toMatchObject({ unreleased: [] })
  expect(order).toEqual(['consumer', 'kafka', 'redis'].flatMap((what) => [`${what} begins`, `${what} ends`]))
})

test('a release that throws, rejects or hangs is named and keeps no other from its turn', async () => {
  const { log, warnings } = collect()
  const stack = createReleaseStack(log)
  const released: string[] = []
  let told: AbortSignal | null = null
  stack.defer('first', () => released.push('first'))
  stack.defer('throws', () => {
    throw new Error('no such thing')
  })
  stack.defer('rejects', async () => Promise.reject(new Error('gone')))
  stack.defer(
    'hangs',
    (signal) => {
      told = signal
      return never
    },
    30,
  )
  const { unreleased } = await stack.release(10_000)
  expect(unreleased).toEqual(['hangs', 'rejects', 'throws'])
  expect(released).toEqual(['first'])
  expect(told).toMatchObject({ aborted: true })
  expect(warnings).toEqual([
    'could not release: hangs: it takes too long',
    'could not release: rejects: gone',
    'could not release: throws: no such thing',
  ])
})

test('the deadline bounds all of it, and what comes after it is attempted still', async () => {
  const stack = createReleaseStack(collect().log)
  const released: string[] = []
  stack.defer('socket', () => released.push('socket'))
  for (const what of ['a', 'b', 'c']) stack.defer(what, () => never, 60_000)
  const { unreleased, tookMs } = await stack.release(100)
  expect(unreleased).toEqual(['c', 'b', 'a'])
  expect(released).toEqual(['socket'])
  expect(tookMs).toBeLessThan(20_000)
})

test('stopping twice releases once', async () => {
  const stack = createReleaseStack(collect().log)
  let released = 0
  stack.defer('once', () => released++)
  const [first, second] = await Promise.all([stack.release(1_000), stack.release(1)])
  expect(second).toBe(first)
  expect(released).toBe(1)
  expect(() => stack.defer('late', () => {})).toThrow('late was acquired while everything is being released')
})
