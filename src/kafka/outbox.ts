/** Chooses which completed messages of a partition go into the next transaction, and learns from Kafka's rejections. */
import type { Log } from '../logging/log.ts'
import type { Completion, OutgoingMessage } from './messages.ts'
import { encodeDone, METADATA_LIMIT_BYTES } from './offset-metadata.ts'
import type { Uncommitted, UncommittedMessage } from './uncommitted.ts'
import type { Progress } from './progress.ts'
import { progressOf } from './progress.ts'
import type { PublishRejected, Source } from './publisher.ts'
import type { Offsets } from './reconcile.ts'

export interface BatchLimits {
  /** The most completions in a transaction. */
  messages: number
  /** The most bytes for one topic: all may go to one partition in one record batch, for which the broker's default limit is 1 MB. */
  bytes: number
}

export const DEFAULT_BATCH_LIMITS: BatchLimits = { messages: 200, bytes: 700_000 }

/** A batch limit that was halved is doubled again after this time. */
const REGROW_MS = 60_000
const TOPIC_RETRY_MIN_MS = 1_000
const TOPIC_RETRY_MAX_MS = 10_000
/** A message that Kafka refuses in every form is tried again after this time. */
const UNPUBLISHABLE_RETRY_MS = 60_000
const RECORD_OVERHEAD_BYTES = 100

/** What one transaction would hold. */
export interface Batch {
  items: UncommittedMessage[]
  progress: Progress
  metadata: string
}

interface TopicBackoff {
  reason: string
  untilMs: number
  delayMs: number
}

/**
 * Long, because everything in it shares the backoffs of topics and the sizes that Kafka accepts.
 * @returns what chooses the next batch of a partition to publish
 */
