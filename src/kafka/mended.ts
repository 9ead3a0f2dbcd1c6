/**
 * Mends kafkajs 2.2.4, which has had no release since 2022, where its options do not suffice. Importing this file mends every kafkajs
 * client of the process; it must be imported before the first of them is used.
 *
 * | what kafkajs does | what is done here | where |
 * |---|---|---|
 * | unpacks gzip only, without a bound; decodes headers in quadratic time and a whole fetch without a pause | decodes every codec within bounds and with pauses | mend-decoding.ts, record-batches.ts |
 * | delivers messages of aborted transactions that overlap | hides these messages | aborted.ts |
 * | at one partition's error, throws away what the fetch brought of the others, and joins the group again | delivers the others, reads the metadata again | mend-fetch-errors.ts |
 * | while one partition has no leader, cannot read metadata of any partition or topic | gives that partition the leader -1 | mend-metadata.ts |
 * | keeps metadata for 5 min, in the admin client whatever the settings say, though leaders move and partitions are added | keeps them for 10 s | mend-metadata.ts |
 * | asks for the offsets of a partition without a leader, and fails for all | gives the offsets of the others | mend-offsets.ts |
 * | reads the bytes of a cut connection as the beginning of the next one; an error while it reads them ends the process | starts each connection without old bytes; such an error ends only the connection | mend-connections.ts |
 * | sets timers to the year 1970, for which Node prints a warning | sets none | mend-connections.ts |
 * | after the machine's clock was set back, sends nothing to a broker that asked for a pause, until the clock has caught up | ends the pause in time | mend-connections.ts |
 * | sends no heartbeats after the machine's clock was set back, until it has caught up | sends them | mend-heartbeat.ts |
 * | asks a dead coordinator until its broker is back, though another broker coordinates the group | finds the other one | coordinator.ts |
 * | looks up a transactional producer's coordinators four times in each transaction | remembers them until one fails | mend-coordinators.ts |
 * | allocates an array and a buffer for each variable-length integer that it writes | writes in place | varints.ts |
 */
import type { Coordinated } from './coordinator.ts'
import { followCoordinator } from './coordinator.ts'
import { installedVersion, internal, isLoaded, prototypeOf } from './kafkajs-internals.ts'
import type { Connection, RequestQueue } from './mend-connections.ts'
import { mendConnections, mendRequestQueue, mendThrottling } from './mend-connections.ts'
import type { CoordinatedCluster, CoordinatingBroker } from './mend-coordinators.ts'
import { mendCoordinators } from './mend-coordinators.ts'
import type { FetchingBroker } from './mend-decoding.ts'
import { mendDecoding } from './mend-decoding.ts'
import type { AnsweringBroker, FetchingGroup, FetchProtocol } from './mend-fetch-errors.ts'
import { mendFetchErrors } from './mend-fetch-errors.ts'
import type { BeatingGroup } from './mend-heartbeat.ts'
import { mendHeartbeat } from './mend-heartbeat.ts'
import type { BrokerPool, DescribingBroker, MetadataProtocol } from './mend-metadata.ts'
import { mendMetadataAge, mendMetadataErrors, mendTopicCreation } from './mend-metadata.ts'
import type { Cluster } from './mend-offsets.ts'
import { mendOffsets } from './mend-offsets.ts'
import type { Encoder } from './varints.ts'
import { writeUVarInt } from './varints.ts'

const VERSION = '2.2.4'
/** Modules that kafkajs loads at the first request of their kind. They import what they use then, so they must load after the mends. */
const LOADED_LATE = ['/protocol/requests/fetch/v', '/protocol/requests/metadata/v']

/** Marks mended classes: they are shared by the whole process, and a test runner may load this module several times. */
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
  const group = prototypeOf('consumer/consumerGroup.js') as FetchingGroup & Coordinated & BeatingGroup
  mendDecoding(broker)
  mendFetchErrors(internal('protocol/requests/fetch/v0/response.js') as FetchProtocol, broker, group)
  mendMetadataErrors(internal('protocol/requests/metadata/v0/response.js') as MetadataProtocol)
  mendTopicCreation(broker)
  mendMetadataAge(prototypeOf('cluster/brokerPool.js') as BrokerPool)
  const cluster = prototypeOf('cluster/index.js') as Cluster & CoordinatedCluster
  mendOffsets(cluster)
  mendCoordinators(cluster, broker)
  mendConnections(prototypeOf('network/connection.js') as Connection)
  const queue = prototypeOf('network/requestQueue/index.js') as RequestQueue
  mendRequestQueue(queue)
  mendThrottling(queue)
  followCoordinator(group)
  mendHeartbeat(group)
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
