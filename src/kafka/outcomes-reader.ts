/** Reads a topic (committed messages only) from a point in time up to its end at the time of the call. */
import { randomUUID } from 'node:crypto'
import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs'
import { abortable } from '../lib/abortable.ts'
import { oneByOne } from '../lib/one-by-one.ts'
import type { Log } from '../logging/log.ts'
import type { KafkaClients } from './clients.ts'
import { beyondBounds, unreadableIn } from './fetched.ts'
import { kafkaReason } from './kafka-error.ts'
import type { Headers } from './messages.ts'
import { readWatermarks } from './start-offset.ts'
import { within } from './time-limit.ts'
import { timestampMsOf } from './timestamps.ts'

/** Long enough for `onMessage` to wait for Redis. */
const SESSION_TIMEOUT_MS = 30_000
const FETCH_WAIT_MS = 250
/** The open transaction of a killed writer holds readers back until it times out. A longer stall is a fault. */
const STALL_LIMIT_MS = 60_000
const CLOSE_LIMIT_MS = 3_000

export interface ReadBack {
  partition: number
  offset: bigint
  key: Buffer | null
  value: Buffer | null
  headers: Headers
  /** ms since the epoch */
  timestampMs: number
}

export interface ReadBackOptions {
  clients: KafkaClients
  topic: string
  /** The reader joins a group of its own whose name begins with this (one prefixed ACL covers it), and commits nothing there. */
  groupPrefix: string
  /** ms since the epoch; 0 or less: from the first message on, also where messages have no time */
  sinceMs: number
  /** Called for one message at a time, in the order of each partition. A rejection ends the reading: no other message is passed on. */
  onMessage: (message: ReadBack) => Promise<void>
  signal: AbortSignal
  log: Log
}

/** The next offset of each partition, and the offset at which reading it ends. */
type Course = Map<number, { next: bigint; end: bigint }>

/**
 * Resolves when each partition has been read up to its end at the time of the call. Each message is passed on once.
 * @throws what kafkajs throws, what `onMessage` rejects with, the signal's reason, Error when a partition has no leader or nothing comes
 * for a minute
 */
export async function readBack(options: ReadBackOptions): Promise<void> {
  const { clients, topic, sinceMs, signal, log } = options
  signal.throwIfAborted()
  const course = await plot(clients, topic, sinceMs)
  if (isComplete(course)) return
  const consumer = clients.consumer({
    groupId: `${options.groupPrefix}.reading.${randomUUID()}`,
    sessionTimeout: SESSION_TIMEOUT_MS,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    retry: { restartOnFailure: () => Promise.resolve(false) },
  })
  try {
    await abortable(readAll(consumer, course, options), signal)
  } finally {
    await within(CLOSE_LIMIT_MS, 'closing the reader', consumer.disconnect()).catch((error: unknown) =>
      log.debug('could not disconnect the reader', { topic, reason: kafkaReason(error) }),
    )
  }
}

/**
 * @returns the message; null for a batch that is larger than any that a worker writes, which cannot hold what is looked for
 * @throws Error that names the codec, for a batch that cannot be read: it may hold what is looked for
 */
export function readBackOf(topic: string, partition: number, message: KafkaMessage, log: Log): ReadBack | null {
  const { key, value, headers = {} } = message
  const beyond = beyondBounds(message)
  const unreadable = unreadableIn(message)?.reason ?? (beyond?.reason === 'batch_unreadable' ? beyond.detail : null)
  if (unreadable !== null) throw new Error(`partition ${partition} of ${topic} cannot be read: ${unreadable}`)
  if (beyond?.reason === 'batch_too_large') {
    log.warn('skipped a batch that is larger than any of ours', { topic, partition, reason: beyond.detail })
    return null
  }
  const offset = BigInt(message.offset)
  return { partition, offset, key, value, headers, timestampMs: timestampMsOf(message.timestamp) }
}

async function plot(clients: KafkaClients, topic: string, sinceMs: number): Promise<Course> {
  const ends = await readWatermarks(clients, topic)
  // To Kafka a negative time is a code, and a message without a time is older than any time.
  if (sinceMs <= 0) return new Map([...ends].map(([partition, { low, high }]) => [partition, { next: low, end: high }]))
  const starts = await clients.withAdmin((admin) => admin.fetchTopicOffsetsByTimestamp(topic, sinceMs))
  if (starts.length < ends.size) throw new Error(`a partition of ${topic} has no leader`)
  return new Map(
    starts.map(({ partition, offset }) => [partition, { next: BigInt(offset), end: ends.get(partition)?.high ?? 0n }]),
  )
}

const isComplete = (course: Course) => [...course.values()].every(({ next, end }) => next >= end)

async function readAll(
  consumer: Consumer,
  course: Course,
  { topic, onMessage, signal, log }: ReadBackOptions,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const stall = setTimeout(onStall, STALL_LIMIT_MS)
  function onStall(): void {
    reject(new Error(`${topic} could not be read to its end: nothing came for ${STALL_LIMIT_MS} ms`))
  }

  function reached(partition: number, next: bigint): void {
    const part = course.get(partition)
    if (part === undefined || next <= part.next) return
    part.next = next
    stall.refresh()
    if (isComplete(course)) resolve()
  }

  async function eachBatch({ batch, heartbeat }: Pick<EachBatchPayload, 'batch' | 'heartbeat'>): Promise<void> {
    const part = course.get(batch.partition)
    for (const message of batch.messages) {
      const offset = BigInt(message.offset)
      // Skip what was read already, before a rebalance, and what was written after the call.
      if (part === undefined || offset < part.next || offset >= part.end || signal.aborted) continue
      const { partition } = batch
      const read = readBackOf(topic, partition, message, log)
      if (read !== null) await onMessage(read)
      reached(batch.partition, offset + 1n)
      await heartbeat()
    }
    reached(batch.partition, BigInt(batch.lastOffset()) + 1n)
  }

  consumer.on('consumer.crash', ({ payload }) => reject(payload.error))
  consumer.on('consumer.group_join', ({ payload }) => {
    for (const partition of payload.memberAssignment[topic] ?? []) {
      const next = course.get(partition)?.next
      if (next !== undefined) consumer.seek({ topic, partition, offset: next.toString() })
    }
  })
  // Transaction markers at the end are not delivered, so the end is also reached by an empty batch.
  consumer.on('consumer.end_batch_process', ({ payload }) => {
    if (payload.batchSize === 0) reached(payload.partition, BigInt(payload.lastOffset) + 1n)
  })
  // kafkajs delivers further batches after one that failed, and only its settings keep it from delivering several at once.
  const inTurn = oneByOne(eachBatch)
  async function start(): Promise<void> {
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachBatch: (payload) => inTurn(payload).catch((error: unknown) => reject(error as Error)),
    })
  }

  try {
    await Promise.all([start(), promise])
  } finally {
    clearTimeout(stall)
  }
}
