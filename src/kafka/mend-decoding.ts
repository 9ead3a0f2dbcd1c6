/**
 * Decodes fetched messages instead of kafkajs, which unpacks only gzip and without a bound, decodes headers in quadratic time, decodes
 * a whole fetch without a pause, and mixes up aborted transactions that overlap.
 */
import type { FetchedMessage, FetchedPartition } from './aborted.ts'
import { hideAborted } from './aborted.ts'
import { internal, replaceInternal } from './kafkajs-internals.ts'
import type { FetchAllowance } from './record-batches.ts'
import { areRecordBatches, newAllowance, readRecordBatches } from './record-batches.ts'

/** The undecoded messages of a partition. They are decoded later, when the requested offset is known. */
class Raw {
  readonly bytes: Buffer
  constructor(bytes: Buffer) {
    this.bytes = bytes
  }
}

interface FetchResponse {
  responses: {
    topicName: string
    partitions: (Omit<FetchedPartition, 'messages'> & { partition: number; messages: FetchedMessage[] | Raw })[]
  }[]
}

interface FetchRequest {
  topics: { topic: string; partitions: { partition: number; fetchOffset: string }[] }[]
}

/** As much of kafkajs's Broker as is needed here. */
export interface FetchingBroker {
  fetch: (this: FetchingBroker, request: FetchRequest) => Promise<FetchResponse>
}

interface Decoder {
  readInt32(): number
  canReadBytes(length: number): boolean
  readBytes(length: number): Buffer
}

/**
 * Replaces kafkajs's decoder. Must run before the first fetch, at which kafkajs loads its decoders of fetch responses.
 * @param broker the prototype of kafkajs's Broker; changed in place
 */
export function mendDecoding(broker: FetchingBroker): void {
  replaceInternal('protocol/requests/fetch/v4/decodeMessages.js', readRaw)
  const { fetch } = broker
  broker.fetch = async function fetchMended(this: FetchingBroker, request: FetchRequest): Promise<FetchResponse> {
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
    return response
  }
}

function readRaw(decoder: Decoder): Promise<Raw> {
  const size = decoder.readInt32()
  return Promise.resolve(new Raw(size > 0 && decoder.canReadBytes(size) ? decoder.readBytes(size) : Buffer.alloc(0)))
}

async function decode(raw: Buffer, fetchOffset: bigint, allowance: FetchAllowance): Promise<FetchedMessage[]> {
  if (raw.length === 0) return []
  if (areRecordBatches(raw)) return await readRecordBatches(raw, fetchOffset, allowance)
  const DecoderClass = internal('protocol/decoder.js') as new (buffer: Buffer) => Decoder
  type DecodeMessageSet = (decoder: Decoder, size: number) => Promise<FetchedMessage[]>
  const decodeMessageSet = internal('protocol/messageSet/decoder.js') as DecodeMessageSet
  return await decodeMessageSet(new DecoderClass(raw), raw.length)
}
