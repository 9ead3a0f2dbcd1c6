/** What one run of the demo owns on the services: topics, group, key prefix, settings. */
import { randomBytes } from 'node:crypto'
import { isAbsolute, resolve } from 'node:path'
import { abortable, pause } from '../../src/lib/abortable.ts'
import type { Config } from '../../src/config.ts'
import { loadConfig } from '../../src/config.ts'
import { REQUEST_KEY } from '../../src/contracts.ts'
import { DEAD_LETTER_HEADERS } from '../../src/outcomes/dead-letter.ts'
import type { KafkaClients } from '../../src/kafka/clients.ts'
import type { Headers } from '../../src/kafka/messages.ts'
import { createOffsetsView } from '../../src/kafka/offsets-view.ts'
import type { ReadBack } from '../../src/kafka/outcomes-reader.ts'
import { readBack } from '../../src/kafka/outcomes-reader.ts'
import type { DecisionRecord } from '../../src/scoring/decision-record.ts'
import { readDecision } from '../../src/scoring/decision-record.ts'
import { lastReason, withRedis } from '../../src/cli/connections.ts'
import type { Answer } from './answers.ts'
import { readNotification, readRecordId } from './answers.ts'
import type { Evidence } from './audit.ts'
import type { Sample } from './samples.ts'

/** A partition for each worker. */
export const WORKERS = 2
/** High, so that nobody waits; only the over-long sample exceeds the tokens of a minute, and fails. */
export const BUDGET = { OPENAI_RPM: 600, OPENAI_TPM: 90_000 }

/** A key for each worker, by which the stand-in tells their calls apart. @param n counted from 0 */
export const workerKey = (n: number): string => `sk-demo-no-key-is-needed-${n + 1}`

const POLL_MS = 100
const SCAN_COUNT = 1_000
const CLEAN_UP_MS = 8_000

export interface Stage {
  tag: string
  /** Every setting of the workers but LOG_DIR. */
  settings: Record<string, string>
  config: Config
}

/**
 * @param services the settings that lead to Kafka and Redis
 * @param model the settings of the model: the stand-in's, or those of `--live`
 */
export function createStage(services: Record<string, string>, model: Record<string, string>): Stage {
  const tag = `demo-${randomBytes(4).toString('hex')}`
  const settings = {
    ...withAbsoluteFiles(services),
    KAFKA_GROUP_ID: `${tag}.workers`,
    KAFKA_TOPIC_FOR_AI_HANDLER: `${tag}.AI_handler`,
    KAFKA_TOPIC_FOR_NOTIFICATIONS: `${tag}.notifications`,
    KAFKA_TOPIC_FOR_UPLOADING_DATA: `${tag}.uploading_data`,
    KAFKA_TOPIC_FOR_DEAD_LETTERS: `${tag}.AI_handler_dead_letters`,
    // Decision records quote resumes, so they are off by default; these resumes are invented.
    KAFKA_TOPIC_FOR_DECISIONS: `${tag}.decisions`,
    KAFKA_TOPIC_PARTITIONS: String(WORKERS),
    KAFKA_START_FROM: 'earliest',
    REDIS_KEY_PREFIX: `${tag}:`,
    ...model,
    // Few, so that a viewer can watch the answers come.
    MAX_CALLS_IN_FLIGHT: '3',
  }
  return { tag, settings, config: loadConfig(settings) }
}

/** @param baseUrl of the stand-in */
export const standIn = (baseUrl: string): Record<string, string> => ({
  OPENAI_KEY: workerKey(0),
  OPENAI_BASE_URL: baseUrl,
  OPENAI_RPM: String(BUDGET.OPENAI_RPM),
  OPENAI_TPM: String(BUDGET.OPENAI_TPM),
})

/** Makes the paths of files absolute, because the workers run in directories of their own. */
function withAbsoluteFiles(settings: Record<string, string>): Record<string, string> {
  const absolute = ([name, value]: [string, string]): [string, string] =>
    name.endsWith('_FILE') && !isAbsolute(value) ? [name, resolve(value)] : [name, value]
  return Object.fromEntries(Object.entries(settings).map(absolute))
}

/** @returns whether all workers are in the group and have their partitions. */
export async function workersHaveJoined(clients: KafkaClients, group: string, count = WORKERS): Promise<boolean> {
  try {
    const { groups } = await clients.withAdmin((admin) => admin.describeGroups([group]))
    return groups.some(({ state, members }) => state === 'Stable' && members.length === count)
  } catch {
    // A new broker may have no coordinator yet; the caller asks again, within its time limit.
    return false
  }
}

/**
 * Publishes the samples, to each partition in turn. Producers of today use one key and so fill one partition; the demo wants both workers
 * busy.
 * @returns when they were sent, ms since the epoch
 */
export async function publish(clients: KafkaClients, { tag, config }: Stage, samples: readonly Sample[]) {
  const producer = clients.producer(`${tag}.samples`)
  try {
    await producer.connect()
    const transaction = await producer.transaction()
    const sentAtMs = Date.now()
    await transaction.send({
      topic: config.kafka.topics.requests,
      messages: samples.map(({ value }, n) => ({ key: REQUEST_KEY, value, partition: n % WORKERS })),
    })
    await transaction.commit()
    return sentAtMs
  } finally {
    clients.discard(producer)
  }
}

