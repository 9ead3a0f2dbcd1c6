/** Builds record batches byte by byte and sends them, for content that no client would send. */
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gzip, zstdCompress } from 'node:zlib'
import { compressFrame } from 'lz4-napi'
import { compress } from 'snappy'
import type { CodecName } from '../../src/kafka/codecs.ts'

const crc32c = createRequire(import.meta.url)('kafkajs/src/protocol/recordBatch/crc32C/index.js') as (
  bytes: Buffer,
) => number

const NUMBERS = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 }
const PACK: Record<CodecName, (bytes: Buffer) => Promise<Buffer>> = {
  gzip: promisify(gzip),
  snappy: (bytes) => compress(bytes),
  lz4: (bytes) => compressFrame(bytes, { contentChecksum: true }),
  zstd: promisify(zstdCompress),
}

export interface RawRecord {
  key?: Buffer | null
  value: Buffer | string | null
  headers?: (readonly [string, Buffer | null])[]
  /** By default the record's place in the batch. */
  offsetDelta?: number
}

export interface RawBatchOptions {
  codec?: CodecName | 'none'
  records: readonly RawRecord[]
  base?: bigint
  /** Shared by all records of the batch. */
  timestamp?: bigint
  /** Changes the packed records. */
  tamper?: (packed: Buffer) => void
  attributes?: number
  producerId?: bigint
  lastOffsetDelta?: number
}

/** @returns one record batch (magic 2) as it stands in a log */
export async function rawBatch({ codec = 'none', records, ...options }: RawBatchOptions): Promise<Buffer> {
  const plain = Buffer.concat(records.map((record, index) => recordBytes(record, index)))
  const packed = codec === 'none' ? plain : await PACK[codec](plain)
  options.tamper?.(packed)
  const head = Buffer.alloc(61)
  const { timestamp = BigInt(Date.now()) } = options
  head.writeBigInt64BE(options.base ?? 0n, 0)
  head.writeInt32BE(49 + packed.length, 8)
  head.writeInt8(2, 16)
  head.writeInt16BE(NUMBERS[codec] | (options.attributes ?? 0), 21)
  head.writeInt32BE(options.lastOffsetDelta ?? records.length - 1, 23)
  head.writeBigInt64BE(timestamp, 27)
  head.writeBigInt64BE(timestamp, 35)
  head.writeBigInt64BE(options.producerId ?? -1n, 43)
  head.writeInt16BE(-1, 51)
  head.writeInt32BE(-1, 53)
  head.writeInt32BE(records.length, 57)
  const batch = Buffer.concat([head, packed])
  batch.writeUInt32BE(crc32c(batch.subarray(21)) >>> 0, 17)
  return batch
}

function recordBytes({ key = Buffer.from('new_request'), value, headers = [], offsetDelta }: RawRecord, index: number) {
  const body = Buffer.concat([
    Buffer.from([0]),
    varint(0),
    varint(offsetDelta ?? index),
    sized(key),
    sized(value),
    varint(headers.length),
    ...headers.flatMap(([name, content]) => [sized(name), sized(content)]),
  ])
  return Buffer.concat([varint(body.length), body])
}

function sized(content: Buffer | string | null): Buffer {
  if (content === null) return varint(-1)
  const bytes = Buffer.from(content as string)
  return Buffer.concat([varint(bytes.length), bytes])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128)
  return Buffer.from([...bytes, rest])
}

/** Errors of a broker that does not know a new topic, or its leader, yet. */
const NOT_YET = new Set([3, 5, 6])
const PATIENCE_MS = 15_000

/**
 * Sends a batch to its partition's leader, which the first of `brokers` must be, with acks=all.
 * @throws Error with the protocol's number of the refusal
 */
export async function produceRaw(brokers: string[], topic: string, partition: number, batch: Buffer): Promise<void> {
  for (const endsMs = performance.now() + PATIENCE_MS; ;) {
    const error = await produceOnce(brokers, topic, partition, batch)
    if (error === 0) return
    if (!NOT_YET.has(error) || performance.now() > endsMs) throw new Error(`the broker refuses the batch with ${error}`)
    await sleep(100)
  }
}

async function produceOnce(brokers: string[], topic: string, partition: number, batch: Buffer): Promise<number> {
  const [host, port] = (brokers[0] ?? '').split(':')
  const string = (text: string) => Buffer.concat([int16(Buffer.byteLength(text)), Buffer.from(text)])
  const request = Buffer.concat([
    // Produce, version 7; correlation id, client; no transactional id, acks, timeout.
    int16(0),
    int16(7),
    int32(1),
    string('raw'),
    int16(-1),
    int16(-1),
    int32(20_000),
    // One topic with one partition.
    int32(1),
    string(topic),
    int32(1),
    int32(partition),
    int32(batch.length),
    batch,
  ])
  const socket = connect({ host: host ?? '', port: Number(port) })
  try {
    await once(socket, 'connect')
    socket.write(Buffer.concat([int32(request.length), request]))
    const [answer] = (await once(socket, 'data')) as [Buffer]
    return answer.readInt16BE(8 + 4 + 2 + Buffer.byteLength(topic) + 4 + 4)
  } finally {
    socket.destroy()
  }
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
