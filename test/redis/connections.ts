/** Connections to the shared Redis, to one of a test's own, and through a proxy. */
import { randomUUID } from 'node:crypto'
import { afterEach, inject } from 'vitest'
import type { Config } from '../../src/config.ts'
import { connectRedis, redisReady } from '../../src/redis/connection.ts'
import { createRetryWhileAway } from '../../src/redis/retry.ts'
import { startLocalRedis } from '../support/services.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { memoryLog, soon } from './fleet.ts'

export const releases: (() => unknown)[] = []
afterEach(async () => {
  for (const release of releases.splice(0).toReversed()) await release()
})

export function connect(port: number, also: Partial<Config['redis']> = {}) {
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

export async function localRedis(args: string[] = []) {
  const server = await startLocalRedis({ args })
  releases.push(() => server.stop())
  return server
}

export const shared = () => {
  const { hostname: host, port } = new URL(inject('redisUrl'))
  return { host, port: Number(port) }
}
export const connectShared = () => connect(shared().port, { host: shared().host })

export async function proxied() {
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
