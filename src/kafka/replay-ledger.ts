/**
 * Records which dead letters were sent back, in a compacted topic of its own: by reason and partition of the dead-letter topic, the
 * offset after the last one sent. That is enough, because a letter has one reason and letters of one reason are sent back in order.
 *
 * An entry is written in the transaction that sends its letter back: both or none, even if the process crashes. Consumer offsets
 * would not do: Kafka deletes those of a group without members after a week.
 */
import type { Log } from '../logging/log.ts'
import type { KafkaClients } from './clients.ts'
import { kafkaErrorType, kafkaReason } from './kafka-error.ts'
import type { OutgoingMessage } from './messages.ts'
import { readBack } from './outcomes-reader.ts'
import type { Publisher } from './publisher.ts'
import { openPublisher, PublishRejected } from './publisher.ts'
import { readWatermarks } from './start-offset.ts'
import { transactionalIdOf } from './transactional-id.ts'

export interface LedgerOptions {
  clients: KafkaClients
  /** The worker's group; readers and writers are named after it, so that one prefixed ACL covers them. */
  group: string
  /** The topic of the dead letters. */
  topic: string
  signal: AbortSignal
  log: Log
}

export interface Place {
  reason: string
  partition: number
  offset: bigint
}

export interface Ledger {
  wasSent(letter: Place): boolean
}

/** @returns the ledger's topic. It must be deleted together with the dead letters' topic, whose offsets it holds */
export const ledgerTopicOf = (deadLetters: string) => `${deadLetters}_replayed`

/**
 * Reads the ledger.
 * @returns what was sent back until now
 * @throws what kafkajs throws, the signal's reason
 */
export async function readLedger({ clients, group, topic, signal, log }: LedgerOptions): Promise<Ledger> {
  const sentUpTo = new Map<string, bigint>()
  const ends = await readWatermarks(clients, topic)
  const take = async ({ key, value }: { key: Buffer | null; value: Buffer | null }) => {
    if (key !== null && value !== null) sentUpTo.set(key.toString(), BigInt(value.toString()))
  }
  try {
    await readBack({
      clients,
      groupPrefix: group,
      topic: ledgerTopicOf(topic),
      sinceMs: 0,
      onMessage: take,
      signal,
      log,
    })
  } catch (error) {
    // Without a ledger no letter was ever sent back.
    if (kafkaErrorType(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error
  }
  return {
    wasSent(letter) {
      const next = sentUpTo.get(keyOf(letter)) ?? 0n
      // An entry beyond the end of the topic belongs to an earlier topic of this name.
      return next <= (ends.get(letter.partition)?.high ?? 0n) && letter.offset < next
    },
  }
}

const keyOf = ({ reason, partition }: Place) => `${reason}/${partition}`

/** `refused`: Kafka did not take the letter, and will not until somebody repairs the cause. */
export type Sent = { kind: 'sent' } | { kind: 'refused'; why: string }

export interface Sender {
  /** @throws what kafkajs throws; then only the ledger tells whether the letter was sent */
  send(letter: Place, message: OutgoingMessage): Promise<Sent>
  close(): void
}

/**
 * Creates the ledger's topic when it is missing, and fences every other sender: from now on only this one adds to the ledger.
 * @param replication of the new topic; null: the broker's default
 * @throws what kafkajs throws, the signal's reason
 */
export async function openSender(options: LedgerOptions & { replication: number | null }): Promise<Sender> {
  const { clients, group, topic, signal } = options
  await createTopic(clients, ledgerTopicOf(topic), options.replication)
  const publishers = new Map<number, Publisher>()
  const open = async (partition: number) => {
    const source = { group: `${group}.replay`, topic, partition }
    const publisher = await openPublisher(clients, transactionalIdOf(source.group, topic, partition), source, signal)
    publishers.set(partition, publisher)
    return publisher
  }
  for (const partition of (await readWatermarks(clients, topic)).keys()) await open(partition)
  return {
    async send(letter, message) {
      const { partition, offset } = letter
      const next = offset + 1n
      const entry = { topic: ledgerTopicOf(topic), key: keyOf(letter), value: next.toString(), headers: {} }
      const publisher = publishers.get(partition) ?? (await open(partition))
      try {
        // The offset is for tools that show a group's lag; nothing here reads it.
        await publisher.publish([message, entry], next, '', { eachTopicAlone: true })
        return { kind: 'sent' }
      } catch (error) {
        publisher.close()
        publishers.delete(partition)
        if (!(error instanceof PublishRejected)) throw error
        return { kind: 'refused', why: `${kafkaReason(error.cause)} (${error.topic ?? topic})` }
      }
    },
    close() {
      for (const publisher of publishers.values()) publisher.close()
    },
  }
}

async function createTopic(clients: KafkaClients, topic: string, replication: number | null): Promise<void> {
  await clients.withAdmin(async (admin) => {
    if ((await admin.listTopics()).includes(topic)) return
    const configEntries = [{ name: 'cleanup.policy', value: 'compact' }]
    // -1 is the broker's own default.
    const request = { topic, numPartitions: 1, replicationFactor: replication ?? -1, configEntries }
    await admin.createTopics({ topics: [request], waitForLeaders: true })
  })
}
