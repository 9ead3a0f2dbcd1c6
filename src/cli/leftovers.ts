/** Finds recent requests that a service consumed or marked as finished without publishing a notification. */
import type { Redis } from 'ioredis'
import type { Config } from '../config.ts'
import { NOTIFICATION_KEY, REQUEST_KEY } from '../contracts.ts'
import type { KafkaClients } from '../kafka/clients.ts'
import type { RedisKeys } from '../redis/keys.ts'
import { processingIdIn, readTopic } from './copies.ts'

const MARKS_AT_ONCE = 1_000

/** A request without any notification; a refusal counts as a notification. */
export interface Leftover {
  id: bigint
  partition: number
  offset: bigint
  timestampMs: number
  isMarked: boolean
  /** The request lies before the committed offset, so nobody will read it again. */
  isConsumed: boolean
}

export interface Search {
  clients: KafkaClients
  redis: Redis
  keys: RedisKeys
  config: Config
  committed: ReadonlyMap<number, bigint>
  signal: AbortSignal
}

/**
 * Searches as far back as marks live. Keeps the ids of that time in memory, but no texts.
 * @returns the requests that nobody will score: they are marked or consumed
 * @throws as readBack and ioredis do
 */
export async function findLeftovers({ clients, redis, keys, config, committed, signal }: Search): Promise<Leftover[]> {
  const { topics, groupId } = config.kafka
  const reading = { clients, groupPrefix: groupId, sinceMs: Date.now() - config.processedTtlMs, signal }
  const requests = new Map<bigint, Leftover>()
  // Read requests before notifications, so that one answered meanwhile is not reported.
  await readTopic(reading, topics.requests, ({ key, value, partition, offset, timestampMs }) => {
    const id = key?.toString() === REQUEST_KEY ? processingIdIn(value) : null
    if (id === null || requests.has(id)) return
    const isConsumed = offset < (committed.get(partition) ?? 0n)
    requests.set(id, { id, partition, offset, timestampMs, isMarked: false, isConsumed })
  })
  await readTopic(reading, topics.notifications, ({ key, value }) => {
    const id = key?.toString() === NOTIFICATION_KEY ? processingIdIn(value) : null
    if (id !== null) requests.delete(id)
  })
  const left = [...requests.values()]
  for (let first = 0; first < left.length; first += MARKS_AT_ONCE) {
    const some = left.slice(first, first + MARKS_AT_ONCE)
    const marks = await redis.mget(some.map(({ id }) => keys.mark(id)))
    for (const [index, leftover] of some.entries()) leftover.isMarked = marks[index] != null
  }
  return left.filter(({ isMarked, isConsumed }) => isMarked || isConsumed)
}
