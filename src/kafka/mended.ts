/**
 * Mends kafkajs 2.2.4, which has had no release since 2022, where it cannot be made to work by its options. Importing this file
 * does it for every kafkajs client of the process; it must be imported before the first fetch.
 *
 * | what kafkajs does | what is done here |
 * |---|---|
 * | unpacks gzip only, without a bound; decodes headers in quadratic time and whole fetches in one go | record-batches.ts decodes |
 * | mixes up aborted transactions that lie among each other | aborted.ts hides them |
 * | one partition without a leader makes every reading of metadata fail, for all partitions and all topics | its leader is -1 |
 * | one partition's error throws away what the fetch brought of the others, and the member joins the group again | the others are delivered, the metadata are read again |
 * | asks for the offsets of a partition that has no leader, and fails for all | those of the others are given |
 * | makes an array and a buffer for each variable-length integer that it writes | varints.ts writes in place |
 * | asks a coordinator that has died until its broker is back, though another one has the group | coordinator.ts finds that one |
 * | reads the rest of a response that was cut off out of the next connection; an error while it reads ends the process | mend-connections.ts |
 * | sets timers to the year 1970 | mend-connections.ts sets none |
 * | believes its metadata for 5 min, in the admin client whatever one sets, though leaders move and partitions are added | for 10 s |
 */
import { createRequire } from 'node:module'
import { pause } from '../lib/abortable.ts'
import type { FetchedMessage, FetchedPartition } from './aborted.ts'
import { hideAborted } from './aborted.ts'
import type { Coordinated } from './coordinator.ts'
import { followCoordinator } from './coordinator.ts'
import type { Connection, RequestQueue } from './mend-connections.ts'
import { mendConnections, mendRequestQueue } from './mend-connections.ts'
import { areRecordBatches, newAllowance, readRecordBatches } from './record-batches.ts'
import type { FetchAllowance } from './record-batches.ts'
import type { Encoder } from './varints.ts'
import { writeUVarInt } from './varints.ts'

const VERSION = '2.2.4'
const FETCH_RESPONSES = '/protocol/requests/fetch/v'
const METADATA_RESPONSES = '/protocol/requests/metadata/v'

/** A partition in a fetch response, as it comes from the decoder below. */
interface RawPartition extends Omit<FetchedPartition, 'messages'> {
  partition: number
  errorCode: number
  messages: FetchedMessage[] | Raw
}

/** The undecoded messages of a partition: decoding them takes the offset that was asked for. */
class Raw {
  readonly bytes: Buffer
  constructor(bytes: Buffer) {
    this.bytes = bytes
  }
}

interface FetchResponse {
  responses: { topicName: string; partitions: RawPartition[] }[]
}

interface Metadata {
  topicMetadata: {
    topicErrorCode: number
    topic: string
    partitionMetadata: { partitionErrorCode: number; leader: number }[]
  }[]
}

interface FetchRequest {
  topics: { topic: string; partitions: { partition: number; fetchOffset: string }[] }[]
}

interface Decoder {
  readInt32(): number
  canReadBytes(length: number): boolean
  readBytes(length: number): Buffer
}

interface Broker {
  fetch: (this: Broker, request: FetchRequest) => Promise<FetchResponse>
  createTopics: (this: Broker, request: { topics: { topic: string }[] }) => Promise<unknown>
  metadata: (this: Broker, topics?: string[]) => Promise<Metadata>
}

interface TopicPartitions {
  topic: string
  partitions: { partition: number }[]
}

interface Cluster {
  fetchTopicsOffset: (this: Cluster, topics: TopicPartitions[]) => Promise<TopicPartitions[]>
  findTopicPartitionMetadata(topic: string): { partitionId: number; leader: number }[]
  refreshMetadata(): Promise<void>
  brokerPool: { brokers: Record<string, object | undefined>; metadataExpireAt: number | null }
}

interface BrokerPool {
  metadataExpireAt: number | null
  refreshMetadata: (this: BrokerPool, topics: string[]) => Promise<void>
}

interface ConsumerGroup {
  cluster: Cluster
  fetch: (this: ConsumerGroup, nodeId: string) => Promise<unknown[]>
  recoverFromFetch: (this: ConsumerGroup, error: Error & { type?: string }) => Promise<void>
}

interface Protocol<T> {
  parse: (this: void, data: T) => Promise<T>
}

const require = createRequire(import.meta.url)
const kafkajs = (path: string) => require(`kafkajs/src/${path}`) as unknown
const classOf = (path: string) => (kafkajs(path) as { prototype: unknown }).prototype

