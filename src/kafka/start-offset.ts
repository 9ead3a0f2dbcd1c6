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
 * @returns the first and the next offset of every partition of `topic`
 * @throws what kafkajs throws, as for a topic that is not there
 */
export async function readWatermarks(clients: KafkaClients, topic: string): Promise<Map<number, Watermarks>> {
  const offsets = await clients.withAdmin((admin) => admin.fetchTopicOffsets(topic))
  return new Map(offsets.map(({ partition, low, high }) => [partition, { low: BigInt(low), high: BigInt(high) }]))
}

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

  async function since(partition: number, atMs: number): Promise<bigint> {
    // With no message that young it gives the end.
    const offsets = await clients.withAdmin((admin) => admin.fetchTopicOffsetsByTimestamp(topic, atMs))
    const found = offsets.find((each) => each.partition === partition)
    if (found === undefined) throw new Error(`Kafka knows no partition ${partition} of ${topic}`)
    return BigInt(found.offset)
  }

  async function whereToBegin(partition: number): Promise<bigint> {
    const watermarks = await readWatermarks(clients, topic)
    const mine = watermarks.get(partition)
    if (mine === undefined) throw new Error(`Kafka knows no partition ${partition} of ${topic}`)
    partitionsAtFirst ??= watermarks.size
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
