/** Dead letters: messages that cannot be answered, kept for the operator with their bytes as they came and the reason in headers. */
import { createHash } from 'node:crypto'
import type { DeadLetterReason } from '../contracts.ts'
import { boundHeaders } from '../kafka/headers.ts'
import type { Headers, OutgoingMessage, SourceMessage } from '../kafka/messages.ts'

/** The headers that a dead letter has beside those of the original message. */
export const DEAD_LETTER_HEADERS = {
  reason: 'dead-letter-reason',
  detail: 'dead-letter-detail',
  topic: 'dead-letter-source-topic',
  partition: 'dead-letter-source-partition',
  offset: 'dead-letter-source-offset',
  /** Only when the letter stands for all messages at the offsets from this one to its own. */
  firstOffset: 'dead-letter-source-first-offset',
  /** The original message's timestamp, ISO 8601; the epoch when it cannot be read. */
  time: 'dead-letter-source-time',
  /** Only where the broker refused the whole message as too large. */
  valueBytes: 'dead-letter-value-bytes',
  valueSha256: 'dead-letter-value-sha256',
} as const

const NAMES = new Set<string>(Object.values(DEAD_LETTER_HEADERS))

/** @returns the headers without those of a dead letter: a dead letter that was sent again still has them */
export const withoutLetterHeaders = <Value>(headers: Record<string, Value>): Record<string, Value> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !NAMES.has(name)))

/**
 * @param detail for the operator; names of fields at the most, nothing of their values
 * @returns the message for the dead-letter topic: original key and value, original headers within bounds, and where it came from
 */
export function deadLetter(
  topic: string,
  source: SourceMessage,
  reason: DeadLetterReason,
  detail: string,
): OutgoingMessage {
  const fromOffset = source.beyond?.fromOffset ?? null
  const headers: Headers = {
    ...boundHeaders(withoutLetterHeaders(source.headers)),
    [DEAD_LETTER_HEADERS.reason]: reason,
    [DEAD_LETTER_HEADERS.detail]: detail,
    [DEAD_LETTER_HEADERS.topic]: source.topic,
    [DEAD_LETTER_HEADERS.partition]: String(source.partition),
    [DEAD_LETTER_HEADERS.offset]: source.offset.toString(),
    ...(fromOffset === null ? {} : { [DEAD_LETTER_HEADERS.firstOffset]: fromOffset.toString() }),
    [DEAD_LETTER_HEADERS.time]: new Date(source.timestampMs).toISOString(),
  }
  return { topic, key: source.key, value: source.value, headers }
}

/** @returns the dead letter with size and hash of its value instead of value, key and original headers: any of these may be too large */
export function withoutValue(letter: OutgoingMessage): OutgoingMessage {
  const value = letter.value ?? Buffer.alloc(0)
  const own = Object.entries(letter.headers).filter(([name]) => NAMES.has(name))
  return {
    topic: letter.topic,
    key: null,
    value: null,
    headers: {
      ...Object.fromEntries(own),
      [DEAD_LETTER_HEADERS.valueBytes]: String(Buffer.byteLength(value)),
      [DEAD_LETTER_HEADERS.valueSha256]: createHash('sha256').update(value).digest('hex'),
    },
  }
}
