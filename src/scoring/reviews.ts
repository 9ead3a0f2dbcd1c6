/**
 * Ids of the whole fleet's recent results that a person should look at, for `status`. The header `scoring-review` of an outcome is what
 * counts; this list is a convenience, and Redis may lose it.
 */
import type { Redis } from 'ioredis'
import type { Log } from '../logging/log.ts'
import type { RedisKeys } from '../redis/keys.ts'

/** How many ids are kept, newest first. */
export const MAX_REVIEWS = 100

export interface ReviewsParts {
  redis: Redis
  keys: RedisKeys
  /** How long an id is kept, ms. */
  ttlMs: number
  log: Log
}

export type Reviews = ReturnType<typeof createReviews>

export function createReviews({ redis, keys, ttlMs, log }: ReviewsParts) {
  /** Adds an id, if Redis is there. Never rejects. @param nowMs since the epoch */
  async function add(id: bigint, nowMs: number): Promise<void> {
    try {
      const commands = redis
        .multi()
        .zadd(keys.reviews, nowMs, id.toString())
        .zremrangebyscore(keys.reviews, 0, nowMs - ttlMs)
        .zremrangebyrank(keys.reviews, 0, -MAX_REVIEWS - 1)
        .pexpire(keys.reviews, ttlMs)
      await commands.exec()
    } catch (error) {
      log.warn('a result to be reviewed was not listed', { id, reason: (error as Error).message })
    }
  }

  return { add }
}

/** @returns the ids of results of the last `ttlMs`, newest first. @throws as ioredis does */
export const recentReviews = async (redis: Redis, keys: RedisKeys, ttlMs: number): Promise<string[]> =>
  await redis.zrange(keys.reviews, '+inf', String(Date.now() - ttlMs), 'BYSCORE', 'REV')
