/**
 * Reads the record batches of a fetch instead of kafkajs's own decoder (see mended.ts): with every codec, in linear time, within the
 * bounds of bounds.ts, and with pauses for the event loop. Format: Kafka's protocol guide, "Record Batch".
 */
import { turn } from '../lib/turns.ts'
import { MAX_RECORDS_PER_FETCH, MAX_UNPACKED_BYTES } from './bounds.ts'
import type { UnpackTrouble } from './codecs.ts'
import { codecOf, unpack, UnpackError } from './codecs.ts'
import { crc32c } from './crc32c.ts'
import type { HeadersFound } from './record-headers.ts'
import { readRecordHeaders } from './record-headers.ts'
import { ByteReader } from './byte-reader.ts'

/** Why a batch is not delivered as its records. */
export interface BatchTrouble {
  /** `malformed`: as its producer sent it, so that nobody can read it. A batch that was damaged later is `unreadable`. */
  kind: UnpackTrouble
  codec: string
  reason: string
  /** The first offset of the batch that is not delivered. The message that stands in for the batch has the last one. */
  from: bigint
}

/** A record as kafkajs's consumer passes it on, with what is wrong with it. */
export interface FetchedRecord {
  magicByte: 2
  attributes: number
  timestamp: string
  offset: string
  key: Buffer | null
  value: Buffer | null
  headers: HeadersFound['headers']
  isControlRecord: boolean
  batchContext: { producerId: string; inTransaction: boolean }
  /** Set when the headers are beyond the bounds: how many there are, and their bytes. `headers` then holds only the trace headers. */
  tooManyHeaders?: { count: number; bytes: number }
  /** Set when the record stands in for a whole batch; it has no content then. */
  trouble?: BatchTrouble
}

/** What one fetch may still bring, over all of its partitions. */
export interface FetchAllowance {
  bytes: number
}

export const newAllowance = (): FetchAllowance => ({ bytes: MAX_UNPACKED_BYTES })

/** The length of a batch does not count its first 12 bytes: the base offset and the length itself. */
const PREFIX_BYTES = 12
const HEADER_BYTES = 61
const MAGIC_AT = 16
const CHECKSUM_AT = 17
/** The checksum covers the batch from here on. */
const ATTRIBUTES_AT = 21
/** Decoding gives the event loop a turn after this time. */
const SLICE_MS = 10
const RECORDS_BETWEEN_LOOKS = 32

/**
 * Decodes the batches of one partition.
 * @param raw the record batches; the last may be cut off
 * @param fetchOffset records before it are skipped: a broker sends whole batches
 * @param allowance when it is used up, the rest is left to the next fetch
 * @returns the records from `fetchOffset` on. A batch whose last offsets were compacted away ends with a made-up control record, so
 * that the reader gets past them. A record with `trouble` stands in for a batch that is not delivered
 */
export async function readRecordBatches(
  raw: Buffer,
  fetchOffset: bigint,
  allowance: FetchAllowance,
): Promise<FetchedRecord[]> {
  const records: FetchedRecord[] = []
  for (let at = 0; at + HEADER_BYTES <= raw.length && records.length < MAX_RECORDS_PER_FETCH;) {
    const end = at + PREFIX_BYTES + raw.readInt32BE(at + 8)
    if (end > raw.length || end < at + HEADER_BYTES) break
    const batch = readBatchHeader(raw.subarray(at, end))
    at = end
    if (batch.lastOffset < fetchOffset) continue
    const found = await readBatch(batch, fetchOffset, MAX_RECORDS_PER_FETCH - records.length, allowance)
    if (found === 'later') break
    records.push(...found)
    if (found.at(-1)?.trouble?.kind === 'unreadable') break
  }
  return records
}

/** @returns whether the bytes are record batches; brokers may still hold message sets from before Kafka 0.11 */
export const areRecordBatches = (raw: Buffer) => raw.length > MAGIC_AT && raw.readInt8(MAGIC_AT) === 2

type BatchHeader = ReturnType<typeof readBatchHeader>

function readBatchHeader(batch: Buffer) {
  const attributes = batch.readInt16BE(ATTRIBUTES_AT)
  const base = batch.readBigInt64BE(0)
  return {
    bytes: batch,
    base,
    lastOffset: base + BigInt(batch.readInt32BE(23)),
    firstTimestamp: batch.readBigInt64BE(27),
    maxTimestamp: batch.readBigInt64BE(35),
    codec: codecOf(attributes),
    isLogAppendTime: (attributes & 8) > 0,
    isControl: (attributes & 32) > 0,
    context: { producerId: batch.readBigInt64BE(43).toString(), inTransaction: (attributes & 16) > 0 },
    count: batch.readInt32BE(57),
    content: batch.subarray(HEADER_BYTES),
  }
}

