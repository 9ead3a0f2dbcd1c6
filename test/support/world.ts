/** What one test has for itself: topics, group and key prefix on the shared services, a model server, an observer. */
import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import type { Admin, Message, Producer } from 'kafkajs'
import kafkajs from 'kafkajs'
import type { Seen } from './topic-reader.ts'
import { readTopics } from './topic-reader.ts'
import { waitUntil } from './wait.ts'
import type { Worker } from './worker.ts'
import { startWorker } from './worker.ts'

const { Kafka, Partitioners, logLevel } = kafkajs

export interface Notification {
  success: boolean
  response: Record<string, unknown>
  message_error: string | null
  wait_seconds: number | null
}

/** How long a broker may take to make or remove topics, ms. kafkajs's 5 s are short for a busy machine, and it does not try again. */
export const TOPICS_LIMIT_MS = 25_000

export interface WorldOptions {
  kafkaBrokers: string[]
  redisUrl: string
  /** For a `rediss:` address: the certificate authority, and our own certificate where it is asked for, PEM. */
  redisTls?: { ca: Buffer; cert?: Buffer; key?: Buffer }
  /** Where the model answers, with /v1. */
  baseUrl: string
  /** Of the requests topic. */
  partitions?: number
  /** Settings beside the world's own. */
  env?: Record<string, string>
  /** The file that workers run; `src/main.ts` when it is not given. */
  workerMain?: string
}

export type World = Awaited<ReturnType<typeof createWorld>>

/**
 * Creates the topics and starts to observe; `close()` ends the workers, and removes topics, group and keys. Long, because it puts a
 * whole test's surroundings together.
 */
