/** A worker on services as cloud providers run them: certificates on both ends, and tokens for Kafka that expire while it works. */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { withKafka, withRedis } from '../../src/cli/connections.ts'
import { loadConfig } from '../../src/config.ts'
import { makeCertificate } from '../support/certificate.ts'
import { runCommand } from '../support/command.ts'
import type { LocalKafka, LocalRedis } from '../support/services.ts'
import { startLocalKafka, startLocalRedis } from '../support/services.ts'
import type { TokenServer } from '../support/token-server.ts'
import { startTokenServer } from '../support/token-server.ts'
import { countById, request } from '../support/world.ts'
import { world, worldOfTheFile } from '../support/worlds.ts'

const CLIENT = { clientId: 'scoring worker', clientSecret: 'client-s3cret/+%' }
/** kafkajs renews a login 10 s before its token ends. */
const TOKEN_SECONDS = 14

let dir: string
let tokens: TokenServer
let kafka: LocalKafka
let redis: LocalRedis
const file = (name: string) => join(dir, name)

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'managed-'))
  for (const name of ['server', 'worker', 'stranger']) {
    const { key, cert } = makeCertificate(['localhost'])
    await writeFile(file(`${name}.crt`), cert)
    await writeFile(file(`${name}.key`), key)
    await writeFile(file(`${name}.pem`), key + cert)
  }
  tokens = await startTokenServer({ ...CLIENT, audience: 'kafka', lifeSeconds: TOKEN_SECONDS })
  const mechanism = 'listener.name.client.oauthbearer'
  ;[kafka, redis] = await Promise.all([
    startLocalKafka({
      jvm: [`-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=${tokens.jwksUrl}`],
      properties: {
        'listener.security.protocol.map': 'CLIENT:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT',
        'ssl.keystore.type': 'PEM',
        'ssl.keystore.location': file('server.pem'),
        'ssl.truststore.type': 'PEM',
        'ssl.truststore.location': file('worker.crt'),
        'listener.name.client.ssl.client.auth': 'required',
        'listener.name.client.sasl.enabled.mechanisms': 'OAUTHBEARER',
        [`${mechanism}.sasl.jaas.config`]:
          'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;',
        [`${mechanism}.sasl.server.callback.handler.class`]:
          'org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler',
        [`${mechanism}.sasl.oauthbearer.jwks.endpoint.url`]: tokens.jwksUrl,
        [`${mechanism}.sasl.oauthbearer.expected.audience`]: 'kafka',
        // A session ends with its token, and the broker closes it.
        [`${mechanism}.connections.max.reauth.ms`]: '3600000',
      },
    }),
    startLocalRedis({
      tls: { certFile: file('server.crt'), keyFile: file('server.key'), caFile: file('worker.crt'), askClients: true },
    }),
  ])
}, 180_000)
afterAll(async () => {
  await Promise.all([kafka.stop(), redis.stop(), tokens.stop()])
  await rm(dir, { recursive: true })
})
worldOfTheFile(() => ({
  kafkaBrokers: kafka.insideBrokers,
  redisUrl: `rediss://localhost:${redis.port}`,
  redisTls: { ca: read('server.crt'), cert: read('worker.crt'), key: read('worker.key') },
}))

const read = (name: string) => readFileSync(file(name))

const settings = (): Record<string, string> => ({
  KAFKA_BOOTSTRAP_SERVERS: kafka.brokers.join(','),
  KAFKA_TLS: 'on',
  KAFKA_TLS_CA_FILE: file('server.crt'),
  KAFKA_TLS_CERT_FILE: file('worker.crt'),
  KAFKA_TLS_KEY_FILE: file('worker.key'),
  KAFKA_SASL_MECHANISM: 'oauthbearer',
  KAFKA_OAUTH_TOKEN_URL: tokens.tokenUrl,
  KAFKA_OAUTH_CLIENT_ID: CLIENT.clientId,
  KAFKA_OAUTH_CLIENT_SECRET: CLIENT.clientSecret,
  KAFKA_OAUTH_SCOPE: 'kafka',
  REDIS_HOST: 'localhost',
  REDIS_PORT: String(redis.port),
  REDIS_TLS: 'on',
  REDIS_TLS_CA_FILE: file('server.crt'),
  REDIS_TLS_CERT_FILE: file('worker.crt'),
  REDIS_TLS_KEY_FILE: file('worker.key'),
})

