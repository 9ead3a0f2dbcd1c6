/** The example's three ways into Kafka; `mockBus` does without it. */
import { randomUUID } from 'node:crypto'
import type { KafkaMessage } from 'kafkajs'
import type { Config } from '../../src/config.ts'
import type { KafkaClients } from '../../src/kafka/clients.ts'
import type { Notification, ProcessingRecord, Request } from '../../src/schemas.ts'
import {
  encodeRequest,
  NOTIFICATION_KEY,
  parseNotification,
  parseRecord,
  RECORD_KEY,
  REQUEST_KEY,
} from '../../src/schemas.ts'

export interface Bus {
  /** Resolves when the request is acknowledged. */
  publish(request: Request): Promise<void>
  close(): Promise<void>
}

export interface Listeners {
  onNotification: (told: Notification) => void
  onRecord: (record: ProcessingRecord) => void
  /** Told of a message that breaks the contract and is skipped: another attempt would not mend it. */
  onBroken: (topic: string) => void
}

/**
 * A listener that throws is called again with the same message: an offset is committed after its message was dealt with.
 * @param clients whose consumers read committed; see src/kafka/clients.ts
 */
export async function kafkaBus(
  clients: KafkaClients,
  { topics }: Pick<Config['kafka'], 'topics'>,
  groupPrefix: string,
  listeners: Listeners,
): Promise<Bus> {
  // Sends without a transaction: one sent twice is a duplicate to the worker.
  const producer = clients.producer(`${groupPrefix}.gateway.${randomUUID()}`)
  await producer.connect()
  const [notifier, storage] = await Promise.all([
    consume(clients, `${groupPrefix}.notifier`, topics.notifications, async ({ key, value }) => {
      if (key?.toString() === NOTIFICATION_KEY)
        deal(topics.notifications, value, parseNotification, listeners.onNotification)
    }),
    consume(clients, `${groupPrefix}.storage`, topics.records, async ({ key, value }) => {
      if (key?.toString() === RECORD_KEY) deal(topics.records, value, parseRecord, listeners.onRecord)
    }),
  ])
  function deal<T>(topic: string, value: Buffer | null, parse: (value: Buffer) => T, listener: (parsed: T) => void) {
    const parsed = attempt(() => parse(value ?? Buffer.alloc(0)))
    if (parsed === null) listeners.onBroken(topic)
    else listener(parsed)
  }
  return {
    publish: async (request) => {
      await producer.send({ topic: topics.requests, messages: [{ key: REQUEST_KEY, value: encodeRequest(request) }] })
    },
    close: async () => void (await Promise.all([producer, notifier, storage].map((client) => client.disconnect()))),
  }
}

function attempt<T>(parse: () => T): T | null {
  try {
    return parse()
  } catch {
    return null
  }
}

async function consume(
  clients: KafkaClients,
  groupId: string,
  topic: string,
  onMessage: (message: KafkaMessage) => Promise<void>,
) {
  const consumer = clients.consumer({ groupId, maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ eachMessage: ({ message }) => onMessage(message) })
  return consumer
}

const MOCK_LATENCY_MS = 300

/** No Kafka, no worker, no key: answers every request by itself. A resume with `[refuse]` or `[fail]` gets that. */
export function mockBus({ onNotification, onRecord }: Omit<Listeners, 'onBroken'>): Bus {
  const timers = new Set<NodeJS.Timeout>()
  const answer = (request: Request) => {
    const { requirements: _requirements, resume, ...address } = request
    const refused = resume.includes('[refuse]')
    if (refused || resume.includes('[fail]')) {
      const message = refused ? 'Лимит запросов к модели исчерпан.' : 'Модель отказалась оценивать это резюме.'
      onNotification({ success: false, response: address, message_error: message, wait_seconds: refused ? 60 : null })
      return
    }
    const score = { score: 50, matches: [], recommendation: 'Пример ответа без модели.', verdict: 'Подходит' as const }
    const { callback_url: _url, ...ids } = address
    onRecord({ ...score, ...ids })
    onNotification({ success: true, response: { ...score, ...address }, message_error: null, wait_seconds: null })
  }
  return {
    publish: async (request) => {
      const timer = setTimeout(() => {
        timers.delete(timer)
        answer(request)
      }, MOCK_LATENCY_MS)
      timers.add(timer)
    },
    close: async () => timers.forEach((timer) => clearTimeout(timer)),
  }
}
