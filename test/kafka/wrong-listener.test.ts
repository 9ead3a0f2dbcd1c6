/** What the log says when KAFKA_BOOTSTRAP_SERVERS leads to something that is not Kafka, or to a listener with the wrong kind of TLS. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:tls'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { withKafka } from '../../src/cli/connections.ts'
import { loadConfig } from '../../src/config.ts'
import { createKafkaClients } from '../../src/kafka/clients.ts'
import { ensureTopics } from '../../src/kafka/topics.ts'
import { makeCertificate } from '../support/certificate.ts'
import { keepingLog } from '../support/kafka-testing.ts'
import { waitUntil } from '../support/wait.ts'

const encrypted = createServer(makeCertificate(['localhost'])).on('tlsClientError', () => {})
beforeAll(async () => {
  encrypted.listen(0)
  await once(encrypted, 'listening')
})
afterAll(() => encrypted.close())

const redis = () => {
  const { hostname, port } = new URL(inject('redisUrl'))
  return `${hostname}:${port}`
}
const PLACES = {
  'a Kafka without TLS, with KAFKA_TLS on': { tls: 'on', broker: () => inject('kafkaBrokers')[0] ?? '' },
  'a server with TLS, with KAFKA_TLS off': {
    tls: 'off',
    broker: () => `localhost:${(encrypted.address() as AddressInfo).port}`,
  },
  'a Redis': { tls: 'off', broker: redis },
  'a Redis, with KAFKA_TLS on': { tls: 'on', broker: redis },
}

test.concurrent.each(Object.entries(PLACES))(
  '%s: within half a minute one line of the worker, and the error of a command, name the setting',
  async (_name, { tls, broker }) => {
    const { kafka } = loadConfig({ OPENAI_KEY: 'sk-test', KAFKA_BOOTSTRAP_SERVERS: broker(), KAFKA_TLS: tls })
    const log = keepingLog()
    const clients = createKafkaClients(kafka, log)
    const stop = new AbortController()
    const topics = ensureTopics(clients, kafka, log, stop.signal).catch((error: Error) => error.message)
    const away = () => log.lines.filter(({ message }) => message.startsWith('Kafka is away'))
    const command = withKafka(
      kafka,
      () => {},
      (own) => own.withAdmin((admin) => admin.listTopics()),
    )
    await expect(command).rejects.toThrow(new RegExp(`^Kafka at ${broker()}: .*\\(check .*KAFKA_TLS`))
    await waitUntil(
      () => away().length > 0,
      30_000,
      () => `it says ${JSON.stringify(log.lines)}`,
    )
    expect(away().map(({ fields }) => fields['check'])).toEqual([expect.stringContaining('KAFKA_TLS')])
    stop.abort(new Error('stop'))
    expect(await topics).toBe('stop')
    await clients.close()
  },
  180_000,
)
