/** Creates the topics that are missing at the start; never changes an existing topic. */
import { pause } from '../lib/abortable.ts'
import type { Config } from '../config.ts'
import type { Log } from '../logging/log.ts'
import type { KafkaClients } from './clients.ts'
import { kafkaErrorType, kafkaReason, settingsToCheck } from './kafka-error.ts'

const RETRY_MS = 1_000
const NOT_AUTHORISED = new Set(['TOPIC_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED'])
/** Errors that are normal right after a topic was created. They do not mean that Kafka is away. */
const SPREADING = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE'])
/** Errors that waiting does not cure. */
const WRONG_SETTING = new Set(['INVALID_REPLICATION_FACTOR', 'INVALID_PARTITIONS', 'POLICY_VIOLATION'])

/**
 * Waits for Kafka, then creates each missing topic. Other workers may do the same at the same time.
 * @returns the names of the topics that this call created
 * @throws Error that names the topic when the broker refuses to create it; the signal's reason when it aborts
 */
export async function ensureTopics(
  clients: KafkaClients,
  config: Pick<Config['kafka'], 'topics' | 'newTopicPartitions' | 'newTopicReplication'>,
  log: Log,
  signal: AbortSignal,
): Promise<string[]> {
  const wanted = Object.values(config.topics).filter((topic) => topic !== null)
  const created: string[] = []
  let said: string | null = null
  for (;;) {
    signal.throwIfAborted()
    try {
      const present = new Set(await clients.withAdmin((admin) => admin.listTopics()))
      for (const topic of wanted.filter((each) => !present.has(each) && !created.includes(each))) {
        if (await createTopic(clients, topic, config)) {
          created.push(topic)
          log.info('created a topic that was missing', { topic, partitions: config.newTopicPartitions })
        }
      }
      if (said !== null) log.info('Kafka answers: going on')
      return created
    } catch (error) {
      if (error instanceof TopicRefused) throw error
      if (SPREADING.has(kafkaErrorType(error) ?? '')) {
        log.debug('the brokers do not all know a new topic yet', { reason: kafkaReason(error) })
        await pause(RETRY_MS, signal)
        continue
      }
      const reason = kafkaReason(error)
      const check = settingsToCheck(reason)
      if (reason !== said) log.warn('Kafka is away: waiting for it', { reason, ...(check === null ? {} : { check }) })
      said = reason
    }
    await pause(RETRY_MS, signal)
  }
}

/** The broker refuses to create a topic; the message names the topic and the remedy. */
export class TopicRefused extends Error {}

async function createTopic(
  clients: KafkaClients,
  topic: string,
  { newTopicPartitions, newTopicReplication }: Pick<Config['kafka'], 'newTopicPartitions' | 'newTopicReplication'>,
): Promise<boolean> {
  // -1 is the broker's own default.
  const request = { topic, numPartitions: newTopicPartitions, replicationFactor: newTopicReplication ?? -1 }
  try {
    return await clients.withAdmin((admin) => admin.createTopics({ topics: [request], waitForLeaders: true }))
  } catch (error) {
    const type = createErrorType(error)
    if (type === 'TOPIC_ALREADY_EXISTS') return false
    if (NOT_AUTHORISED.has(type ?? '')) {
      const hint = 'create it, or allow the worker to (Create on the topic, Describe if it is there already)'
      throw new TopicRefused(`the topic ${topic} is missing and may not be created: ${hint}`, { cause: error })
    }
    if (type === 'INVALID_TOPIC_EXCEPTION') {
      const hint = 'a topic may be there whose name differs only in dots and underscores, which count as the same'
      throw new TopicRefused(`the broker takes no topic of the name ${topic}: ${hint}`, { cause: error })
    }
    if (WRONG_SETTING.has(type ?? '')) {
      const hint = 'see KAFKA_TOPIC_PARTITIONS and KAFKA_TOPIC_REPLICATION_FACTOR'
      throw new TopicRefused(`the broker refuses to create the topic ${topic} (${type}): ${hint}`, { cause: error })
    }
    throw error
  }
}

/** @returns the error's type: kafkajs wraps the errors of the single topics in an aggregate */
function createErrorType(error: unknown): string | null {
  const first: unknown = error instanceof Error && 'errors' in error ? (error.errors as unknown[])[0] : error
  return kafkaErrorType(first) ?? kafkaErrorType(error)
}
