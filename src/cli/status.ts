/** `status`: how the fleet stands, read from Redis and Kafka; no worker has to run. */
import type { Redis } from 'ioredis'
import type { Config } from '../config.ts'
import type { FleetStatus } from '../ops/fleet-status.ts'
import { readBacklog, readRedisHalf, timeFor } from '../ops/fleet-status.ts'
import { statusLines, unread } from '../ops/status-lines.ts'
import type { RedisKeys } from '../redis/keys.ts'
import { promptVersion } from '../scoring/prompt-version.ts'
import { recentReviews } from '../scoring/reviews.ts'
import { withKafka, withRedis } from './connections.ts'
import type { Command, Report } from './define.ts'
import { defineCommand } from './define.ts'

export const run: Command = defineCommand(
  {
    usage: [
      'resume-scoring-worker status',
      '  Budgets, holds, backlog and how long the budgets take for it, workers; as the living workers are set. Exit code 1:',
      '  Kafka or Redis does not answer, and only the other half is shown.',
    ],
    example: 'status',
    options: {},
  },
  async ({ config, signal }) => report(await readStatus(config, signal), config),
)

/** @returns both halves; one that is away says why. @throws the signal's reason */
export async function readStatus(config: Config, signal: AbortSignal): Promise<FleetStatus> {
  const orUnread = (error: unknown) => {
    signal.throwIfAborted()
    return unread(error)
  }
  const readRedis = (redis: Redis, keys: RedisKeys) =>
    Promise.all([readRedisHalf(redis, keys, config, promptVersion), recentReviews(redis, keys, config.processedTtlMs)])
  const [half, backlog] = await Promise.all([
    withRedis(config.redis, signal, readRedis).catch(orUnread),
    withKafka(config.kafka, (clients) => readBacklog(clients, config)).catch(orUnread),
  ])
  return Array.isArray(half) ? { redis: half[0], reviews: half[1], backlog } : { redis: half, reviews: [], backlog }
}

function report(status: FleetStatus, config: Config): Report {
  const { redis, reviews, backlog } = status
  const times = timeFor(status, config)
  return {
    document: { ...redisDocument(redis), reviews, backlog, timeForBacklog: times },
    lines: statusLines(status, times),
    exitCode: 'error' in redis || 'error' in backlog ? 1 : 0,
  }
}

function redisDocument(redis: FleetStatus['redis']): Record<string, unknown> {
  if ('error' in redis) return { redis }
  const { settings, differences, budget, claims, current, old, skipped, version, redisVersion } = redis
  return {
    settings,
    differences,
    budget,
    holds: current,
    oldHolds: old,
    adaptation: redis.adaptation,
    claims,
    workers: redis.workers.map(({ settings: own, partitions, inFlight, window, ...facts }) => ({
      ...facts,
      model: own?.model ?? null,
      prompt: own?.prompt ?? null,
      partitions: partitions.join(','),
      inFlight: String(inFlight),
      window: String(window),
    })),
    skippedKeys: Object.fromEntries(skipped),
    versions: { command: version, redis: redisVersion },
  }
}
