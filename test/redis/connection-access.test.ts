/** A Redis that does not let us in. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { withRedis } from '../../src/cli/connections.ts'
import { loadConfig } from '../../src/config.ts'
import { redisReady } from '../../src/redis/connection.ts'
import { waitUntil } from '../support/wait.ts'
import { soon } from './fleet.ts'
import { connect, localRedis } from './connections.ts'

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
      const leaving = new AbortController()
      const write = retryWhileAway('a write', () => redis.set('k', 1), leaving.signal)
      await waitUntil(
        () => said('warn').length > 0,
        20_000,
        () => 'nothing is said',
      )
      // Long enough for it to try again, and to say it again.
      await sleep(2_500)
      leaving.abort(new Error('the test is over'))
      await expect(write).rejects.toThrow('the test is over')
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
