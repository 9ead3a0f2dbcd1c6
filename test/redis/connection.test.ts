/** A Redis that is away, or refuses. */
import type { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { redisReady } from '../../src/redis/connection.ts'
import { loadScript } from '../../src/redis/scripts.ts'
import { waitUntil } from '../support/wait.ts'
import { soon } from './fleet.ts'
import { connect, localRedis, connectShared, proxied } from './connections.ts'

async function isBack(redis: Redis): Promise<void> {
  await waitUntil(
    () => redis.status === 'ready',
    10_000,
    () => `the connection is ${redis.status}`,
  )
  await redis.ping()
}

describe('a Redis that is away', () => {
  test('at the start: said once, waited for, and said once that it is back', async () => {
    const server = await localRedis()
    await server.kill('SIGKILL')
    const { redis, log, said, retryWhileAway } = connect(server.port)
    const reply = retryWhileAway('a ping', () => redis.ping(), soon())
    await waitUntil(
      () => said('warn').length > 0,
      10_000,
      () => 'nothing is said',
    )
    await server.restart()
    await redisReady(redis, log, soon())
    expect(await reply).toBe('PONG')
    expect(said('warn').map(({ fields }) => String(fields['reason']))).toEqual([
      expect.stringContaining('ECONNREFUSED'),
    ])
    expect(said('info').map((line) => line.message)).toEqual(['Redis is back'])
  })

  test('a command that could not be sent is rejected at once, and never sent later', async () => {
    const { redis, proxy, key, direct } = await proxied()
    proxy.cut()
    await waitUntil(
      () => redis.status !== 'ready',
      10_000,
      () => `the connection is ${redis.status}`,
    )
    await expect(redis.incr(key)).rejects.toThrow("isn't writeable")
    proxy.heal()
    await isBack(redis)
    expect(await direct.exists(key)).toBe(0)
  })

  test('a command in flight is rejected when the line is cut, and not sent again by itself', async () => {
    const { redis, proxy, key, direct } = await proxied()
    proxy.silence('down')
    const failure = redis.incr(key).catch((error: Error) => error.message)
    await waitUntil(
      async () => (await direct.get(key)) === '1',
      10_000,
      () => 'the command did not arrive',
    )
    proxy.cut()
    expect(await failure).toMatch(/closed|retries/i)
    proxy.heal()
    await isBack(redis)
    expect(await direct.get(key)).toBe('1')
  })

  test('packets that are dropped: the line is made anew within seconds', async () => {
    const { redis, proxy, retryWhileAway } = await proxied()
    proxy.silence()
    const reply = retryWhileAway('a ping', () => redis.ping(), soon())
    await waitUntil(
      () => redis.status !== 'ready',
      15_000,
      () => 'the silence went unnoticed',
    )
    proxy.heal()
    expect(await reply).toBe('PONG')
  })

  test('the wait ends with its signal', async () => {
    const { redis, proxy, retryWhileAway } = await proxied()
    proxy.cut()
    const stop = new AbortController()
    const failure = retryWhileAway('a ping', () => redis.ping(), stop.signal).catch((error: Error) => error.message)
    stop.abort(new Error('stop'))
    expect(await failure).toBe('stop')
  })

  test('the wait ends when the connection is given up', async () => {
    const { redis, log, retryWhileAway } = connectShared()
    await redisReady(redis, log, soon())
    redis.disconnect()
    await waitUntil(
      () => redis.status === 'end',
      10_000,
      () => `the connection is ${redis.status}`,
    )
    await expect(retryWhileAway('a ping', () => redis.ping(), soon())).rejects.toThrow('closed')
  })
})

describe('a Redis that refuses', () => {
  test.each([
    ['is out of memory', ['maxmemory', '1'], ['maxmemory', '0'], 'OOM'],
    ['is read-only', ['min-replicas-to-write', '1'], ['min-replicas-to-write', '0'], 'NOREPLICAS'],
  ] as const)('%s: said once for all who wait, and once when it is over', async (_name, on, off, code) => {
    const server = await localRedis()
    const { redis, log, said, retryWhileAway } = connect(server.port)
    await redisReady(redis, log, soon())
    await redis.config('SET', ...on)
    const writes = [1, 2, 3].map((n) => retryWhileAway('a write', () => redis.set(`k${n}`, n), soon()))
    const script = loadScript(redis, new URL('../../src/claims/recovery-resign.lua', import.meta.url), 1)
    expect(await retryWhileAway('a read', () => script(['none'], ['token']), soon())).toBe('done')
    await waitUntil(
      () => said('warn').length > 0,
      10_000,
      () => 'nothing is said',
    )
    await redis.config('SET', ...off)
    expect(await Promise.all(writes)).toEqual(['OK', 'OK', 'OK'])
    expect(said('warn').map(({ fields }) => fields['reason'])).toEqual([code])
    expect(said('info').map((line) => line.message)).toEqual(['Redis accepts commands again'])
  })

  test('as a replica does: the writes go through once it is a master again', async () => {
    const [master, server] = [await localRedis(), await localRedis()]
    const { redis, log, retryWhileAway } = connect(server.port)
    await redisReady(redis, log, soon())
    await redis.replicaof('127.0.0.1', master.port)
    const write = retryWhileAway('a write', () => redis.set('k', 1), soon())
    const refused = () => log.lines.some(({ fields }) => /READONLY|MASTERDOWN|LOADING/.test(String(fields['reason'])))
    await waitUntil(refused, 10_000, () => 'the write was not refused')
    await retryWhileAway('the promotion', () => redis.replicaof('NO', 'ONE'), soon())
    expect(await write).toBe('OK')
  })

  test('a fault of ours is not repeated', async () => {
    const { redis, retryWhileAway } = connectShared()
    const script = loadScript(redis, new URL('../../src/claims/recovery-resign.lua', import.meta.url), 1)
    await expect(retryWhileAway('a script', () => script([], []), soon())).rejects.toThrow(TypeError)
  })

  test('scripts that were flushed are sent again', async () => {
    const server = await localRedis()
    const { redis, log } = connect(server.port)
    await redisReady(redis, log, soon())
    const script = loadScript(redis, new URL('../../src/claims/recovery-resign.lua', import.meta.url), 1)
    expect(await script(['none'], ['token'])).toBe('done')
    await redis.script('FLUSH')
    expect(await script(['none'], ['token'])).toBe('done')
  })
})
