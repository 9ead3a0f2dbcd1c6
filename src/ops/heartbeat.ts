/** Shows that this worker lives, by a Redis hash that expires soon after the worker is gone. */
import { setInterval } from 'node:timers'
import type { Redis } from 'ioredis'
import type { ConsumerStatus } from '../kafka/consumer.ts'
import type { Log } from '../logging/log.ts'
import type { Identity } from '../provider/holds.ts'
import type { FleetSettings } from './fleet.ts'

const BEAT_EVERY_MS = 3_000
/** A worker without a heartbeat for this long counts as gone. */
const BEAT_TTL_MS = 12_000

/**
 * Writes `facts()` to `key` every 3 s until the returned function is called, which removes the key.
 * Writes nothing while Redis is away: `status` cannot read Redis then either.
 */
export function startHeartbeat(redis: Redis, key: string, facts: () => Promise<Record<string, string>>, log: Log) {
  const beat = async () => {
    try {
      await redis
        .multi()
        .hset(key, await facts())
        .pexpire(key, BEAT_TTL_MS)
        .exec()
    } catch (error) {
      log.debug('no heartbeat written', { reason: (error as Error).message })
    }
  }
  void beat()
  const timer = setInterval(() => void beat(), BEAT_EVERY_MS)
  return async () => {
    clearInterval(timer)
    await redis
      .del(key)
      .catch((error: Error) => log.debug('cannot remove the heartbeat: it will expire', { reason: error.message }))
  }
}

/** What stays the same for as long as the worker runs. */
export interface WorkerIdentity {
  host: string
  pid: string
  version: string
  model: string
  /** The prompt's version. */
  prompt: string
  settings: FleetSettings
}

/** What changes while the worker runs; `scopes`: when a key is rotated. */
export interface WorkerFacts {
  consumer: ConsumerStatus
  scopes: Identity
  skipped: Record<string, number>
}

/** @returns what `npm run status` shows of a worker; fleet.ts reads it */
export function beatOf(
  { settings, ...identity }: WorkerIdentity,
  { consumer: { partitions, window }, scopes, skipped }: WorkerFacts,
): Record<string, string> {
  return {
    ...identity,
    settings: JSON.stringify(settings),
    scopes: JSON.stringify(scopes),
    skipped: JSON.stringify(skipped),
    partitions: partitions.map(({ partition }) => partition).join(','),
    inFlight: String(partitions.reduce((sum, { running }) => sum + running, 0)),
    window: String(window.messages),
    held: partitions.flatMap(heldIn).join('; '),
  }
}

/** @returns why the partition is stuck: it is not ready, cannot read the next batch, or Kafka refuses a topic; empty when it is not */
function heldIn({ partition, state, trouble, unreadable, backoffs }: ConsumerStatus['partitions'][number]): string[] {
  const why = (reason: string | null) => (reason === null ? '' : ` (${reason})`)
  if (state !== 'ready') return [`${partition}: ${state}${why(trouble)}`]
  const unread = unreadable === null ? [] : [`${partition}: waits before ${unreadable}`]
  return [...unread, ...backoffs.map(({ topic, reason }) => `${partition}: ${topic}${why(reason)}`)]
}
