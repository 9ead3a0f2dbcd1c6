/**
 * Mends kafkajs 2.2.4, which has had no release since 2022, where its options do not suffice. Importing this file does it for every
 * kafkajs client of the process; it must be imported before the first fetch.
 *
 * | what kafkajs does | what is done here | where |
 * |---|---|---|
 * | unpacks gzip only, without a bound; decodes headers in quadratic time and a whole fetch without a pause | decodes every codec within bounds and with pauses | mend-decoding.ts, record-batches.ts |
 * | mixes up aborted transactions that overlap | hides them | aborted.ts |
 * | at one partition's error, throws away what the fetch brought of the others, and joins the group again | delivers the others, reads the metadata again | mend-fetch-errors.ts |
 * | while one partition has no leader, fails at every reading of metadata, for all partitions and topics | gives that partition the leader -1 | mend-metadata.ts |
 * | believes its metadata for 5 min, in the admin client whatever one sets, though leaders move and partitions are added | believes them for 10 s | mend-metadata.ts |
 * | asks for the offsets of a partition without a leader, and fails for all | gives the offsets of the others | mend-offsets.ts |
 * | takes the bytes of a cut connection for the beginning of the next one's; an error while it reads them ends the process | begins each connection anew, which such an error ends | mend-connections.ts |
 * | sets timers to the year 1970, which Node prints a warning of | sets none | mend-connections.ts |
 * | asks a coordinator that has died until its broker is back, though another one has the group | finds the other one | coordinator.ts |
 * | asks for the coordinators of a transactional producer four times in each transaction | remembers them until one fails | mend-coordinators.ts |
 * | makes an array and a buffer for each variable-length integer that it writes | writes in place | varints.ts |
 */
import type { Coordinated } from './coordinator.ts'
import { followCoordinator } from './coordinator.ts'
import { installedVersion, internal, isLoaded, prototypeOf } from './kafkajs-internals.ts'
import type { Connection, RequestQueue } from './mend-connections.ts'
import { mendConnections, mendRequestQueue } from './mend-connections.ts'
import type { CoordinatedCluster, CoordinatingBroker } from './mend-coordinators.ts'
import { mendCoordinators } from './mend-coordinators.ts'
import type { FetchingBroker } from './mend-decoding.ts'
import { mendDecoding } from './mend-decoding.ts'
import type { AnsweringBroker, FetchingGroup, FetchProtocol } from './mend-fetch-errors.ts'
import { mendFetchErrors } from './mend-fetch-errors.ts'
import type { BrokerPool, DescribingBroker, MetadataProtocol } from './mend-metadata.ts'
import { mendMetadataAge, mendMetadataErrors, mendTopicCreation } from './mend-metadata.ts'
import type { Cluster } from './mend-offsets.ts'
import { mendOffsets } from './mend-offsets.ts'
import type { Encoder } from './varints.ts'
import { writeUVarInt } from './varints.ts'

const VERSION = '2.2.4'
/** The parts that are loaded at the first request of their kind, and take what they use of other parts with them. */
const LOADED_LATE = ['/protocol/requests/fetch/v', '/protocol/requests/metadata/v']

/** kafkajs's classes belong to the process, but a test runner may load this module several times. */
const MENDED = Symbol.for('resume-scoring-worker.kafkajs-mended')
const broker = prototypeOf('broker/index.js') as FetchingBroker &
  AnsweringBroker &
  DescribingBroker &
  CoordinatingBroker
if (!(MENDED in broker)) {
  assertUnused()
  mendAll()
  Object.defineProperty(broker, MENDED, { value: true })
}

/** @throws Error when kafkajs is another version than the mends were written for, or is in use already */
function assertUnused(): void {
  const version = installedVersion()
  if (version !== VERSION) throw new Error(`kafkajs is ${version}; src/kafka/mended.ts was written for ${VERSION}`)
  if (LOADED_LATE.some(isLoaded)) throw new Error('src/kafka/mended.ts must be imported before kafkajs is used')
}

function mendAll(): void {
  const group = prototypeOf('consumer/consumerGroup.js') as FetchingGroup & Coordinated
  mendDecoding(broker)
  mendFetchErrors(internal('protocol/requests/fetch/v0/response.js') as FetchProtocol, broker, group)
  mendMetadataErrors(internal('protocol/requests/metadata/v0/response.js') as MetadataProtocol)
  mendTopicCreation(broker)
  mendMetadataAge(prototypeOf('cluster/brokerPool.js') as BrokerPool)
  const cluster = prototypeOf('cluster/index.js') as Cluster & CoordinatedCluster
  mendOffsets(cluster)
  mendCoordinators(cluster, broker)
  mendConnections(prototypeOf('network/connection.js') as Connection)
  mendRequestQueue(prototypeOf('network/requestQueue/index.js') as RequestQueue)
  followCoordinator(group)
  mendEncoding(prototypeOf('protocol/encoder.js') as EncoderPrototype)
}

interface EncoderPrototype {
  writeUVarInt: (this: Encoder, value: number) => Encoder
}

function mendEncoding(encoder: EncoderPrototype): void {
  encoder.writeUVarInt = function writeUVarIntMended(this: Encoder, value: number): Encoder {
    writeUVarInt(this, value)
    return this
  }
}