/** The protocol's numbers of errors. */
const { createErrorFromCode } = kafkajs('protocol/error.js') as { createErrorFromCode: (code: number) => Error }
const OFFSET_OUT_OF_RANGE = 1
const NO_LEADER = 5
const REPLICA_NOT_AVAILABLE = 9
/** A leader has moved, or is not known yet. */
const STALE = new Set([
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'REPLICA_NOT_AVAILABLE',
])
const REFRESH_PAUSE_MS = 100
const METADATA_MAX_AGE_MS = 10_000
const NEVER = new AbortController().signal

/** Brokers whose last fetch response had partitions with errors. */
const withErrors = new WeakSet<object>()

/** The classes are the process's, this module may be loaded again by a test runner. */
const MENDED = Symbol.for('resume-scoring-worker.kafkajs-mended')
if (!(MENDED in (classOf('broker/index.js') as object))) {
  assertUnused()
  mendDecoding()
  mendFetchErrors()
  mendMetadata()
  mendOffsets()
  mendAge()
  mendEncoding()
  mendConnections(classOf('network/connection.js') as Connection)
  mendRequestQueue(classOf('network/requestQueue/index.js') as RequestQueue)
  followCoordinator(classOf('consumer/consumerGroup.js') as Coordinated)
  Object.defineProperty(classOf('broker/index.js') as object, MENDED, { value: true })
}

/** What is replaced must not be in use already, and must be what was read when this was written. */
function assertUnused(): void {
  const { version } = require('kafkajs/package.json') as { version: string }
  if (version !== VERSION) throw new Error(`kafkajs is ${version}; src/kafka/mended.ts was written for ${VERSION}`)
  const early = Object.keys(require.cache).find(
    (path) => path.includes(FETCH_RESPONSES) || path.includes(METADATA_RESPONSES),
  )
  if (early !== undefined) throw new Error('src/kafka/mended.ts must be imported before kafkajs is used')
}

/** kafkajs's response decoders take this function with them when they are loaded, which is at the first fetch. */
function mendDecoding(): void {
  const path = require.resolve('kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js')
  kafkajs('protocol/requests/fetch/v4/decodeMessages.js')
  const loaded = require.cache[path]
  if (loaded === undefined) throw new Error('kafkajs loads its decoder in another way than expected')
  loaded.exports = async (decoder: Decoder): Promise<Raw> => {
    const size = decoder.readInt32()
    return new Raw(size > 0 && decoder.canReadBytes(size) ? decoder.readBytes(size) : Buffer.alloc(0))
  }
  const broker = classOf('broker/index.js') as Broker
  const { fetch } = broker
  broker.fetch = async function fetchMended(this: Broker, request: FetchRequest): Promise<FetchResponse> {
    const response = await fetch.call(this, request)
    const allowance = newAllowance()
    for (const { topicName, partitions } of response.responses) {
      const asked = request.topics.find(({ topic }) => topic === topicName)?.partitions ?? []
      for (const each of partitions) {
        const from = asked.find(({ partition }) => partition === each.partition)?.fetchOffset ?? '0'
        if (each.messages instanceof Raw) each.messages = await decode(each.messages.bytes, BigInt(from), allowance)
        hideAborted(each as FetchedPartition)
      }
    }
    const failed = response.responses.some(({ partitions }) => partitions.some(({ errorCode }) => errorCode !== 0))
    if (failed) withErrors.add(this)
    return response
  }
}

async function decode(raw: Buffer, fetchOffset: bigint, allowance: FetchAllowance): Promise<FetchedMessage[]> {
  if (raw.length === 0) return []
  if (areRecordBatches(raw)) return await readRecordBatches(raw, fetchOffset, allowance)
  const DecoderClass = kafkajs('protocol/decoder.js') as new (buffer: Buffer) => Decoder
  type DecodeMessageSet = (decoder: Decoder, size: number) => Promise<FetchedMessage[]>
  const decodeMessageSet = kafkajs('protocol/messageSet/decoder.js') as DecodeMessageSet
  return await decodeMessageSet(new DecoderClass(raw), raw.length)
}

