/** Finds the offset at which a group without a committed one begins. */
import type { Config } from '../config.ts'
import type { KafkaClients } from './clients.ts'

export interface Watermarks {
  /** The first offset that retention has not deleted. */
  low: bigint
  /** The offset of the next message. */
  high: bigint
}

/**
 * @param options.withoutLeaders `omit`: partitions that have no leader now are left out
 * @returns the first and the next offset of every partition of `topic`
 * @throws what kafkajs throws, also for a topic that does not exist; Error that names a partition without a leader
 */
export async function readWatermarks(
  clients: KafkaClients,
  topic: string,
  { withoutLeaders = 'refuse' }: { withoutLeaders?: 'refuse' | 'omit' } = {},
): Promise<Map<number, Watermarks>> {
  const offsets = await clients.withAdmin((admin) => admin.fetchTopicOffsets(topic))
  const found = new Map(
    offsets.map(({ partition, low, high }) => [partition, { low: BigInt(low), high: BigInt(high) }]),
  )
  if (withoutLeaders === 'omit') return found
  const missing = (await readPartitions(clients, topic)).find((each) => !found.has(each))
  if (missing !== undefined) throw new Error(`partition ${missing} of ${topic} has no leader`)
  return found
}

/**
 * @returns the numbers of the topic's partitions, with a leader or without
 * @throws what kafkajs throws
 */
export async function readPartitions(clients: KafkaClients, topic: string): Promise<number[]> {
  const { topics } = await clients.withAdmin((admin) => admin.fetchTopicMetadata({ topics: [topic] }))
  return topics.find(({ name }) => name === topic)?.partitions.map(({ partitionId }) => partitionId) ?? []
}

/** Timestamps below this are taken for seconds: it means the year 5138 in seconds and 1973 in ms. */
const LARGEST_IN_SECONDS = 1e11

export interface StartOffsets {
  /**
   * Resolves, when it may be committed, with the offset that KAFKA_START_FROM means at the time of the call. A partition that was added
   * to the topic after this worker's start begins at its first message.
   */
  first(partition: number): Promise<bigint>
  /** The first message younger than PROCESSED_TTL_SECONDS: Redis still marks everything that was finished since then. */
  recent(partition: number): Promise<bigint>
}

/**
 * @param mayCommit resolves when a first offset may be committed. Until recovery has looked it may not, because recovery takes a
 * committed offset for a sign that the group has worked before
 * @param now ms since the epoch
 */
export function createStartOffsets(
  clients: KafkaClients,
  topic: string,
  config: { startFrom: Config['kafka']['startFrom']; processedTtlMs: number },
  mayCommit: () => Promise<void> = () => Promise.resolve(),
  now: () => number = Date.now,
): StartOffsets {
  const { startFrom, processedTtlMs } = config
  /** How many partitions the topic had when this worker first asked. */
  let partitionsAtFirst: number | null = null

  /** @returns the offset of the first message whose timestamp, in its own unit, is not below `timestamp`; the log's end without one */
  async function firstFrom(partition: number, timestamp: number): Promise<bigint> {
    const offsets = await clients.withAdmin((admin) => admin.fetchTopicOffsetsByTimestamp(topic, timestamp))
    const found = offsets.find((each) => each.partition === partition)
    if (found === undefined) throw new Error(`Kafka knows no leader of partition ${partition} of ${topic}`)
    return BigInt(found.offset)
  }

  /**
   * To Kafka, messages with timestamps in seconds or without one seem older than all others, so this also looks for timestamps in seconds
   * among the messages before, and begins at the first message when that has no timestamp. Messages with timestamps in micro- or
   * nanoseconds seem younger: the start is then too early, which loses nothing.
   */
  async function since(partition: number, atMs: number): Promise<bigint> {
    // To Kafka a negative time is a code: -1 is the log's end.
    if (atMs <= 0) return (await watermarksOf(partition)).low
    const start = await firstFrom(partition, atMs)
    const { low } = await watermarksOf(partition)
    if (start <= low) return start
    if ((await firstFrom(partition, 0)) > low) return low
    if ((await firstFrom(partition, LARGEST_IN_SECONDS)) < start) return start
    const inSeconds = await firstFrom(partition, Math.floor(atMs / 1_000))
    return inSeconds < start ? inSeconds : start
  }

  async function watermarksOf(partition: number): Promise<Watermarks> {
    const mine = (await readWatermarks(clients, topic, { withoutLeaders: 'omit' })).get(partition)
    if (mine === undefined) throw new Error(`Kafka knows no leader of partition ${partition} of ${topic}`)
    return mine
  }

  async function whereToBegin(partition: number): Promise<bigint> {
    partitionsAtFirst ??= (await readPartitions(clients, topic)).length
    const mine = await watermarksOf(partition)
    if (startFrom.kind === 'earliest' || partition >= partitionsAtFirst) return mine.low
    if (startFrom.kind === 'latest') return mine.high
    if (startFrom.kind === 'time' && startFrom.atMs !== undefined) return since(partition, startFrom.atMs)
    return since(partition, now() - processedTtlMs)
  }

  async function first(partition: number): Promise<bigint> {
    const offset = await whereToBegin(partition)
    await mayCommit()
    return offset
  }

  return { first, recent: (partition) => since(partition, now() - processedTtlMs) }
}
