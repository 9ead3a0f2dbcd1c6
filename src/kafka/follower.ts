/** Reads a topic (committed messages only) from given offsets until the awaited message comes. */
import { randomUUID } from 'node:crypto'
import type { KafkaMessage } from 'kafkajs'
import { abortable } from '../lib/abortable.ts'
import type { Log } from '../logging/log.ts'
import type { KafkaClients } from './clients.ts'
import { kafkaReason } from './kafka-error.ts'
import type { ReadBack } from './outcomes-reader.ts'
import { readBackOf } from './outcomes-reader.ts'
import { within } from './time-limit.ts'

const FETCH_WAIT_MS = 250
const CLOSE_LIMIT_MS = 3_000

export interface FollowOptions<T> {
  clients: KafkaClients
  topic: string
  /** The reader joins a group of its own whose name begins with this, and commits nothing there. */
  groupPrefix: string
  /** The offset to begin at, by partition; partitions that are missing begin at their first message. */
  from: ReadonlyMap<number, bigint>
  /** @returns what the caller waits for; null: read on. It must not throw: kafkajs would try the same batch again for ever */
  pick: (message: ReadBack) => T | null
  signal: AbortSignal
  log: Log
}

/**
 * @returns the first value that `pick` gives
 * @throws the signal's reason; what kafkajs throws when it gives up; Error when a batch cannot be read
 */
export async function waitForMessage<T>({ clients, topic, ...options }: FollowOptions<T>): Promise<T> {
  const { groupPrefix, from, pick, signal, log } = options
  signal.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const consumer = clients.consumer({
    groupId: `${groupPrefix}.following.${randomUUID()}`,
    maxWaitTimeInMs: FETCH_WAIT_MS,
  })
  consumer.on('consumer.crash', ({ payload }) => {
    if (!payload.restart) reject(payload.error)
  })
  consumer.on('consumer.group_join', ({ payload }) => {
    for (const partition of payload.memberAssignment[topic] ?? []) {
      consumer.seek({ topic, partition, offset: (from.get(partition) ?? 0n).toString() })
    }
  })
  function readOrReject(partition: number, message: KafkaMessage): ReadBack | null {
    try {
      return readBackOf(topic, partition, message, log)
    } catch (error) {
      // kafkajs would try the same batch again for ever.
      reject(error)
      return null
    }
  }

  async function start(): Promise<T> {
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        const read = readOrReject(partition, message)
        const picked = read === null ? null : pick(read)
        if (picked !== null) resolve(picked)
      },
    })
    return promise
  }
  try {
    return await abortable(start(), signal)
  } finally {
    await within(CLOSE_LIMIT_MS, 'closing the reader', consumer.disconnect()).catch((error: unknown) =>
      log.debug('could not disconnect the reader', { topic, reason: kafkaReason(error) }),
    )
  }
}