export function createOutbox(
  uncommitted: Uncommitted,
  { topic: sourceTopic, partition }: Pick<Source, 'topic' | 'partition'>,
  log: Log,
  limits: BatchLimits,
  now: () => number = () => performance.now(),
) {
  let batchBytes = limits.bytes
  let shrunkAtMs = 0
  let metadataBytes = METADATA_LIMIT_BYTES
  let metadataFull = false
  /** Set after a rejection that names no topic: sending to one topic at a time finds the topic that Kafka refuses. */
  let eachTopicAlone = false
  const backoffs = new Map<string, TopicBackoff>()

  /** @returns completed messages in the order of their offsets, as many as fit; empty when there is nothing to publish now */
  function pick(): UncommittedMessage[] {
    const atMs = now()
    const isBackedOff = (topic: string) => (backoffs.get(topic)?.untilMs ?? 0) > atMs
    // Kafka refuses the offset of every batch.
    if (isBackedOff(sourceTopic)) return []
    const picked: UncommittedMessage[] = []
    const bytes = new Map<string, number>()
    for (const item of uncommitted.all()) {
      if (picked.length === limits.messages) break
      if (item.phase !== 'completed' || item.completion === null || item.notBeforeMs > atMs) continue
      const { messages } = item.completion
      if (messages.some(({ topic }) => isBackedOff(topic))) continue
      for (const message of messages) bytes.set(message.topic, (bytes.get(message.topic) ?? 0) + sizeOf(message))
      if (picked.length > 0 && Math.max(...bytes.values()) > batchBytes) break
      picked.push(item)
    }
    return picked
  }

  /**
   * Shortens `items` until the list of done offsets above the committed one fits the commit's metadata.
   * @returns null when there are no items, or when not even one fits: the partition then starts nothing more until its oldest message is
   * done
   */
  function fit(items: UncommittedMessage[], { next, ahead }: Offsets): Batch | null {
    for (let count = items.length; count > 0; count >>= 1) {
      const part = items.slice(0, count)
      const progress = progressOf(uncommitted.rangesWithout(new Set(part)), next, ahead)
      const metadata = encodeDone(progress.offset, progress.done)
      if (metadata.length <= metadataBytes) {
        metadataFull = false
        return { items: part, progress, metadata }
      }
    }
    if (items.length === 0) return null
    if (!metadataFull) log.warn('too many gaps between finished offsets: waiting for the oldest message', { partition })
    metadataFull = true
    return null
  }

  function succeeded(items: UncommittedMessage[]): void {
    eachTopicAlone = false
    if (batchBytes < limits.bytes && now() - shrunkAtMs > REGROW_MS) {
      batchBytes = Math.min(limits.bytes, batchBytes * 2)
      shrunkAtMs = now()
    }
    if (backoffs.size === 0) return
    for (const topic of [sourceTopic, ...topicsOf(items)]) {
      if (backoffs.delete(topic)) log.info('publishing to a topic works again', { topic, partition })
    }
  }

  /** Changes what the next transactions contain, so that Kafka accepts them. */
  async function rejected(error: PublishRejected, items: UncommittedMessage[]): Promise<void> {
    if (error.rejection === 'metadata_too_large') {
      metadataBytes = Math.max(1, metadataBytes >> 1)
    } else if (error.rejection === 'topic') {
      if (error.topic === null) eachTopicAlone = true
      else backOff(error.topic, error.message)
    } else if (items.length > 1) {
      shrink(items)
    } else if (items[0] !== undefined) {
      await replaceTooLarge(items[0])
    }
  }

  function backOff(topic: string, reason: string): void {
    const before = backoffs.get(topic)
    if (before === undefined) log.error('publishing is held: Kafka refuses a topic', { topic, partition, reason })
    const delayMs = Math.min((before?.delayMs ?? TOPIC_RETRY_MIN_MS / 2) * 2, TOPIC_RETRY_MAX_MS)
    backoffs.set(topic, { reason, delayMs, untilMs: now() + delayMs })
  }

  function shrink(items: UncommittedMessage[]): void {
    const byTopic = Map.groupBy(
      items.flatMap(({ completion }) => completion?.messages ?? []),
      ({ topic }) => topic,
    )
    const largest = Math.max(
      1,
      ...[...byTopic.values()].map((list) => list.reduce((sum, each) => sum + sizeOf(each), 0)),
    )
    batchBytes = Math.max(1, Math.floor(Math.min(batchBytes, largest) / 2))
    shrunkAtMs = now()
    log.debug('Kafka found a transaction too large: smaller ones from now on', { partition, bytes: batchBytes })
  }

  async function replaceTooLarge(item: UncommittedMessage): Promise<void> {
    const { offset } = item.message
    const instead = await smaller(item.completion, offset)
    if (instead === null) {
      item.notBeforeMs = now() + UNPUBLISHABLE_RETRY_MS
      log.error('Kafka refuses a message as too large, and there is no smaller one', { partition, offset })
      return
    }
    log.warn('Kafka refuses a message as too large: publishing a smaller one instead', { partition, offset })
    item.completion = instead
  }

  async function smaller(completion: Completion | null, offset: bigint): Promise<Completion | null> {
    try {
      return (await completion?.ifTooLarge?.()) ?? null
    } catch (error) {
      log.error('no replacement for a message that is too large', {
        partition,
        offset,
        reason: (error as Error).message,
      })
      return null
    }
  }

  return {
    pick,
    fit,
    succeeded,
    rejected,
    /** Whether to send to each topic alone, to find out which one Kafka refuses. */
    eachTopicAlone: (items: UncommittedMessage[]) =>
      eachTopicAlone || (backoffs.size > 0 && topicsOf(items).some((each) => backoffs.has(each))),
    /** Whether no more messages may be started, because more gaps would not fit the metadata. */
    isFull: () => metadataFull,
    /** Topics that Kafka refuses, and why. */
    backoffs: () => [...backoffs].map(([topic, { reason }]) => ({ topic, reason })),
  }
}

export type Outbox = ReturnType<typeof createOutbox>

function topicsOf(items: UncommittedMessage[]): string[] {
  return [...new Set(items.flatMap(({ completion }) => completion?.messages.map(({ topic }) => topic) ?? []))]
}

function sizeOf({ key, value, headers }: OutgoingMessage): number {
  let bytes = RECORD_OVERHEAD_BYTES + lengthOf(key) + lengthOf(value)
  for (const name in headers) {
    const value = headers[name] ?? ''
    if (Array.isArray(value)) for (const each of value) bytes += name.length + lengthOf(each)
    else bytes += name.length + lengthOf(value)
  }
  return bytes
}

const lengthOf = (value: Buffer | string | null) => (value === null ? 0 : Buffer.byteLength(value))