export async function createWorld(options: WorldOptions) {
  const tag = `t${randomBytes(5).toString('hex')}`
  const topics = {
    requests: `${tag}.AI_handler`,
    notifications: `${tag}.notifications`,
    records: `${tag}.uploading_data`,
    deadLetters: `${tag}.dead_letters`,
  }
  const groupId = `${tag}.group`
  const keyPrefix = `${tag}:`
  // Some tests kill brokers: the observer reconnects as soon as they are back.
  const retry = { initialRetryTime: 100, maxRetryTime: 1_000, retries: 8 }
  const kafka = new Kafka({ clientId: tag, brokers: options.kafkaBrokers, logLevel: logLevel.NOTHING, retry })
  const admin: Admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({
    timeout: TOPICS_LIMIT_MS,
    topics: Object.values(topics).map((topic) => ({
      topic,
      numPartitions: topic === topics.requests ? (options.partitions ?? 1) : 1,
    })),
    waitForLeaders: false,
  })
  await leadersKnown(admin, Object.values(topics))
  const producer: Producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const redis = new Redis(options.redisUrl, options.redisTls === undefined ? {} : { tls: options.redisTls })
  redis.on('error', () => {
    // Tests take Redis away on purpose; the commands' own failures are enough.
  })
  const outputs = await readTopics(kafka, `${tag}.observer`, [topics.notifications, topics.records, topics.deadLetters])
  const workers: Worker[] = []

  const redisAddress = new URL(options.redisUrl)
  const env: Record<string, string> = {
    KAFKA_BOOTSTRAP_SERVERS: options.kafkaBrokers.join(','),
    KAFKA_GROUP_ID: groupId,
    KAFKA_TOPIC_FOR_AI_HANDLER: topics.requests,
    KAFKA_TOPIC_FOR_NOTIFICATIONS: topics.notifications,
    KAFKA_TOPIC_FOR_UPLOADING_DATA: topics.records,
    KAFKA_TOPIC_FOR_DEAD_LETTERS: topics.deadLetters,
    KAFKA_START_FROM: 'earliest',
    REDIS_HOST: redisAddress.hostname,
    REDIS_PORT: redisAddress.port,
    REDIS_KEY_PREFIX: keyPrefix,
    OPENAI_KEY: 'sk-test',
    OPENAI_BASE_URL: options.baseUrl,
    OPENAI_RPM: '0',
    OPENAI_RPD: '0',
    OPENAI_TPM: '0',
    ...options.env,
  }

  const send = (messages: Message[]) => producer.send({ topic: topics.requests, messages })

  async function close(): Promise<void> {
    for (const worker of workers) worker.kill('SIGCONT')
    await Promise.all(workers.map((worker) => worker.end('SIGKILL')))
    await outputs.stop()
    await producer.disconnect()
    await admin.deleteTopics({ topics: Object.values(topics), timeout: TOPICS_LIMIT_MS })
    await admin.disconnect()
    for await (const keys of redis.scanStream({ match: `${keyPrefix}*`, count: 1_000 })) {
      if ((keys as string[]).length > 0) await redis.unlink(...(keys as string[]))
    }
    redis.disconnect()
  }

  return {
    topics,
    groupId,
    keyPrefix,
    env,
    admin,
    redis,
    workers,
    send,
    close,
    start(extra: Record<string, string> = {}): Worker {
      const worker = startWorker({ ...env, ...extra }, options.workerMain)
      workers.push(worker)
      return worker
    },
    notifications: () => outputs.of(topics.notifications).map((message) => JSON.parse(message.value) as Notification),
    seenNotifications: () => outputs.of(topics.notifications),
    records: () => outputs.of(topics.records).map((message) => JSON.parse(message.value) as Record<string, unknown>),
    seenRecords: () => outputs.of(topics.records),
    deadLetters: () => outputs.of(topics.deadLetters),
    /** Resolves when the observer has read all that stands in the output topics now. */
    caughtUp: () => outputs.caughtUp(admin),
    /** Resolves when every one of the ids has an outcome, and all that was published until then has been read. */
    answered: async (ids: readonly (bigint | number)[], limitMs = 120_000) => {
      const missing = () => {
        const done = new Set(outputs.of(topics.notifications).map((message) => idIn(message.value)))
        return ids.map(String).filter((id) => !done.has(id))
      }
      await waitUntil(
        () => missing().length === 0,
        limitMs,
        () =>
          `no outcome for ${missing().length} of ${ids.length} requests: ${missing().slice(0, 10).join(', ')}\n` +
          workers.map((worker) => worker.lines.slice(-15).join('\n')).join('\n---\n'),
      )
      await outputs.caughtUp(admin)
    },
  }
}

/** @returns the processing id as it stands in the text: JSON.parse would round it */
export const idIn = (value: string): string => /"processing_id":(-?\d+)/.exec(value)?.[1] ?? ''

/** @returns how often each id stands in the messages */
export function countById(messages: readonly Seen[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { value } of messages) counts.set(idIn(value), (counts.get(idIn(value)) ?? 0) + 1)
  return counts
}

/** A request's message; requirements and resume are such that the stub finds all of the first in the second. */
export function request(id: bigint | number, fields: Record<string, unknown> = {}): Message {
  const body = {
    callback_url: `https://callback.example/${id}?token=secret`,
    user_id: 1,
    resume_id: 2,
    requirements_id: 3,
    requirements: 'TypeScript; Kafka; Redis; PostgreSQL; Docker',
    resume: `Инженер ${id}. Пять лет пишу на TypeScript. Работал с Kafka и Redis. Знаю PostgreSQL и Docker.`,
    ...fields,
  }
  return { key: 'new_request', value: `{"processing_id":${id},${JSON.stringify(body).slice(1)}` }
}

/** kafkajs's own `waitForLeaders` throws when the broker's metadata do not have a new topic yet. */
async function leadersKnown(admin: Admin, topics: string[]): Promise<void> {
  let reason = ''
  const known = async () => {
    try {
      const metadata = await admin.fetchTopicMetadata({ topics })
      return metadata.topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0))
    } catch (error) {
      reason = (error as Error).message
      return false
    }
  }
  await waitUntil(known, 30_000, () => `the topics have no leaders: ${reason}`)
}
