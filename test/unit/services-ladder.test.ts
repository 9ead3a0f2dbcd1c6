import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { describe, expect, it, onTestFinished } from 'vitest'

import { getServices, NoServices, withTestEnv } from '../../tools/services/ladder.ts'
import type { Rung, RungContext, Services } from '../../tools/services/services.ts'

const services = (rung: Rung): Services => ({
  rung,
  kafkaBrokers: ['kafka:9092'],
  redisUrl: 'redis://user:secret@redis:6379',
  env: {},
  stop: async () => {},
})

/** A ladder whose rungs are `there`, `broken`, or absent for the reason that stands instead. */
function ladder(rungs: Record<Rung, string>, env: Record<string, string> = {}, ports?: RungContext['ports']) {
  const said: string[] = []
  const rung = (name: Rung) => async () => {
    if (rungs[name] === 'broken') throw new Error('cannot be pulled')
    return rungs[name] === 'there' ? services(name) : rungs[name]
  }
  const context = { env, say: (line: string) => said.push(line), signal: AbortSignal.timeout(60_000), ports }
  const result = getServices(context, { given: rung('given'), containers: rung('containers'), local: rung('local') })
  return { result, said }
}

describe('the ladder', () => {
  it('takes the first rung that is there and says which, without the login', async () => {
    const { result, said } = ladder({ given: 'not set', containers: 'there', local: 'there' })
    expect((await result).rung).toBe('containers')
    expect(said).toEqual(['services: containers (Kafka at kafka:9092, Redis at redis:6379)'])
  })

  it('takes a forced rung although an earlier one is there', async () => {
    const { result } = ladder({ given: 'there', containers: 'there', local: 'there' }, { TEST_SERVICES: 'local' })
    expect((await result).rung).toBe('local')
  })

  it('never falls through from a forced rung', async () => {
    const { result } = ladder(
      { given: 'there', containers: 'no runtime', local: 'there' },
      { TEST_SERVICES: 'containers' },
    )
    await expect(result).rejects.toThrow(/containers: no runtime/)
  })

  describe('of a command that starts services at fixed ports', () => {
    const ports = { kafka: 1, redis: 2 }

    it('starts them although others are given', async () => {
      const { result } = ladder({ given: 'there', containers: 'no runtime', local: 'there' }, {}, ports)
      expect((await result).rung).toBe('local')
    })

    it('does not advise to give addresses, which it would not heed', async () => {
      const { result } = ladder({ given: 'not set', containers: 'no runtime', local: 'missing: Java' }, {}, ports)
      await expect(result).rejects.toThrow(/start Docker, or install Java/)
      await expect(result).rejects.not.toThrow(/KAFKA_BOOTSTRAP_SERVERS/)
    })

    it('says that it cannot be made to use given ones', async () => {
      const { result } = ladder(
        { given: 'there', containers: 'there', local: 'there' },
        { TEST_SERVICES: 'given' },
        ports,
      )
      await expect(result).rejects.toThrow(/unset TEST_SERVICES=given/)
    })
  })

  it('does not hide a rung that is there and fails behind the next one', async () => {
    const { result } = ladder({ given: 'not set', containers: 'broken', local: 'there' })
    await expect(result).rejects.toThrow('cannot be pulled')
  })

  it('says in one line what to do, and of every rung why it is not there', async () => {
    const { result } = ladder({ given: 'not set', containers: 'no runtime', local: 'missing: Maven (mvn)' })
    await expect(result).rejects.toThrow(NoServices)
    await expect(result).rejects.toThrow(
      /^no Kafka and Redis here: set KAFKA_\S+ and REDIS_HOST, or start Docker, or install Java 17 and Maven .*\(given: not set; containers: no runtime; local: missing: Maven \(mvn\)\)$/,
    )
  })

  it('refuses a rung that it does not know', async () => {
    const { result } = ladder({ given: 'there', containers: 'there', local: 'there' }, { TEST_SERVICES: 'toString' })
    await expect(result).rejects.toThrow('TEST_SERVICES must be one of auto, given, containers, local')
  })
})

describe('the given rung', () => {
  async function listen(): Promise<number> {
    const server = createServer((socket) => socket.end())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    return (server.address() as AddressInfo).port
  }
  const given = (env: Record<string, string>, signal = AbortSignal.timeout(30_000)) =>
    getServices({ env: { TEST_SERVICES: 'given', ...env }, say: () => {}, signal })

  it('leads to the given addresses with the login, and stops nothing', async () => {
    const [kafka, redis] = [await listen(), await listen()]
    const env = {
      KAFKA_BOOTSTRAP_SERVERS: `127.0.0.1:${kafka}`,
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: String(redis),
      REDIS_PASSWORD: 'p@ss',
      REDIS_DB: '3',
    }
    const found = await given({ ...env, KAFKA_GROUP_ID: 'production', REDIS_KEY_PREFIX: 'production' })
    expect(found.kafkaBrokers).toEqual([`127.0.0.1:${kafka}`])
    expect(found.redisUrl).toBe(`redis://:p%40ss@127.0.0.1:${redis}/3`)
    expect(found.env).toEqual(env)
    await found.stop()
    await expect(given(env)).resolves.toMatchObject({ rung: 'given' })
  })

  it('is not there when only one of the two addresses is set', async () => {
    await expect(given({ REDIS_HOST: 'localhost' })).rejects.toThrow(/given: KAFKA_BOOTSTRAP_SERVERS and REDIS_HOST/)
  })

  it('gives up waiting for an address where nobody answers when its caller does', async () => {
    const closed = { KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:1', REDIS_HOST: '127.0.0.1', REDIS_PORT: '1' }
    await expect(given(closed, AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped')
  })
})

describe('.test.env', () => {
  it('stands under the environment, and need not be there', () => {
    const dir = mkdtempSync(join(tmpdir(), 'test-env-'))
    onTestFinished(() => rmSync(dir, { recursive: true }))
    const file = join(dir, '.test.env')
    expect(withTestEnv({ REDIS_HOST: 'mine' }, file)).toEqual({ REDIS_HOST: 'mine' })
    writeFileSync(file, 'REDIS_HOST=filed\nTEST_SERVICES=given\n')
    expect(withTestEnv({ REDIS_HOST: 'mine' }, file)).toEqual({ REDIS_HOST: 'mine', TEST_SERVICES: 'given' })
  })

  it.each(['tools/demo/main.ts', 'examples/loop/main.ts'])('is read by %s', (main) => {
    const cwd = mkdtempSync(join(tmpdir(), 'test-env-'))
    onTestFinished(() => rmSync(cwd, { recursive: true }))
    writeFileSync(join(cwd, '.test.env'), 'TEST_SERVICES=nonsense\n')
    // Without a PATH no rung could start anything.
    const options = { cwd, env: { PATH: '', TMPDIR: cwd, HOME: cwd }, encoding: 'utf8', timeout: 30_000 } as const
    const { status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, '../..', main)], options)
    expect(stderr).toContain('TEST_SERVICES must be one of auto, given, containers, local')
    expect(status).toBe(1)
  })
})
