/** Publishes outputs and commits the consumed offset in one Kafka transaction: all or nothing. */
import type { Producer, RecordMetadata, TopicMessages, Transaction } from 'kafkajs'
import { pause } from '../lib/abortable.ts'
import type { KafkaClients } from './clients.ts'
import { kafkaErrorType } from './kafka-error.ts'
import type { OutgoingMessage } from './messages.ts'
import { within } from './time-limit.ts'
import { TIMINGS } from '../timings.ts'

const { transactionMs, fenceMs } = TIMINGS.kafka
/** Kafka refuses an offset commit for some ms while it writes the markers of the previous transaction. */
const CONCURRENT_RETRY_MS = 6
const CONCURRENT_RETRIES = 200

export interface Source {
  group: string
  topic: string
  partition: number
}

/** Why Kafka did not accept a transaction; nothing of it was published. */
export type Rejection = 'too_large' | 'topic' | 'metadata_too_large'

/** Kafka refused the content of a transaction, for good or until somebody repairs something. */
export class PublishRejected extends Error {
  readonly rejection: Rejection
  /** The topic of the refused send, or the source's when the offset was refused; null when the send was for several topics. */
  readonly topic: string | null
  constructor(rejection: Rejection, topic: string | null, cause: unknown) {
    super(`Kafka refused a transaction: ${kafkaErrorType(cause) ?? 'unknown'}`, { cause })
    this.name = 'PublishRejected'
    this.rejection = rejection
    this.topic = topic
  }
}

const REJECTIONS: Record<string, Rejection> = {
  MESSAGE_TOO_LARGE: 'too_large',
  RECORD_LIST_TOO_LARGE: 'too_large',
  UNKNOWN_TOPIC_OR_PARTITION: 'topic',
  // The broker did not try this topic because it refused another one of the same request; kafkajs throws the first error.
  OPERATION_NOT_ATTEMPTED: 'topic',
  TOPIC_AUTHORIZATION_FAILED: 'topic',
  INVALID_TOPIC_EXCEPTION: 'topic',
  OFFSET_METADATA_TOO_LARGE: 'metadata_too_large',
}

export interface PublishOptions {
  /** Sends to each topic alone: slower, but a rejection then names its topic. */
  eachTopicAlone?: boolean
  /**
   * First sends the messages in a transaction that it aborts. A broker that is killed just after it acknowledged a commit may come
   * back without the commit's markers (seen with one node, Kafka 4.3.1: the coordinator completes the transaction before its
   * partitions have a leader again). The messages then wait in their partitions for this producer's next marker. If that were a
   * commit, it would publish them together with their repetition.
   */
  abortFirst?: boolean
  /** Called when everything is sent, right before the commit. When it rejects, the transaction is aborted. */
  mayCommit?: () => Promise<void>
}

export interface Publisher {
  /**
   * Publishes all `messages` and commits `offset` with `metadata` for the source, in one transaction.
   * @throws PublishRejected when Kafka refuses the content; after any other error it is UNKNOWN whether the transaction was
   * committed. After either, close this publisher, open another one, and read what is committed.
   */
  publish(
    messages: readonly OutgoingMessage[],
    offset: bigint,
    metadata: string,
    options?: PublishOptions,
  ): Promise<void>
  /** Sends the messages in a transaction and aborts it, as `abortFirst` does: ends an earlier transaction whose markers are missing. */
  rehearse(messages: readonly OutgoingMessage[]): Promise<void>
  /** Disconnects the producer, in the background. */
  close(): void
}

/**
 * Fences every earlier writer of this transactional id and ends their transactions before it resolves. After that no other
 * worker changes the committed offset until this publisher is fenced itself.
 * @throws what kafkajs throws (Kafka away, not authorised); TimeLimitError; the signal's reason
 */
export async function openPublisher(
  clients: KafkaClients,
  transactionalId: string,
  source: Source,
  signal: AbortSignal,
): Promise<Publisher> {
  const producer = clients.producer(transactionalId)
  // Disconnecting also ends kafkajs's retries: a late InitProducerId would fence the partition's next owner.
  const close = () => clients.discard(producer)
  signal.addEventListener('abort', close, { once: true })
  try {
    signal.throwIfAborted()
    await within(fenceMs, 'fencing earlier writers', fence(producer))
    signal.throwIfAborted()
  } catch (error) {
    close()
    throw error
  } finally {
    signal.removeEventListener('abort', close)
  }
  return {
    publish: (messages, offset, metadata, options = {}) =>
      within(transactionMs, 'a transaction', publish(producer, source, messages, { offset, metadata }, options)),
    rehearse: (messages) => within(transactionMs, 'a transaction', rehearse(producer, sendsOf(messages, false))),
    close,
  }
}