export interface Watcher {
  answer(answer: Answer): void
  deadLetter(reason: string): void
}

/** Reports what the workers publish, as it comes. @returns a function that ends the reading */
export async function watch(clients: KafkaClients, { tag, config }: Stage, watcher: Watcher) {
  const consumer = clients.consumer({ groupId: `${tag}.screen`, maxWaitTimeInMs: POLL_MS })
  await consumer.connect()
  const { notifications, deadLetters } = config.kafka.topics
  await consumer.subscribe({ topics: [notifications, deadLetters], fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ topic, message: { value, headers = {}, timestamp } }) => {
      if (topic === deadLetters) watcher.deadLetter(reasonIn(headers))
      else watcher.answer(readNotification({ value, headers, timestampMs: Number(timestamp) }))
    },
  })
  return () => consumer.disconnect()
}

const reasonIn = (headers: Headers) => headers[DEAD_LETTER_HEADERS.reason]?.toString() ?? ''

/** Resolves when the workers have committed every sample. @throws the signal's reason */
export async function allCommitted(clients: KafkaClients, { config }: Stage, signal: AbortSignal): Promise<void> {
  const { groupId: group, topics } = config.kafka
  const view = createOffsetsView(clients, { group, topic: topics.requests }, lastReason())
  for (;;) {
    const backlog = await abortable(view.backlog(), signal)
    // The last offset of each partition is the marker of the transaction that brought the samples.
    if (backlog.every(({ committed, waiting }) => committed !== null && waiting <= 1n)) return
    await pause(POLL_MS, signal)
  }
}

/** Reads the output topics from their first message to their end, read committed. */
export async function readEvidence(
  clients: KafkaClients,
  { tag, config }: Stage,
  { calls, lostCalls }: Pick<Evidence, 'calls' | 'lostCalls'>,
  signal: AbortSignal,
): Promise<Evidence> {
  const { notifications, records, deadLetters } = config.kafka.topics
  const read = <T>(topic: string, parse: (message: ReadBack) => T) => readTopic({ clients, topic, tag, signal }, parse)
  const [told, recorded, dead, decided] = await Promise.all([
    read(notifications, readNotification),
    read(records, readRecordId),
    read(deadLetters, ({ value, headers }) => ({
      value: value?.toString() ?? '',
      reason: reasonIn(headers),
    })),
    readDecisions(clients, { tag, config }, signal),
  ])
  const proofs = new Map(decided.map((each) => [each.processing_id, proofIn(each)]))
  return { notifications: told, records: recorded, deadLetters: dead, proofs, calls, lostCalls }
}

interface Reading {
  clients: KafkaClients
  topic: string
  tag: string
  signal: AbortSignal
}

/** @returns what `parse` makes of each message that is there now, read committed */
async function readTopic<T>({ clients, topic, tag, signal }: Reading, parse: (message: ReadBack) => T): Promise<T[]> {
  const found: T[] = []
  const onMessage = async (message: ReadBack) => void found.push(parse(message))
  await readBack({ clients, topic, groupPrefix: tag, sinceMs: 0, onMessage, signal, log: lastReason() })
  return found
}

/** @returns why each score is what it is */
export async function readDecisions(
  clients: KafkaClients,
  { tag, config }: Pick<Stage, 'tag' | 'config'>,
  signal: AbortSignal,
): Promise<DecisionRecord[]> {
  const topic = config.kafka.topics.decisions
  if (topic === null) return []
  const found = await readTopic({ clients, topic, tag, signal }, ({ value }) => readDecision(value))
  return found.filter((each) => each !== null)
}

/** @returns the shortest quote that proves something, since it says most in a narrow column; null for none */
function proofIn({ requirements }: DecisionRecord): string | null {
  const quotes = requirements.flatMap(({ proved, quote }) => (proved && quote !== null ? [quote] : []))
  return quotes.toSorted((a, b) => a.length - b.length)[0] ?? null
}

/** Removes the run's topics, groups and keys from services that stay. */
export async function removeTraces(clients: KafkaClients, { tag, config }: Stage): Promise<void> {
  await clients.withAdmin(async (admin) => {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${tag}.`))
    if (topics.length > 0) await admin.deleteTopics({ topics })
    const { groups } = await admin.listGroups()
    const ours = groups.map(({ groupId }) => groupId).filter((group) => group.startsWith(`${tag}.`))
    if (ours.length > 0) await admin.deleteGroups(ours)
  })
  await withRedis(config.redis, AbortSignal.timeout(CLEAN_UP_MS), async (redis) => {
    const match = `${config.redis.keyPrefix}*`
    for await (const keys of redis.scanStream({ match, count: SCAN_COUNT })) {
      if ((keys as string[]).length > 0) await redis.unlink(...(keys as string[]))
    }
  })
}
