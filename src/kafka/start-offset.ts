/** Where a group without a committed offset begins. */
import type { Config } from '../config.ts'
import type { KafkaClients } from './clients.ts'

export interface Watermarks {
  /** The first offset that retention has left. */
  low: bigint
  /** The offset of the next message. */
  high: bigint
}

/**
 * @param options.withoutLeaders `omit`: partitions that have no leader now are left out
 * @returns the first and the next offset of every partition of `topic`
 * @throws what kafkajs throws, as for a topic that is not there; Error that names a partition without a leader
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

/** @returns the numbers of the topic's partitions, with a leader or without @throws what kafkajs throws */
export async function readPartitions(clients: KafkaClients, topic: string): Promise<number[]> {
  const { topics } = await clients.withAdmin((admin) => admin.fetchTopicMetadata({ topics: [topic] }))
  return topics.find(({ name }) => name === topic)?.partitions.map(({ partitionId }) => partitionId) ?? []
}

/** Of seconds since the epoch this is the year 5138, of ms 1973. */
const LARGEST_IN_SECONDS = 1e11

export interface StartOffsets {
  /**
   * Where KAFKA_START_FROM says, as the log is at the call; resolves when that may be committed. A partition that was added to
   * the topic meanwhile begins at its first message.
   */
  first(partition: number): Promise<bigint>
  /** The first message younger than PROCESSED_TTL_SECONDS: whatever is finished since is still marked so. */
  recent(partition: number): Promise<bigint>
}

/**
 * @param mayCommit waits until a first offset may be committed: recovery takes one for a sign that the group has worked before
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

  /** The first message whose timestamp, in whatever unit it is, is not below `timestamp`; the end where there is none. */
  async function firstFrom(partition: number, timestamp: number): Promise<bigint> {
    const offsets = await clients.withAdmin((admin) => admin.fetchTopicOffsetsByTimestamp(topic, timestamp))
    const found = offsets.find((each) => each.partition === partition)
    if (found === undefined) throw new Error(`Kafka knows no leader of partition ${partition} of ${topic}`)
    return BigInt(found.offset)
  }

  /**
   * Producers that write seconds, or no time at all, seem older to Kafka than everything: what it passes over is looked at once
   * more. Micro- and nanoseconds seem younger; they are begun with too early, where nothing is lost.
   */
  async function since(partition: number, atMs: number): Promise<bigint> {
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
