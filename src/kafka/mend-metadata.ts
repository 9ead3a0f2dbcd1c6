/**
 * Lets metadata be read while a partition has no leader; kafkajs would fail for all partitions and topics. Reads them again after
 * 10 s, because leaders move and partitions are added; kafkajs keeps them for 5 min, in its admin client whatever the settings say.
 */
import { CODES, errorOfCode, NO_LEADER } from './kafkajs-internals.ts'

const MAX_AGE_MS = 10_000

interface Metadata {
  topicMetadata: {
    topicErrorCode: number
    topic: string
    partitionMetadata: { partitionErrorCode: number; leader: number }[]
  }[]
}

/** The check of metadata responses, which throws their errors. */
export interface MetadataProtocol {
  parse: (this: void, metadata: Metadata) => Promise<Metadata>
}

/** As much of kafkajs's Broker as is needed here. */
export interface DescribingBroker {
  createTopics: (this: DescribingBroker, request: { topics: { topic: string }[] }) => Promise<unknown>
  metadata: (this: DescribingBroker, topics?: string[]) => Promise<Metadata>
}

/** As much of kafkajs's BrokerPool as is needed here. */
export interface BrokerPool {
  metadataExpireAt: number | null
  refreshMetadata: (this: BrokerPool, topics: string[]) => Promise<void>
}

/**
 * Accepts metadata in which a partition has no leader (Kafka gives -1 for it) or lacks a replica.
 * @param protocol changed in place
 */
export function mendMetadataErrors(protocol: MetadataProtocol): void {
  protocol.parse = (metadata) => {
    const topicErrors = metadata.topicMetadata.map(({ topicErrorCode }) => topicErrorCode)
    const partitionErrors = metadata.topicMetadata
      .flatMap(({ partitionMetadata }) => partitionMetadata.map(({ partitionErrorCode }) => partitionErrorCode))
      .filter((code) => code !== CODES.leaderNotAvailable && code !== CODES.replicaNotAvailable)
    const code = [...topicErrors, ...partitionErrors].find((each) => each !== 0)
    return code === undefined ? Promise.resolve(metadata) : Promise.reject(errorOfCode(code))
  }
}

/**
 * Makes reading metadata fail as long as a topic that was just created has partitions without a leader. kafkajs's `createTopics` waits
 * for the leaders by repeating the request until it succeeds.
 * @param broker the prototype of kafkajs's Broker; changed in place
 */
export function mendTopicCreation(broker: DescribingBroker): void {
  const { createTopics, metadata } = broker
  const awaited = new WeakMap<DescribingBroker, Set<string>>()
  broker.createTopics = async function createTopicsMended(this: DescribingBroker, request): Promise<unknown> {
    const created = await createTopics.call(this, request)
    awaited.set(this, new Set(request.topics.map(({ topic }) => topic)))
    return created
  }
  broker.metadata = async function metadataMended(this: DescribingBroker, topics?: string[]): Promise<Metadata> {
    const names = awaited.get(this)
    if (names === undefined || topics?.some((topic) => names.has(topic)) !== true) return metadata.call(this, topics)
    const found = await metadata.call(this, topics).catch((error: Error & { type?: string }) => {
      // The broker may not have heard of the topic yet.
      throw error.type === 'UNKNOWN_TOPIC_OR_PARTITION' ? errorOfCode(CODES.leaderNotAvailable) : error
    })
    const isLed = found.topicMetadata.every(
      ({ topic, partitionMetadata }) =>
        !names.has(topic) || partitionMetadata.every(({ leader }) => leader !== NO_LEADER),
    )
    if (!isLed) throw errorOfCode(CODES.leaderNotAvailable)
    awaited.delete(this)
    return found
  }
}

/**
 * Makes metadata expire after 10 s.
 * @param pool the prototype of kafkajs's BrokerPool; changed in place
 */
export function mendMetadataAge(pool: BrokerPool): void {
  const { refreshMetadata } = pool
  pool.refreshMetadata = async function refreshMetadataMended(this: BrokerPool, topics: string[]): Promise<void> {
    await refreshMetadata.call(this, topics)
    this.metadataExpireAt = Date.now() + MAX_AGE_MS
  }
}
