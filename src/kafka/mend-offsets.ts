/** Reads a topic's offsets while one of its partitions has no leader: kafkajs asks for that partition too and fails for all. */
import { NO_LEADER, saysMetadataAreStale } from './kafkajs-internals.ts'

interface TopicPartitions {
  topic: string
  partitions: { partition: number }[]
}

/** As much of kafkajs's Cluster as is needed here. */
export interface Cluster {
  fetchTopicsOffset: (this: Cluster, topics: TopicPartitions[]) => Promise<TopicPartitions[]>
  findTopicPartitionMetadata(topic: string): { partitionId: number; leader: number }[]
  brokerPool: { metadataExpireAt: number | null }
}

/**
 * Gives the offsets of the partitions that have a leader. When a leader has moved, the request still fails, but the next one reads the
 * metadata first.
 * @param cluster the prototype of kafkajs's Cluster; changed in place
 */
export function mendOffsets(cluster: Cluster): void {
  const { fetchTopicsOffset } = cluster
  cluster.fetchTopicsOffset = async function fetchTopicsOffsetMended(
    this: Cluster,
    topics: TopicPartitions[],
  ): Promise<TopicPartitions[]> {
    const led = topics.map(({ topic, partitions, ...rest }) => {
      const leaders = new Map(
        this.findTopicPartitionMetadata(topic).map(({ partitionId, leader }) => [partitionId, leader]),
      )
      return { topic, ...rest, partitions: partitions.filter(({ partition }) => leaders.get(partition) !== NO_LEADER) }
    })
    const found = await fetchTopicsOffset.call(this, led).catch((error: Error & { type?: string }) => {
      if (saysMetadataAreStale(error)) this.brokerPool.metadataExpireAt = null
      throw error
    })
    return topics.map(({ topic }) => found.find((each) => each.topic === topic) ?? { topic, partitions: [] })
  }
}