test('a worker goes on while its tokens expire, and while none are to be had; nothing is doubled, no secret is shown', async () => {
  const worker = world.start({ ...settings(), LOG_LEVEL: 'debug' })
  const ids: number[] = []
  const sendUntil = async (isEnough: () => boolean) => {
    for (let since = Date.now(); !isEnough() && Date.now() - since < 60_000; await sleep(500)) {
      ids.push(ids.length + 1)
      await world.send([request(ids.length)])
    }
  }
  await sendUntil(() => tokens.issued() >= 3)
  expect(tokens.issued()).toBeGreaterThanOrEqual(3)
  await world.answered(ids)
  // On a busy machine other things are warned of, and kafkajs tries a login again that it interrupted itself.
  const refused = /no token|authentication failed|Closed connection/
  expect(worker.lines.filter((line) => / (WARN|ERROR) /.test(line) && refused.test(line))).toEqual([])

  tokens.setAway(true)
  await worker.saw('there is no token for Kafka', 60_000)
  tokens.setAway(false)
  await sendUntil(() => worker.lines.some((line) => line.includes('there are tokens for Kafka again')))
  await world.answered(ids)
  expect(new Set(countById(world.seenNotifications()).values())).toEqual(new Set([1]))
  expect(new Set(countById(world.seenRecords()).values())).toEqual(new Set([1]))
  expect(await worker.end()).toBe(0)
  expect(worker.lines.join('\n')).not.toMatch(/client-s3cret|eyJ|Basic (?!\*)/)
}, 180_000)

test('an operator comes in the same way', async () => {
  const { code, out, err } = await runCommand({ ...world.env, ...settings() }, 'status')
  expect(`${code} ${err}`).toBe('0 ')
  expect(out).toMatch(/workers/)
})

/** The settings of an operator's command. */
const configOf = (wrong: Record<string, string>) => loadConfig({ ...settings(), ...wrong }, { needsKey: false })

test.each<[string, () => Record<string, string>, RegExp]>([
  [
    'no certificate of its own',
    () => ({ KAFKA_TLS_CERT_FILE: '', KAFKA_TLS_KEY_FILE: '' }),
    /(certificate required|bad certificate)[^]*KAFKA_TLS_CERT_FILE/,
  ],
  [
    'the wrong secret',
    () => ({ KAFKA_OAUTH_CLIENT_SECRET: 'wrong-s3cret' }),
    /no token.* 401, invalid_client, the secret \*\*\* is not that .*check KAFKA_OAUTH_TOKEN_URL/,
  ],
  ['a scope that is not granted', () => ({ KAFKA_OAUTH_SCOPE: 'other' }), /no token.*invalid_scope/],
  [
    'no token endpoint there',
    () => ({ KAFKA_OAUTH_TOKEN_URL: 'http://127.0.0.1:1/token' }),
    /no token.*KAFKA_OAUTH_TOKEN_URL/,
  ],
])('Kafka with %s: a command says so', async (_name, wrong, says) => {
  const work = withKafka(
    configOf(wrong()).kafka,
    () => {},
    (clients) => clients.withAdmin((admin) => admin.listTopics()),
  )
  const error: unknown = await work.catch((each: unknown) => each)
  expect(String(error)).toMatch(says)
  expect(String(error)).not.toContain('s3cret')
})

test.each<[string, () => Record<string, string>]>([
  ['no certificate of its own', () => ({ REDIS_TLS_CERT_FILE: '', REDIS_TLS_KEY_FILE: '' })],
  [
    'a certificate that it does not know',
    () => ({ REDIS_TLS_CERT_FILE: file('stranger.crt'), REDIS_TLS_KEY_FILE: file('stranger.key') }),
  ],
])('Redis with %s: a command says so', async (_name, wrong) => {
  const work = withRedis(configOf(wrong()).redis, AbortSignal.timeout(30_000), (redis) => redis.ping())
  await expect(work).rejects.toThrow(/REDIS_TLS_CERT_FILE/)
})
