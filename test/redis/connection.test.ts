import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { withRedis } from '../../src/cli/connections.ts'
import type { Config } from '../../src/config.ts'
import { loadConfig } from '../../src/config.ts'
import { connectRedis, redisReady } from '../../src/redis/connection.ts'
import { createRetryWhileAway } from '../../src/redis/retry.ts'
import { loadScript } from '../../src/redis/scripts.ts'
import { startLocalRedis } from '../support/services.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { waitUntil } from '../support/wait.ts'
import { memoryLog, soon } from './fleet.ts'

const releases: (() => unknown)[] = []
afterEach(async () => {
  for (const release of releases.splice(0).toReversed()) await release()
})

function connect(port: number, also: Partial<Config['redis']> = {}) {
  const log = memoryLog()
  const place = {
    host: '127.0.0.1',
    port,
    username: null,
    password: null,
    db: 0,
    tls: null,
    sentinel: null,
    keyPrefix: '',
  }
  const redis = connectRedis({ ...place, ...also }, log)
  releases.push(() => redis.disconnect())
  const retryWhileAway = createRetryWhileAway({ log, redis, backoffMs: { min: 10, max: 100 } })
  const said = (level: 'info' | 'warn') => log.lines.filter((line) => line.level === level)
  return { redis, log, retryWhileAway, said }
}

async function localRedis(args: string[] = []) {
  const server = await startLocalRedis({ args })
  releases.push(() => server.stop())
  return server
}

const shared = () => {
  const { hostname: host, port } = new URL(inject('redisUrl'))
  return { host, port: Number(port) }
}
const connectShared = () => connect(shared().port, { host: shared().host })

async function proxied() {
  const proxy = await startTcpProxy({ to: shared() })
  releases.push(() => proxy.stop())
  const key = `test-${randomUUID()}`
  const client = connect(proxy.port)
  await redisReady(client.redis, client.log, soon())
  const direct = connectShared()
  await redisReady(direct.redis, direct.log, soon())
  releases.push(() => direct.redis.del(key))
  return { ...client, proxy, key, direct: direct.redis }
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
    await waitUntil(
      () => redis.status === 'ready',
      10_000,
      () => `the connection is ${redis.status}`,
    )
    await redis.ping()
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
    await waitUntil(
      () => redis.status === 'ready',
      10_000,
      () => `the connection is ${redis.status}`,
    )
    await redis.ping()
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
    expect(said('info').map((line) => line.message)).toEqual(['Redis does it again'])
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

describe('a Redis that does not let us in', () => {
  test('without the password, or with a wrong one: one clear line, without the password; in once it fits', async () => {
    const server = await localRedis(['--requirepass', 'right-one'])
    const none = connect(server.port)
    const wrong = connect(server.port, { password: 'wrong-one' })
    for (const { said } of [none, wrong]) {
      await waitUntil(
        () => said('warn').length > 0,
        10_000,
        () => 'nothing is said',
      )
    }
    expect(none.said('warn')[0]?.fields['reason']).toContain('REDIS_PASSWORD')
    expect(wrong.said('warn')[0]?.fields['reason']).toContain('REDIS_PASSWORD')
    const admin = connect(server.port, { password: 'right-one' })
    await redisReady(admin.redis, admin.log, soon())
    await admin.redis.config('SET', 'requirepass', 'wrong-one')
    await redisReady(wrong.redis, wrong.log, soon())
    expect(wrong.said('warn')).toHaveLength(1)
    expect(JSON.stringify([none.log.lines, wrong.log.lines])).not.toContain('wrong-one')
  })

  const user = { username: 'worker', password: 'secret' }

  test('into the database that is set: one clear line that names REDIS_DB, and nothing goes into another', async () => {
    const server = await localRedis([
      '--databases',
      '16',
      '--user',
      'worker',
      'on',
      '>secret',
      '~*',
      '+@all',
      '-select',
    ])
    const admin = connect(server.port)
    await redisReady(admin.redis, admin.log, soon())
    const [none, forbidden] = [connect(server.port, { db: 99 }), connect(server.port, { ...user, db: 3 })]
    for (const { redis, retryWhileAway, said } of [none, forbidden]) {
      await expect(retryWhileAway('a write', () => redis.set('k', 1), AbortSignal.timeout(2_500))).rejects.toThrow(
        'timeout',
      )
      expect(said('info')).toEqual([])
      expect(said('warn')).toHaveLength(1)
    }
    expect(none.said('warn')[0]?.fields['reason']).toMatch(/^REDIS_DB=99 .*out of range/)
    expect(forbidden.said('warn')[0]?.fields['reason']).toMatch(/^REDIS_DB=3 .*\+select/)
    expect(await admin.redis.info('keyspace')).not.toContain('db0')
    await admin.redis.acl('SETUSER', 'worker', '+select')
    await redisReady(forbidden.redis, forbidden.log, soon())
    await forbidden.redis.set('k', 1)
    expect(await admin.redis.info('keyspace')).toMatch(/^db3:keys=1,/m)
  })

  test('into its database any more, after a reconnection: nothing goes into another meanwhile', async () => {
    const server = await localRedis(['--user', 'worker', 'on', '>secret', '~*', '&*', '+@all'])
    const [admin, { redis, log, said, retryWhileAway }] = [
      connect(server.port),
      connect(server.port, { ...user, db: 3 }),
    ]
    await redisReady(admin.redis, admin.log, soon())
    await redisReady(redis, log, soon())
    await admin.redis.acl('SETUSER', 'worker', '-select')
    await admin.redis.client('KILL', 'USER', 'worker')
    const write = retryWhileAway('a write', () => redis.set('k', 1), soon())
    await waitUntil(
      () => said('warn').some(({ fields }) => String(fields['reason']).startsWith('REDIS_DB=3 ')),
      10_000,
      () => `it says ${JSON.stringify(log.lines)}`,
    )
    expect(await admin.redis.info('keyspace')).not.toContain('keys=')
    await admin.redis.acl('SETUSER', 'worker', '+select')
    expect(await write).toBe('OK')
    expect(await admin.redis.info('keyspace')).toMatch(/db3:keys=1,/)
    expect(await admin.redis.info('keyspace')).not.toContain('db0')
  })

  test('a command is told so at once', async () => {
    const server = await localRedis()
    const settings = loadConfig({ OPENAI_KEY: 'sk-test', REDIS_PORT: String(server.port), REDIS_DB: '99' }).redis
    const work = withRedis(settings, soon(), (redis) => redis.set('k', 1))
    await expect(work).rejects.toThrow(/^Redis at localhost:\d+ does not answer: REDIS_DB=99 .*out of range/)
  })

  test('a Redis Cluster is refused with a clear line', async () => {
    const server = await localRedis(['--cluster-enabled', 'yes'])
    const { redis, log } = connect(server.port)
    await expect(redisReady(redis, log, soon())).rejects.toThrow('Redis Cluster')
  })
})
