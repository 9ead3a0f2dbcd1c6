import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { withRedis } from '../../src/cli/connections.ts'
import type { Config } from '../../src/config.ts'
import { loadConfig } from '../../src/config.ts'
import { connectRedis, redisReady } from '../../src/redis/connection.ts'
import { makeCertificate } from '../support/certificate.ts'
import type { LocalRedis } from '../support/services.ts'
import { startLocalRedis } from '../support/services.ts'
import { waitUntil } from '../support/wait.ts'
import { memoryLog, soon } from './fleet.ts'

let dir: string
let server: LocalRedis
let plain: Partial<Config['redis']>
/** The port of a server that wants TLS and closes the connection where there is none. */
let mute: number
const releases: (() => unknown)[] = []
const file = (name: string) => join(dir, name)
const tls = (caFile: string | null, own = { certFile: null, keyFile: null }) => ({ caFile, ...own })

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'redis-tls-'))
  for (const name of ['right', 'other']) {
    const { key, cert } = makeCertificate(['localhost'])
    await writeFile(file(`${name}.key`), key)
    await writeFile(file(`${name}.crt`), cert)
  }
  server = await startLocalRedis({
    tls: { certFile: file('right.crt'), keyFile: file('right.key'), caFile: file('right.crt') },
    args: ['--user', 'worker', 'on', '>secret-1', '~*', '&*', '+@all'],
  })
  const { hostname: host, port } = new URL(inject('redisUrl'))
  plain = { host, port: Number(port) }
  const [key, cert] = [await readFile(file('right.key')), await readFile(file('right.crt'))]
  const hangingUp = createServer({ key, cert }).on('tlsClientError', () => {})
  hangingUp.listen(0)
  await once(hangingUp, 'listening')
  mute = (hangingUp.address() as AddressInfo).port
  releases.push(() => hangingUp.close())
})
afterAll(async () => {
  for (const release of releases) await release()
  await server.stop()
  await rm(dir, { recursive: true })
})

function connect(also: Partial<Config['redis']>) {
  const log = memoryLog()
  const place = {
    host: 'localhost',
    port: server.port,
    username: null,
    password: null,
    db: 0,
    keyPrefix: '',
    sentinel: null,
  }
  const redis = connectRedis({ ...place, tls: tls(file('right.crt')), ...also }, log)
  const reason = async () => {
    await waitUntil(
      () => log.lines.some(({ level }) => level === 'warn'),
      10_000,
      () => 'nothing is said',
    )
    return String(log.lines.find(({ level }) => level === 'warn')?.fields['reason'])
  }
  return { redis, log, reason }
}

test('TLS with a CA file of its own, as a user with a password', async () => {
  const { redis, log } = connect({ username: 'worker', password: 'secret-1' })
  try {
    await redisReady(redis, log, soon())
    expect(await redis.acl('WHOAMI')).toBe('worker')
  } finally {
    redis.disconnect()
  }
})

test.each([
  ['a certificate of another authority', () => ({ tls: tls(file('other.crt')) }), /certificate/],
  ['a certificate that no known authority signed', () => ({ tls: tls(null) }), /certificate/],
  ['no TLS', () => ({ tls: null }), /check REDIS_TLS: it is off/],
  ['TLS where there is none', () => plain, /check REDIS_TLS: it is on/],
  ['no TLS where the server hangs up without a word', () => ({ port: mute, tls: null }), /check REDIS_TLS: it is off/],
])('%s: one line that says so, and no connection', async (_name, settings, expected) => {
  const { redis, log, reason } = connect(settings())
  try {
    expect(await reason()).toMatch(expected)
    await expect(redisReady(redis, log, AbortSignal.timeout(1_500))).rejects.toThrow('timeout')
    expect(log.lines.filter(({ level }) => level === 'warn').length).toBeLessThan(3)
  } finally {
    redis.disconnect()
  }
})

test('a command is told which setting to look at, where TLS is on and the server does not speak it', async () => {
  const { redis } = loadConfig({ OPENAI_KEY: 'sk-test', REDIS_TLS: 'on' })
  const work = withRedis({ ...redis, ...plain }, soon(), (client) => client.ping())
  await expect(work).rejects.toThrow(/^Redis at \S+ does not answer: .*check REDIS_TLS: it is on/)
})

test('a CA file that cannot be read is named by its setting', () => {
  expect(() => connect({ tls: tls(file('missing.crt')) })).toThrow('REDIS_TLS_CA_FILE')
})
