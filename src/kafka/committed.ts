/** Reads a group's committed offsets with their metadata, which lists what is done above them. */
import type { KafkaClients } from './clients.ts'

export interface Committed {
  /** null: the group has never committed an offset here */
  offset: bigint | null
  /** Empty when the commit has no metadata. */
  metadata: string
}

/**
 * @returns by partition of `topic`: what `group` has committed
 * @throws what kafkajs throws, also for a topic that does not exist
 */
export async function readCommitted(
  clients: KafkaClients,
  group: string,
  topic: string,
): Promise<Map<number, Committed>> {
  const answer = await clients.withAdmin((admin) => admin.fetchOffsets({ groupId: group, topics: [topic] }))
  const partitions = answer.find((each) => each.topic === topic)?.partitions ?? []
  return new Map(partitions.map(({ partition, offset, metadata }) => [partition, committedOf(offset, metadata)]))
}

function committedOf(offset: string, metadata: string | null): Committed {
  // -1 is "none"; kafkajs itself commits -2 ("the earliest") when its position fell out of the log.
  const value = BigInt(offset)
  return value < 0n ? { offset: null, metadata: '' } : { offset: value, metadata: metadata ?? '' }
}
