/** The helpers that other tests rely on when they kill, freeze and restart a broker or a Redis. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { Redis } from 'ioredis'
import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'

import type { LocalKafka } from '../support/services.ts'
import { startLocalKafka, startLocalRedis } from '../support/services.ts'

const runs = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function connect(url: string): Redis {
  const redis = new Redis(url, { retryStrategy: () => 50 })
  redis.on('error', () => {}) // It is killed on purpose.
  onTestFinished(() => redis.disconnect())
  return redis
}

describe('a Redis of its own', () => {
  it('keeps data and port over a kill and a restart, and is gone after stop', async () => {
    const server = await startLocalRedis()
    onTestFinished(() => server.stop())
    const redis = connect(server.url)
    await redis.set('key', 'value')
    const { pid, port, dir } = server
    await server.kill('SIGKILL')
    expect(runs(pid)).toBe(false)
    await server.restart()
    expect(server.port).toBe(port)
    expect(await redis.get('key')).toBe('value')
    await server.stop()
    expect(runs(server.pid)).toBe(false)
    expect(existsSync(dir)).toBe(false)
  })

  it('loses its data at a restart when asked to', async () => {
    const server = await startLocalRedis({ persist: false })
    onTestFinished(() => server.stop())
    const redis = connect(server.url)
    await redis.set('key', 'value')
    await server.restart()
    expect(await redis.get('key')).toBeNull()
  })

  it('is ended by a restart even when it is frozen', async () => {
    const server = await startLocalRedis()
    onTestFinished(() => server.stop())
    const { pid } = server
    await server.kill('SIGSTOP')
    await server.restart()
    expect(runs(pid)).toBe(false)
    expect(runs(server.pid)).toBe(true)
  })

  it('tells the last words of one that does not start', async () => {
    await expect(startLocalRedis({ args: ['--no-such-option', 'x'] })).rejects.toThrow(
      /ended before it was ready[^]*no-such-option/,
    )
  })

  it('leaves nothing when its guard was killed by the Ctrl-C that ends the start', async () => {
    // A guard is in this process's group until it runs, so Ctrl-C reaches it when it comes just then: stands in for the first guard.
    const bin = await mkdtemp(join(tmpdir(), 'guard-'))
    await writeFile(join(bin, 'sh'), `#!/bin/sh\nmkdir ${bin}/first && kill -INT $$\nexec /bin/sh "$@"\n`, {
      mode: 0o755,
    })
    vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`)
    const server = await startLocalRedis().finally(() => vi.unstubAllEnvs())
    onTestFinished(() => server.stop())
    expect(existsSync(join(bin, 'first'))).toBe(true)
    await server.stop()
    expect(runs(server.pid)).toBe(false)
    expect(existsSync(server.dir)).toBe(false)
  })

  it('ends, and its directory goes, when the process that started it is killed', async () => {
    const script = `
      import { startLocalRedis } from './test/support/services.ts'
      const { url, dir } = await startLocalRedis()
      console.log(JSON.stringify({ url, dir }))
      setInterval(() => {}, 1000)`
    const starter = execFile(process.execPath, ['--input-type=module-typescript', '--eval', script])
    onTestFinished(() => void starter.kill('SIGKILL'))
    const [line] = (await once(starter.stdout ?? starter, 'data')) as [string]
    const { url, dir } = JSON.parse(line) as { url: string; dir: string }
    // Try to connect, because the process id stays until somebody collects the process, as in a container without an init.
    const redis = connect(url)
    expect([await redis.ping(), existsSync(dir)]).toEqual(['PONG', true])
    starter.kill('SIGKILL')
    await vi.waitUntil(() => redis.status !== 'ready' && !existsSync(dir), { timeout: 20_000, interval: 50 })
    await expect(connect(url).set('key', 'value')).rejects.toThrow(/max retries/i)
  })
})

describe('a Kafka of its own', () => {
  let server: LocalKafka
  async function admin() {
    const client = new Kafka({ brokers: server.brokers, logLevel: logLevel.NOTHING }).admin()
    onTestFinished(() => client.disconnect())
    await client.connect()
    return client
  }
  beforeAll(async () => {
    server = await startLocalKafka({ properties: { 'message.max.bytes': '2000' } })
  }, 180_000)
  afterAll(() => server.stop())

  it('has the properties it was given', async () => {
    const client = await admin()
    const { resources } = await client.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.BROKER, name: '1', configNames: ['message.max.bytes'] }],
    })
    expect(resources[0]?.configEntries[0]?.configValue).toBe('2000')
  })

  it('keeps topics and port over a kill and a restart', { timeout: 180_000 }, async () => {
    // kafkajs as it is waits for leaders only of topics that the broker has heard of.
    await (await admin()).createTopics({ topics: [{ topic: 'kept' }], waitForLeaders: false })
    const { pid, port } = server
    await server.kill('SIGKILL')
    expect(runs(pid)).toBe(false)
    await server.restart()
    expect(server.port).toBe(port)
    expect(await (await admin()).listTopics()).toContain('kept')
  })
})