/** What one partition's error does to the others of the same fetch: nothing, unless it is every one's. */
function mendFetchErrors(): void {
  const protocol = kafkajs('protocol/requests/fetch/v0/response.js') as Protocol<FetchResponse>
  const { parse } = protocol
  protocol.parse = (response) => {
    const codes = response.responses.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode))
    const isHelpless = codes.every((code) => code !== 0) || codes.includes(OFFSET_OUT_OF_RANGE)
    return isHelpless ? parse(response) : Promise.resolve(response)
  }
  const group = classOf('consumer/consumerGroup.js') as ConsumerGroup
  const { fetch, recoverFromFetch } = group
  group.fetch = async function fetchMended(this: ConsumerGroup, nodeId: string): Promise<unknown[]> {
    const batches = await fetch.call(this, nodeId)
    const broker = this.cluster.brokerPool.brokers[nodeId]
    if (broker !== undefined && withErrors.delete(broker)) await this.cluster.refreshMetadata()
    return batches
  }
  group.recoverFromFetch = async function recoverMended(this: ConsumerGroup, error): Promise<void> {
    if (!STALE.has(error.type ?? '')) return await recoverFromFetch.call(this, error)
    await pause(REFRESH_PAUSE_MS, NEVER)
    await this.cluster.refreshMetadata()
  }
}

function mendMetadata(): void {
  const protocol = kafkajs('protocol/requests/metadata/v0/response.js') as Protocol<Metadata>
  protocol.parse = (metadata) => {
    const topicErrors = metadata.topicMetadata.map(({ topicErrorCode }) => topicErrorCode)
    const partitionErrors = metadata.topicMetadata
      .flatMap(({ partitionMetadata }) => partitionMetadata.map(({ partitionErrorCode }) => partitionErrorCode))
      .filter((code) => code !== NO_LEADER && code !== REPLICA_NOT_AVAILABLE)
    const code = [...topicErrors, ...partitionErrors].find((each) => each !== 0)
    return code === undefined ? Promise.resolve(metadata) : Promise.reject(createErrorFromCode(code))
  }
  // Who creates a topic waits for its leaders, and goes by the error.
  const broker = classOf('broker/index.js') as Broker
  const { createTopics, metadata } = broker
  const awaited = new WeakMap<Broker, Set<string>>()
  broker.createTopics = async function createTopicsMended(this: Broker, request): Promise<unknown> {
    const created = await createTopics.call(this, request)
    awaited.set(this, new Set(request.topics.map(({ topic }) => topic)))
    return created
  }
  broker.metadata = async function metadataMended(this: Broker, topics?: string[]): Promise<Metadata> {
    const names = awaited.get(this)
    if (names === undefined || topics?.some((topic) => names.has(topic)) !== true) return metadata.call(this, topics)
    const found = await metadata.call(this, topics).catch((error: Error & { type?: string }) => {
      // It may not have heard of it yet.
      throw error.type === 'UNKNOWN_TOPIC_OR_PARTITION' ? createErrorFromCode(NO_LEADER) : error
    })
    const isLed = found.topicMetadata.every(
      ({ topic, partitionMetadata }) => !names.has(topic) || partitionMetadata.every(({ leader }) => leader !== -1),
    )
    if (!isLed) throw createErrorFromCode(NO_LEADER)
    awaited.delete(this)
    return found
  }
}

function mendEncoding(): void {
  const encoder = classOf('protocol/encoder.js') as { writeUVarInt: (this: Encoder, value: number) => Encoder }
  encoder.writeUVarInt = function writeUVarIntMended(this: Encoder, value: number): Encoder {
    writeUVarInt(this, value)
    return this
  }
}

function mendAge(): void {
  const pool = classOf('cluster/brokerPool.js') as BrokerPool
  const { refreshMetadata } = pool
  pool.refreshMetadata = async function refreshMetadataMended(this: BrokerPool, topics: string[]): Promise<void> {
    await refreshMetadata.call(this, topics)
    this.metadataExpireAt = Date.now() + METADATA_MAX_AGE_MS
  }
}

function mendOffsets(): void {
  const cluster = classOf('cluster/index.js') as Cluster
  const { fetchTopicsOffset } = cluster
  cluster.fetchTopicsOffset = async function fetchTopicsOffsetMended(
    this: Cluster,
    topics: TopicPartitions[],
  ): Promise<TopicPartitions[]> {
    const led = topics.map(({ topic, partitions, ...rest }) => {
      const leaders = new Map(
        this.findTopicPartitionMetadata(topic).map(({ partitionId, leader }) => [partitionId, leader]),
      )
      return { topic, ...rest, partitions: partitions.filter(({ partition }) => leaders.get(partition) !== -1) }
    })
    const found = await fetchTopicsOffset.call(this, led).catch((error: Error & { type?: string }) => {
      if (STALE.has(error.type ?? '')) this.brokerPool.metadataExpireAt = null
      throw error
    })
    return topics.map(({ topic }) => found.find((each) => each.topic === topic) ?? { topic, partitions: [] })
  }
}
