/** Reads a dead letter's headers, and restores the original message. Pure. */
import { decodeRequest } from '../contracts.ts'
import { DEAD_LETTER_HEADERS, withoutLetterHeaders } from '../outcomes/dead-letter.ts'
import type { ClaimOwner } from '../claims/dedupe.ts'
import type { OutgoingMessage } from '../kafka/messages.ts'
import type { Copy } from './copies.ts'
import { headerOf } from './copies.ts'

export interface Letter {
  partition: number
  offset: bigint
  timestampMs: number
  reason: string
  detail: string
  /** null when a header is missing or malformed: no worker wrote this letter. */
  source: { topic: string; partition: number; offset: bigint; timestampMs: number } | null
  /** null when the value holds none that can be read. */
  processingId: bigint | null
  /** The message was too large for the broker, or in a batch too large to be unpacked: only its coordinates were kept. */
  isWithoutValue: boolean
}

export function readLetter(copy: Copy): Letter {
  const { partition, offset, timestampMs, value } = copy
  const header = (name: keyof typeof DEAD_LETTER_HEADERS) => headerOf(copy, DEAD_LETTER_HEADERS[name])
  const decoded = decodeRequest(value)
  const address =
    decoded.kind === 'request' ? decoded.request.address : decoded.kind === 'invalid' ? decoded.address : null
  return {
    partition,
    offset,
    timestampMs,
    reason: header('reason') ?? 'unknown',
    detail: header('detail') ?? '',
    source: sourceOf(header('topic'), header('partition'), header('offset'), header('time')),
    processingId: address?.processingId ?? null,
    isWithoutValue: value === null && (header('valueBytes') !== null || header('firstOffset') !== null),
  }
}

function sourceOf(topic: string | null, partition: string | null, offset: string | null, time: string | null) {
  const timestampMs = Date.parse(time ?? '')
  const isWhole = (text: string | null) => text !== null && /^\d{1,19}$/.test(text)
  if (topic === null || !isWhole(partition) || !isWhole(offset) || Number.isNaN(timestampMs)) return null
  return { topic, partition: Number(partition), offset: BigInt(offset ?? ''), timestampMs }
}

/** @returns the message as it was first sent: its key, bytes and headers, without the letter's own headers */
export function originalOf({ key, value, headers }: Copy, topic: string): OutgoingMessage {
  return { topic, key, value, headers: withoutLetterHeaders(headers) }
}

/** @returns the id and owner of the claim that the letter's message may have left; null when the id or the message is unknown */
export function claimantOf({ processingId, source }: Letter, group: string): { id: bigint; owner: ClaimOwner } | null {
  return processingId === null || source === null ? null : { id: processingId, owner: { group, ...source } }
}
