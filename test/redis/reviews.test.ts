import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, afterEach, expect, inject, test } from 'vitest'
import type { Log } from '../../src/logging/log.ts'
import { redisKeys } from '../../src/redis/keys.ts'
import { createReviews, MAX_REVIEWS, recentReviews } from '../../src/scoring/reviews.ts'

const keys = redisKeys(`reviews-${randomUUID()}:`)
const redis = new Redis(inject('redisUrl'))
const said: string[] = []
const say = (message: string) => void said.push(message)
const log: Log = { error: say, warn: say, info: say, debug: () => undefined }
const TTL_MS = 60_000
const reviews = createReviews({ redis, keys, ttlMs: TTL_MS, log })

afterEach(() => redis.del(keys.reviews))
afterAll(() => redis.disconnect())

test('ids are listed once each, newest first, and whole beyond 2^53', async () => {
  const nowMs = Date.now()
  const large = 2n ** 63n - 1n
  await reviews.add(large, nowMs - 3)
  await reviews.add(5n, nowMs - 2)
  await reviews.add(large, nowMs - 1)
  expect(await recentReviews(redis, keys, TTL_MS)).toEqual([large.toString(), '5'])
  expect(await redis.pttl(keys.reviews)).toBeGreaterThan(TTL_MS / 2)
})

test('old ids go with the time and with the number, the key goes by itself', async () => {
  const nowMs = Date.now()
  await reviews.add(1n, nowMs - TTL_MS - 1)
  expect(await recentReviews(redis, keys, TTL_MS)).toEqual([])
  for (let id = 2n; id < MAX_REVIEWS + 12; id += 1n) await reviews.add(id, nowMs)
  expect(await redis.zcard(keys.reviews)).toBe(MAX_REVIEWS)
})

test('without Redis a result is published all the same', async () => {
  const away = new Redis({ port: 1, lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null })
  away.on('error', () => undefined)
  await createReviews({ redis: away, keys, ttlMs: TTL_MS, log }).add(1n, Date.now())
  expect(said).toEqual(['a result to be reviewed was not listed'])
  away.disconnect()
})
