import { randomUUID } from 'node:crypto'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { KafkaClients } from '../../src/kafka/clients.ts'
import { createKafkaClients } from '../../src/kafka/clients.ts'
import { readKafkaFacts } from '../../src/kafka/facts.ts'
import { startLocalKafka } from '../support/services.ts'
import { keepingLog } from '../support/kafka-testing.ts'

const tag = `preflight.${randomUUID().slice(0, 8)}`
const topics = { compacted: `${tag}.compacted`, short: `${tag}.short`, endless: `${tag}.endless` }
const soon = () => AbortSignal.timeout(55_000)
const admin = new Kafka({ brokers: inject('kafkaBrokers'), logLevel: logLevel.NOTHING }).admin()
let clients: KafkaClients

beforeAll(async () => {
  clients = createKafkaClients({ brokers: inject('kafkaBrokers'), tls: null, sasl: null }, keepingLog())
  await admin.connect()
  const topic = (name: string, settings: Record<string, string>) => ({
    topic: name,
    configEntries: Object.entries(settings).map(([key, value]) => ({ name: key, value })),
  })
  await admin.createTopics({
    topics: [
      topic(topics.compacted, { 'cleanup.policy': 'compact' }),
      topic(topics.short, { 'retention.ms': '60000' }),
      topic(topics.endless, { 'retention.ms': '-1' }),
    ],
  })
})
afterAll(async () => {
  await clients.close()
  await admin.deleteTopics({ topics: Object.values(topics) })
  await admin.disconnect()
})

test("the topics' settings are read, and a transaction is tried", async () => {
  const missing = `${tag}.missing`
  expect(await readKafkaFacts(clients, tag, [...Object.values(topics), missing], soon())).toEqual({
    topics: [
      { topic: topics.compacted, cleanupPolicy: 'compact', retentionMs: expect.any(Number) as number },
      { topic: topics.short, cleanupPolicy: 'delete', retentionMs: 60_000 },
      { topic: topics.endless, cleanupPolicy: 'delete', retentionMs: Infinity },
      { topic: missing, cleanupPolicy: null, retentionMs: null },
    ],
    noTransactions: null,
  })
})

test('workers that look at the same moment do not take each other for trouble', async () => {
  const looks = [1, 2, 3].map(() => readKafkaFacts(clients, tag, [], soon()))
  expect((await Promise.all(looks)).map(({ noTransactions }) => noTransactions)).toEqual([null, null, null])
})

test('a broker whose transactions want more replicas than there are brokers is found out', async () => {
  const kafka = await startLocalKafka({ properties: { 'transaction.state.log.replication.factor': '3' } })
  const alone = createKafkaClients({ brokers: kafka.brokers, tls: null, sasl: null }, keepingLog())
  try {
    const { noTransactions } = await readKafkaFacts(alone, tag, [], soon(), 0)
    expect(noTransactions).toMatch(/coordinator|took longer/i)
  } finally {
    await alone.close()
    await kafka.stop()
  }
})