/** Begins and aborts an empty transaction: kafkajs sends InitProducerId when the first one begins, and nothing to end an empty one. */
async function fence(producer: Producer): Promise<void> {
  await producer.connect()
  const empty = await producer.transaction()
  await empty.abort()
}

async function publish(
  producer: Producer,
  source: Source,
  messages: readonly OutgoingMessage[],
  commit: { offset: bigint; metadata: string },
  { eachTopicAlone = false, abortFirst = false, mayCommit }: PublishOptions,
): Promise<void> {
  const sends = sendsOf(messages, eachTopicAlone)
  if (abortFirst) await rehearse(producer, sends)
  const transaction = await producer.transaction()
  for (const send of sends) await sendAll(transaction, send)
  // Offsets last: kafkajs retries a send that is refused while the previous markers are written, but not an offset commit.
  await sendOffset(transaction, source, commit.offset, commit.metadata)
  try {
    await mayCommit?.()
  } catch (error) {
    // Aborted at once, because an open transaction holds back the readers of the outputs.
    await transaction.abort()
    throw error
  }
  await transaction.commit()
}

function sendsOf(messages: readonly OutgoingMessage[], eachTopicAlone: boolean): TopicMessages[][] {
  const topics = topicMessages(messages)
  return eachTopicAlone ? topics.map((each) => [each]) : [topics].filter(({ length }) => length > 0)
}

async function rehearse(producer: Producer, sends: TopicMessages[][]): Promise<void> {
  if (sends.length === 0) return
  const rehearsal = await producer.transaction()
  for (const send of sends) await sendAll(rehearsal, send)
  await rehearsal.abort()
}

async function sendAll(transaction: Transaction, topics: TopicMessages[]): Promise<void> {
  try {
    assertAcknowledged(topics, await transaction.sendBatch({ topicMessages: topics }))
  } catch (error) {
    throw rejectionOf(error, topics.length === 1 ? (topics[0]?.topic ?? null) : null) ?? error
  }
}

async function sendOffset(transaction: Transaction, source: Source, offset: bigint, metadata: string): Promise<void> {
  // kafkajs passes `metadata` on, but its types lack the field.
  const partitions = [{ partition: source.partition, offset: offset.toString(), metadata }]
  const topics = [{ topic: source.topic, partitions }]
  for (let attempt = 1; ; attempt++) {
    try {
      await transaction.sendOffsets({ consumerGroupId: source.group, topics })
      return
    } catch (error) {
      const concurrent = kafkaErrorType(error) === 'CONCURRENT_TRANSACTIONS'
      if (!concurrent || attempt === CONCURRENT_RETRIES) throw rejectionOf(error, source.topic) ?? error
    }
    await pause(CONCURRENT_RETRY_MS, NEVER)
  }
}

/** No signal is needed: the time limit of the whole transaction bounds the wait. */
const NEVER = new AbortController().signal

function rejectionOf(error: unknown, topic: string | null): PublishRejected | null {
  const rejection = REJECTIONS[kafkaErrorType(error) ?? '']
  return rejection === undefined ? null : new PublishRejected(rejection, topic, error)
}

/**
 * Checks what kafkajs reports as success: kafkajs tracks a send by broker, not by partition, so when a partition's leader moves between
 * two attempts, it sends that partition's messages twice or never.
 * @throws Error when some partition was not acknowledged exactly once
 */
function assertAcknowledged(topics: TopicMessages[], acknowledged: RecordMetadata[]): void {
  const sent = new Set(
    topics.flatMap(({ topic, messages }) => messages.map(({ partition }) => `${topic}/${partition}`)),
  )
  const seen = acknowledged.map(({ topicName, partition }) => `${topicName}/${partition}`)
  if (seen.length !== sent.size || seen.some((each) => !sent.has(each))) {
    throw new Error('Kafka did not acknowledge each partition exactly once')
  }
}

function topicMessages(messages: readonly OutgoingMessage[]): TopicMessages[] {
  // kafkajs gets the messages themselves, no copies: the partitioner writes its choice into them.
  return [...Map.groupBy(messages, ({ topic }) => topic)].map(([topic, list]) => ({ topic, messages: list }))
}
