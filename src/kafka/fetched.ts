/** Converts what kafkajs passes on of a fetch into this project's types. */
import type { Batch, KafkaMessage } from 'kafkajs'
import { MAX_HEADER_BYTES, MAX_HEADERS } from './bounds.ts'
import { readHeaders } from './headers.ts'
import type { BeyondBounds, SourceMessage } from './messages.ts'
import type { BatchTrouble, FetchedRecord } from './record-batches.ts'
import { timestampMsOf } from './timestamps.ts'

/** A batch that cannot be read; the partition waits before it. */
export interface Unreadable {
  offset: bigint
  /** Names the codec. */
  reason: string
}

/** What a fetch brought. */
export interface Fetched {
  /** Where the fetch began. */
  from: bigint
  /** Where the next fetch begins: after the transaction markers and compacted offsets that follow the last message. */
  to: bigint
  messages: SourceMessage[]
  /** The next batch, when it cannot be read; else null. `to` is then the offset after `messages`. */
  unreadable: Unreadable | null
}

/** The fields that record-batches.ts adds and kafkajs's types lack. */
const added = (message: KafkaMessage) => message as unknown as Pick<FetchedRecord, 'tooManyHeaders' | 'trouble'>

/** @returns null when the batch holds no message */
export function readFetched(batch: Batch): Fetched | null {
  // kafkajs's types lack the field.
  const { fetchedOffset } = batch as unknown as { fetchedOffset: string | number }
  const { topic, partition } = batch
  const messages: SourceMessage[] = []
  let to = BigInt(fetchedOffset)
  for (const message of batch.messages) {
    const unreadable = unreadableIn(message)
    if (unreadable !== null) return { from: BigInt(fetchedOffset), to, messages, unreadable }
    messages.push(readMessage(topic, partition, message))
    to = BigInt(message.offset) + 1n
  }
  if (messages.length === 0) return null
  return { from: BigInt(fetchedOffset), to: BigInt(batch.lastOffset()) + 1n, messages, unreadable: null }
}

/** @returns why this worker cannot read a batch that others may, when the message stands in for it; null for any other message */
export function unreadableIn(message: KafkaMessage): Unreadable | null {
  const { trouble } = added(message)
  return trouble?.kind === 'unreadable' ? { offset: trouble.from, reason: sayTrouble(trouble, message.offset) } : null
}

/** @returns why the message is dead-lettered without being read; null when it is not */
export function beyondBounds(message: KafkaMessage): BeyondBounds | null {
  const { tooManyHeaders, trouble } = added(message)
  if (trouble !== undefined) {
    const reason = trouble.kind === 'too_large' ? 'batch_too_large' : 'batch_unreadable'
    return { reason, detail: sayTrouble(trouble, message.offset), fromOffset: trouble.from }
  }
  if (tooManyHeaders === undefined) return null
  const { count, bytes } = tooManyHeaders
  const detail = `${count} headers of ${bytes} bytes; at most ${MAX_HEADERS} of ${MAX_HEADER_BYTES}`
  return { reason: 'headers_too_large', detail, fromOffset: null }
}

const sayTrouble = ({ codec, reason, from }: BatchTrouble, last: string) =>
  `the batch of offsets ${from} to ${last}, compressed with ${codec}: ${reason}`

function readMessage(topic: string, partition: number, message: KafkaMessage): SourceMessage {
  const beyond = beyondBounds(message)
  return {
    topic,
    partition,
    offset: BigInt(message.offset),
    timestampMs: timestampMsOf(message.timestamp),
    key: message.key,
    value: message.value,
    headers: readHeaders(message.headers ?? {}),
    ...(beyond === null ? {} : { beyond }),
  }
}
