/**
 * Records which dead letters were sent back, in a compacted topic of its own: by reason and partition of the dead-letter topic, the
 * offset after the last one sent, since a letter has one reason and letters of one reason are sent back in order. Those that Kafka refused
 * have an entry each, until they are sent: others after them may be sent first.
 *
 * What was sent is recorded in the transaction that sends it back: both or none, even if the process crashes. Consumer offsets
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

/** `value` null: removes the entry. */
interface Entry {
  key: string
  value: string | null
}

export interface Ledger {
  wasSent(letter: Place): boolean
  wasRefused(letter: Place): boolean
  /** @returns what to write in the transaction that sends the letter */
  entriesOf(letter: Place): Entry[]
}

/** @returns the ledger's topic. It must be deleted together with the dead letters' topic, whose offsets it holds */
export const ledgerTopicOf = (deadLetters: string) => `${deadLetters}_replayed`

/**
 * Reads the ledger.
 * @returns what was sent back until now
 * @throws what kafkajs throws, the signal's reason
 */
export async function readLedger({ clients, group, topic, signal, log }: LedgerOptions): Promise<Ledger> {
  const entries = new Map<string, string>()
  const ends = await readWatermarks(clients, topic)
  const take = async ({ key, value }: { key: Buffer | null; value: Buffer | null }) => {
    if (key !== null && value !== null) entries.set(key.toString(), value.toString())
    else if (key !== null) entries.delete(key.toString())
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
  return ledgerOf(entries, (partition) => ends.get(partition)?.high ?? 0n)
}

/** @param endOf the end of a partition of the dead-letter topic */
function ledgerOf(entries: ReadonlyMap<string, string>, endOf: (partition: number) => bigint): Ledger {
  const wasRefused = (letter: Place) => entries.has(refusedKeyOf(letter))
  const nextOf = (letter: Place) => {
    const next = BigInt(entries.get(keyOf(letter)) ?? 0)
    // An entry beyond the end of the topic belongs to an earlier topic of this name.
    return next <= endOf(letter.partition) ? next : 0n
  }
  return {
    wasRefused,
    wasSent: (letter) => letter.offset < nextOf(letter) && !wasRefused(letter),
    entriesOf: (letter) => [
      // One that was refused at first may come after later ones, which stay sent.
      ...(letter.offset < nextOf(letter) ? [] : [{ key: keyOf(letter), value: String(letter.offset + 1n) }]),
      ...(wasRefused(letter) ? [{ key: refusedKeyOf(letter), value: null }] : []),
    ],
  }
}

const keyOf = ({ reason, partition }: Place) => `${reason}/${partition}`
/** Never the key of another entry: those end with digits after a slash. */
const refusedKeyOf = (letter: Place) => `${keyOf(letter)}#${letter.offset}`

/** `refused`: Kafka did not take the letter, and will not until somebody repairs the cause. */
export type Sent = { kind: 'sent' } | { kind: 'refused'; why: string }

export interface Sender {
  /**
   * @param ledger as it was read after this sender was opened
   * @throws PublishRejected when Kafka refuses the letter, and refuses to have that recorded; what kafkajs throws, and then only the ledger
   * tells whether the letter was sent
   */
  send(letter: Place, message: OutgoingMessage, ledger: Ledger): Promise<Sent>
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
  async function publish({ partition, offset }: Place, messages: OutgoingMessage[], entries: Entry[]): Promise<void> {
    const publisher = publishers.get(partition) ?? (await open(partition))
    const all = [...messages, ...entries.map((entry) => ({ topic: ledgerTopicOf(topic), headers: {}, ...entry }))]
    try {
      // The offset is for tools that show a group's lag; nothing here reads it.
      await publisher.publish(all, offset + 1n, '', { eachTopicAlone: true })
    } catch (error) {
      publisher.close()
      publishers.delete(partition)
      throw error
    }
  }
  return {
    async send(letter, message, ledger) {
      try {
        await publish(letter, [message], ledger.entriesOf(letter))
        return { kind: 'sent' }
      } catch (error) {
        if (!(error instanceof PublishRejected)) throw error
        // The value is for the eyes only. Earlier versions, which know no such entries, expect a number.
        const entry = { key: refusedKeyOf(letter), value: String(letter.offset) }
        if (!ledger.wasRefused(letter)) await publish(letter, [], [entry])
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