async function readBatch(
  batch: BatchHeader,
  fetchOffset: bigint,
  mostRecords: number,
  allowance: FetchAllowance,
): Promise<FetchedRecord[] | 'later'> {
  if (allowance.bytes <= 0) return 'later'
  const isFirst = allowance.bytes === MAX_UNPACKED_BYTES
  let content: Buffer
  try {
    content = batch.codec === null ? batch.content : await unpack(batch.codec, batch.content, MAX_UNPACKED_BYTES)
  } catch (error) {
    if (!(error instanceof UnpackError)) throw error
    return [await troubled(batch, fetchOffset, error)]
  }
  // The unpacked batch is dropped; the next fetch begins with it and has room.
  if (content.length > allowance.bytes && !isFirst) return 'later'
  allowance.bytes -= content.length
  return await readRecords(batch, content, fetchOffset, mostRecords)
}

async function readRecords(
  batch: BatchHeader,
  content: Buffer,
  fetchOffset: bigint,
  mostRecords: number,
): Promise<FetchedRecord[]> {
  const records: FetchedRecord[] = []
  const reader = new ByteReader(content)
  let sliceMs = performance.now()
  try {
    for (let index = 0; index < batch.count; index++) {
      if (index % RECORDS_BETWEEN_LOOKS === 0 && performance.now() - sliceMs > SLICE_MS) {
        await turn()
        sliceMs = performance.now()
      }
      if (records.length === mostRecords) return records
      const record = readRecord(batch, reader, fetchOffset)
      if (record !== null) records.push(record)
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    const damaged = new UnpackError('malformed', batch.codec ?? 'none', `a record is damaged: ${error.message}`)
    const before = records.at(-1)
    return [...records, await troubled(batch, before === undefined ? fetchOffset : BigInt(before.offset) + 1n, damaged)]
  }
  const last = records.at(-1)
  const isWhole = last !== undefined && last.offset === batch.lastOffset.toString()
  return isWhole ? records : [...records, { ...standingFor(batch), isControlRecord: true }]
}

/** @returns the next record; null when it lies before `fetchOffset` */
function readRecord(batch: BatchHeader, reader: ByteReader, fetchOffset: bigint): FetchedRecord | null {
  const length = reader.varint()
  const end = reader.at + length
  if (length < 0) throw new RangeError('a negative length')
  const attributes = reader.byte()
  const timestampDelta = reader.varlong()
  const offset = batch.base + BigInt(reader.varint())
  if (offset < fetchOffset) {
    reader.moveTo(end)
    return null
  }
  const key = reader.bytes()
  const value = reader.bytes()
  const found = readRecordHeaders(reader, end)
  reader.moveTo(end)
  return {
    magicByte: 2,
    attributes,
    timestamp: (batch.isLogAppendTime ? batch.maxTimestamp : batch.firstTimestamp + timestampDelta).toString(),
    offset: offset.toString(),
    key,
    value,
    headers: found.headers,
    isControlRecord: batch.isControl,
    batchContext: batch.context,
    ...(found.beyond === null ? {} : { tooManyHeaders: found.beyond }),
  }
}

/** @returns a record that stands for the batch's offsets from `nextOffset` on */
async function troubled(batch: BatchHeader, nextOffset: bigint, error: UnpackError): Promise<FetchedRecord> {
  const { kind, codec, message: reason } = error
  const from = nextOffset > batch.base ? nextOffset : batch.base
  const trouble: BatchTrouble =
    kind === 'malformed' && !(await isAsSent(batch))
      ? {
          kind: 'unreadable',
          codec,
          reason: `${reason}; its checksum is wrong: it was damaged after it was sent`,
          from,
        }
      : { kind, codec, reason, from }
  return { ...standingFor(batch), trouble }
}

/** Brokers compare the checksum when a batch is sent, and not when it is fetched. */
const isAsSent = async ({ bytes }: BatchHeader) =>
  bytes.readUInt32BE(CHECKSUM_AT) === (await crc32c(bytes.subarray(ATTRIBUTES_AT)))

/** A record without content at the last offset of a batch. */
function standingFor({ lastOffset, maxTimestamp, context }: BatchHeader): FetchedRecord {
  return {
    magicByte: 2,
    attributes: 0,
    timestamp: maxTimestamp.toString(),
    offset: lastOffset.toString(),
    key: null,
    value: null,
    headers: {},
    isControlRecord: false,
    batchContext: context,
  }
}
