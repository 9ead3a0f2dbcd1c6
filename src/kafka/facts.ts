/** Reads the topic settings that a worker relies on, and finds out whether Kafka lets it begin transactions. */
import { pause } from '../lib/abortable.ts'
import type { KafkaClients } from './clients.ts'
import { kafkaErrorType, kafkaReason } from './kafka-error.ts'
import { openPublisher } from './publisher.ts'
import { transactionalIdOf } from './transactional-id.ts'

export interface TopicFacts {
  topic: string
  /** Such as `delete` or `compact,delete`; null when it cannot be told. */
  cleanupPolicy: string | null
  /** Infinity: kept for ever; null when it cannot be told. */
  retentionMs: number | null
}

export interface KafkaFacts {
  topics: TopicFacts[]
  /** Why no transaction can be begun; null when one was. */
  noTransactions: string | null
}

/** kafkajs's ConfigResourceTypes.TOPIC. */
const TOPIC = 2
/** Errors that another user of the same transactional id causes. They prove that transactions work. */
const FENCED = new Set(['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED', 'CONCURRENT_TRANSACTIONS'])

/** How long beginning a transaction is retried: before a cluster's first one the brokers have to create a topic. */
const PATIENCE_MS = 10_000
const RETRY_MS = 1_000

/**
 * Begins and aborts an empty transaction under an id of its own, `group/preflight/0`, and reads the topics' settings.
 * @param patienceMs how long beginning the transaction is retried
 * @throws what kafkajs throws when Kafka is away; the signal's reason when it aborts
 */
export async function readKafkaFacts(
  clients: KafkaClients,
  group: string,
  topics: readonly string[],
  signal: AbortSignal,
  patienceMs = PATIENCE_MS,
): Promise<KafkaFacts> {
  const facts = await readTopics(clients, topics)
  const endsMs = performance.now() + patienceMs
  for (;;) {
    const noTransactions = await tryTransaction(clients, group, signal)
    if (noTransactions === null || performance.now() >= endsMs) return { topics: facts, noTransactions }
    await pause(RETRY_MS, signal)
  }
}

/** @returns why no transaction can be begun; null when one was */
async function tryTransaction(clients: KafkaClients, group: string, signal: AbortSignal): Promise<string | null> {
  const source = { group, topic: 'preflight', partition: 0 }
  try {
    const id = transactionalIdOf(group, source.topic, source.partition)
    const publisher = await openPublisher(clients, id, source, signal)
    publisher.close()
    return null
  } catch (error) {
    signal.throwIfAborted()
    return FENCED.has(kafkaErrorType(error) ?? '') ? null : kafkaReason(error)
  }
}

/** A worker does not need the right to read settings (DescribeConfigs); without it they are unknown. */
async function readTopics(clients: KafkaClients, topics: readonly string[]): Promise<TopicFacts[]> {
  const configNames = ['cleanup.policy', 'retention.ms']
  return await Promise.all(
    topics.map(async (topic): Promise<TopicFacts> => {
      try {
        const resources = [{ type: TOPIC, name: topic, configNames }]
        const answer = await clients.withAdmin((admin) => admin.describeConfigs({ resources, includeSynonyms: false }))
        const entries = answer.resources[0]?.configEntries ?? []
        const value = (name: string) => entries.find(({ configName }) => configName === name)?.configValue ?? null
        const retention = value('retention.ms')
        const retentionMs = retention === null ? null : retention === '-1' ? Infinity : Number(retention)
        return { topic, cleanupPolicy: value('cleanup.policy'), retentionMs }
      } catch (error) {
        if (kafkaErrorType(error) === null) throw error
        return { topic, cleanupPolicy: null, retentionMs: null }
      }
    }),
  )
}
