/** `status`: how the fleet stands, read from Redis and Kafka; no worker has to run. */
import type { Redis } from 'ioredis'
import type { Config } from '../config.ts'
import { costLine, costOf } from '../ops/cost.ts'
import type { FleetStatus } from '../ops/fleet-status.ts'
import { readBacklog, readRedisHalf, timeFor } from '../ops/fleet-status.ts'
import { statusLines, unread } from '../ops/status-lines.ts'
import type { RedisKeys } from '../redis/keys.ts'
import { promptVersion } from '../scoring/prompt-version.ts'
import { recentReviews } from '../scoring/reviews.ts'
import { withKafka, withRedis } from './connections.ts'
import type { Command, Report } from './define.ts'
import { stringifyExact } from '../lib/json.ts'
import { time } from '../lib/text.ts'
import { defineCommand, readPrice, readSeconds } from './define.ts'
import { watch } from './watch.ts'

export const run: Command = defineCommand(
  {
    usage: [
      'resume-scoring-worker status [--watch [--every SECONDS]] [--price X]',
      '  Budgets, holds, backlog and how long the budgets take for it, workers; as the living workers are set. Exit code 1:',
      '  Kafka or Redis does not answer, and only the other half is shown.',
      '  --watch          shows it again every 3 s, or --every SECONDS, until Ctrl-C; exit code 0',
      '  --price X        shows what tokens cost, at X a million, on average of prompts and answers',
    ],
    example: 'status -- --watch',
    options: { watch: { type: 'boolean' }, every: { type: 'string', default: '3' }, price: { type: 'string' } },
    endless: 'watch',
  },
  async ({ values, config, signal, print, complain, isScreen }) => {
    const everyMs = readSeconds('--every', values.every)
    const price = values.price === undefined ? null : readPrice('--price', values.price)
    const read = async () => report(await readStatus(config, signal, complain), config, price)
    if (values.watch !== true) return read()
    const isJson = (values as { json?: boolean }).json === true
    const look = async () => {
      const { document, lines } = await read()
      return isJson ? [stringifyExact(document)] : [`${time(Date.now())}, every ${values.every} s`, ...lines]
    }
    await watch({ everyMs, isScreen: isScreen && !isJson, look, print, signal })
    return { document: {}, lines: [] }
  },
)

/** @returns the halves read from Redis and Kafka; an unreadable half holds the reason. @throws the signal's reason */
export async function readStatus(
  config: Config,
  signal: AbortSignal,
  tell: (line: string) => void,
): Promise<FleetStatus> {
  const orUnread = (error: unknown) => {
    signal.throwIfAborted()
    return unread(error)
  }
  const readRedis = (redis: Redis, keys: RedisKeys) =>
    Promise.all([readRedisHalf(redis, keys, config, promptVersion), recentReviews(redis, keys, config.processedTtlMs)])
  const [half, backlog] = await Promise.all([
    withRedis(config.redis, signal, readRedis).catch(orUnread),
    withKafka(config.kafka, tell, (clients) => readBacklog(clients, config)).catch(orUnread),
  ])
  return Array.isArray(half) ? { redis: half[0], reviews: half[1], backlog } : { redis: half, reviews: [], backlog }
}

function report(status: FleetStatus, config: Config, price: number | null): Report {
  const { redis, reviews, backlog } = status
  const times = timeFor(status, config)
  const cost = price === null ? null : costOf(status, times, price)
  return {
    document: { ...redisDocument(redis), reviews, backlog, timeForBacklog: times, ...(cost === null ? {} : { cost }) },
    lines: [...statusLines(status, times), ...(cost === null ? [] : [costLine(cost)])],
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
