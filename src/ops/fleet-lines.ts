/** Renders the lines of `status` for a worker's own page. */
import type { Redis } from 'ioredis'
import type { Config } from '../config.ts'
import type { KafkaClients } from '../kafka/clients.ts'
import { within } from '../kafka/time-limit.ts'
import type { RedisKeys } from '../redis/keys.ts'
import { readBacklog, readRedisHalf, timeFor } from './fleet-status.ts'
import { statusLines, unread } from './status-lines.ts'

/** A browser waits for the page, so a slower half is left out. */
const HALF_LIMIT_MS = 3_000

export interface FleetLinesParts {
  redis: Redis
  keys: RedisKeys
  clients: KafkaClients
  config: Config
  /** The prompt's version. */
  prompt: string
  /** Ids of recent results that a person should look at, newest first. */
  reviews: () => Promise<readonly string[]>
}

/** @returns the lines of `status`. Never rejects: a half that does not answer within 3 s is reported as unreadable. */
export async function readFleetLines({
  redis,
  keys,
  clients,
  config,
  prompt,
  ...parts
}: FleetLinesParts): Promise<string[]> {
  const [redisHalf, backlog, reviews] = await Promise.all([
    within(HALF_LIMIT_MS, "Redis's answer", readRedisHalf(redis, keys, config, prompt)).catch(unread),
    within(HALF_LIMIT_MS, "Kafka's answer", readBacklog(clients, config)).catch(unread),
    within(HALF_LIMIT_MS, "Redis's answer", parts.reviews()).catch(() => []),
  ])
  const status = { redis: redisHalf, backlog, reviews }
  return statusLines(status, timeFor(status, config))
}
