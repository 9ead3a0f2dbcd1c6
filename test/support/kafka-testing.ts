/** Topics, messages and readers for tests of the Kafka layer; everything is named uniquely and removed by `close`. */
import '../../src/kafka/mended.ts'
import { randomUUID } from 'node:crypto'
import type { FetchOffsetsPartition, IHeaders } from 'kafkajs'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { openSocket } from '../../src/kafka/addresses.ts'
import type { KafkaClients } from '../../src/kafka/clients.ts'
import { createKafkaClients } from '../../src/kafka/clients.ts'
import type { Log, LogFields } from '../../src/logging/log.ts'
import { waitUntil } from './wait.ts'
import { TOPICS_LIMIT_MS } from './world.ts'

const WAIT_LIMIT_MS = 90_000

export interface LogLine {
  level: string
  message: string
  fields: LogFields
}

/** A log that keeps its lines. */
export function keepingLog(): Log & { lines: LogLine[] } {
  const lines: LogLine[] = []
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}) => {
      lines.push({ level, message, fields })
    }
  return { lines, error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') }
}

/** Waits until `check` holds; tests share two cores with much else, so the limit is generous. */
export const until = (what: string, check: () => boolean | Promise<boolean>, limitMs = WAIT_LIMIT_MS): Promise<void> =>
  waitUntil(check, limitMs, () => `not yet: ${what}`)

export interface Published {
  topic: string
  partition: number
  offset: bigint
  key: string | null
  value: string | null
  headers: IHeaders
}

/** A group, an input topic and two output topics of a test's own. Long, because it is a list of short helpers. */
export async function kafkaWorld(brokers: string[], { partitions = 1 } = {}) {
  const id = randomUUID().slice(0, 8)
  const names = { group: `g.${id}`, requests: `in.${id}`, out: `out.${id}`, records: `rec.${id}` }
  const log = keepingLog()
  const clients: KafkaClients = createKafkaClients({ brokers, tls: null, sasl: null }, log)
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING, socketFactory: openSocket })
  const admin = kafka.admin()
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await admin.connect()
  await producer.connect()
  const topic = (name: string, numPartitions: number, settings: Record<string, string> = {}) => ({
    topic: name,
    numPartitions,
    configEntries: Object.entries(settings).map(([key, value]) => ({ name: key, value })),
  })
  await admin.createTopics({
    timeout: TOPICS_LIMIT_MS,
    topics: [topic(names.requests, partitions), topic(names.out, 1), topic(names.records, 1)],
    waitForLeaders: true,
  })

  const closers: (() => Promise<unknown>)[] = [
    () => clients.close(),
    () => admin.disconnect(),
    removeTopics,
    () => producer.disconnect(),
  ]

  /** Waits while a broker that has just started does not know yet that it coordinates the group, or still loads it. */
  async function fetchOffsets(): Promise<FetchOffsetsPartition[]> {
    let found: FetchOffsetsPartition[] = []
    const isFound = () =>
      admin.fetchOffsets({ groupId: names.group, topics: [names.requests] }).then(
        ([answer]) => {
          found = answer?.partitions ?? []
          return true
        },
        (error: Error & { retriable?: boolean }) => {
          if (error.retriable !== true) throw error
          return false
        },
      )
    await until('the group is loaded', isFound)
    return found
  }

  async function removeTopics(): Promise<void> {
    const topics = (await admin.listTopics()).filter((each) => each.endsWith(id))
    await admin.deleteTopics({ topics, timeout: TOPICS_LIMIT_MS })
  }

  return {
    ...names,
    id,
    brokers,
    log,
    /** Adds what `close` calls, last in, first out. */
    onClose: (closer: () => Promise<unknown>) => void closers.push(closer),
    clients,
    kafka,
    admin,
    /** Sends to a topic that the test has made, with the requests' key. */
    async sendTo(topic: string, messages: { value: string; partition: number }[]): Promise<void> {
      const acknowledged = await producer.send({
        topic,
        messages: messages.map((each) => ({ key: 'new_request', ...each })),
      })
      // kafkajs drops what is for a partition that it has not heard of yet, and resolves.
      if (acknowledged.length === 0) throw new Error('kafkajs knows no such partition yet')
    },
    async send(values: string[], partition = 0): Promise<void> {
      const messages = values.map((value) => ({ key: 'new_request', value, partition }))
      await producer.send({ topic: names.requests, messages })
    },
    /** Sends messages with timestamps of their own. */
    async sendAt(messages: { value: string; timestampMs: number }[]): Promise<void> {
      const aged = messages.map(({ value, timestampMs }) => ({
        key: 'new_request',
        value,
        timestamp: `${timestampMs}`,
      }))
      for (const message of aged) await producer.send({ topic: names.requests, messages: [message] })
    },
    createTopic: (name: string, settings: Record<string, string> = {}) =>
      admin.createTopics({
        topics: [topic(name, 1, settings)],
        timeout: TOPICS_LIMIT_MS,
        waitForLeaders: true,
      }),
    /** All that a read-committed consumer sees, from the first message on; it goes on reading until `stop`. */
    async read(topics: string[] = [names.out, names.records]) {
      const reader = await readCommittedFrom(kafka, id, topics)
      closers.push(reader.stop)
      return reader
    },
    async committed(): Promise<{ offset: bigint; metadata: string }[]> {
      return (await fetchOffsets())
        .toSorted((a, b) => a.partition - b.partition)
        .map(({ offset, metadata }) => ({ offset: BigInt(offset), metadata: metadata ?? '' }))
    },
    async close(): Promise<void> {
      for (const closer of closers.toReversed()) await closer()
    },
  }
}

export type KafkaWorld = Awaited<ReturnType<typeof kafkaWorld>>

async function readCommittedFrom(kafka: Kafka, id: string, topics: string[]) {
  const seen: Published[] = []
  /** The places that were read: the reader starts again at its first message when a test takes the broker away. */
  const known = new Set<string>()
  const consumer = kafka.consumer({ groupId: `reader.${randomUUID().slice(0, 8)}.${id}`, maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topics, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachMessage: ({ topic, partition, message }) => {
      const { offset, key, value, headers = {} } = message
      const place = `${topic}/${partition}/${offset}`
      if (known.has(place)) return Promise.resolve()
      known.add(place)
      const text = (bytes: Buffer | null) => bytes?.toString() ?? null
      seen.push({ topic, partition, offset: BigInt(offset), key: text(key), value: text(value), headers })
      return Promise.resolve()
    },
  })
  const valuesOf = (topic: string) => seen.filter((each) => each.topic === topic).map(({ value }) => value ?? '')
  return { seen, valuesOf, stop: () => consumer.disconnect() }
}
