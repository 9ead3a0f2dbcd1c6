/** What the worker needs before it takes a message: the first lines of its log, metrics, Redis and Kafka, and the checks at the start. */
import type { Config } from './config.ts'
import { REQUEST_KEY } from './contracts.ts'
import { createKafkaClients } from './kafka/clients.ts'
import { ensureTopics } from './kafka/topics.ts'
import { shownAddress } from './lib/address.ts'
import { VERSION } from './lib/version.ts'
import type { Log } from './logging/log.ts'
import { createForeignKeys } from './ops/foreign-keys.ts'
import type { Metrics } from './ops/metrics.ts'
import { createMetrics } from './ops/metrics.ts'
import { startOps } from './ops/ops.ts'
import { preflightFleet, preflightKafka, preflightProvider, preflightRedis } from './ops/preflight.ts'
import type { Stranger } from './ops/settings-check.ts'
import { connectRedis, redisReady } from './redis/connection.ts'
import { redisKeys } from './redis/keys.ts'
import type { ReleaseStack } from './release-stack.ts'
import { promptVersion } from './scoring/prompt-version.ts'
import { startTelemetry } from './telemetry/start.ts'

export interface ServiceParts {
  config: Config
  /** This worker's name, unique among all there ever were. */
  worker: string
  /** Variables that look like settings but are not read. */
  strangers: readonly Stranger[]
  log: Log
  /** The last lines of the log that are worth reading. */
  recent: () => readonly string[]
  releases: ReleaseStack
  stop: AbortSignal
}

/**
 * Connects, and waits for Kafka and Redis while they are away. All of it is released with `releases`.
 * @throws Error when the worker cannot go on (a topic that may not be created, a Redis Cluster); the reason of `stop`
 */
export async function connectServices(parts: ServiceParts) {
  const { config, worker, log, releases, stop } = parts
  const { kafka } = config
  log.info('starting', { worker, version: VERSION, group: kafka.groupId, topic: kafka.topics.requests })
  tellSettings(parts)
  const info = { version: VERSION, model: config.provider.model, prompt: promptVersion }
  const counters = createMetrics({ process: config.ops !== null, info })
  const foreignKeys = createForeignKeys(REQUEST_KEY, log)
  releases.defer('the counts of skipped messages', () => foreignKeys.close())
  const metrics: Metrics = { ...counters, foreignKeySkipped: skipped }
  function skipped(key: Buffer | null): void {
    counters.foreignKeySkipped(key)
    foreignKeys.count(key)
  }
  const ops =
    config.ops === null
      ? null
      : await startOps(config.ops, metrics, log, { worker, version: VERSION, recent: parts.recent })
  if (ops !== null) releases.defer('probes and metrics', () => ops.close())
  const telemetry = await startTelemetry(config, worker, log)
  if (telemetry !== null) releases.defer('traces', () => telemetry.close())
  const keys = redisKeys(config.redis.keyPrefix)
  const redis = connectRedis(config.redis, log, { name: worker })
  releases.defer('Redis', () => redis.disconnect())
  const listener = connectRedis(config.redis, log, { name: `${worker}-listener` })
  releases.defer("Redis's messages", () => listener.disconnect())
  const clients = createKafkaClients(kafka, log)
  releases.defer('Kafka', () => clients.close())

  await ensureTopics(clients, kafka, log, stop)
  ops?.waitsFor('Redis')
  await redisReady(redis, log, stop)
  preflightProvider(config, log)
  await preflightRedis(redis, keys, config, log)
  void preflightFleet(redis, keys, config, log)
  // Nothing waits for it: where no transaction can be begun, it takes half a minute to find out.
  void preflightKafka(clients, config, log, stop)
  return { keys, redis, listener, clients, metrics, foreignKeys, telemetry, ops, info }
}

/** Logs what decides the worker's cost and results, and what somebody may have meant to set. */
function tellSettings({ config, strangers, log }: ServiceParts): void {
  const { provider, budget } = config
  const { requestsPerMinute, tokensPerMinute, requestsPerDay, tokensPerDay } = budget
  const limits = { requestsPerMinute, tokensPerMinute, requestsPerDay, tokensPerDay }
  const shown = Object.fromEntries(Object.entries(limits).map(([name, limit]) => [name, limit ?? 'no limit']))
  log.info('the model and its budget', {
    model: provider.model,
    address: shownAddress(provider.baseUrl),
    ...(provider.proxyUrl === null ? {} : { proxy: new URL(provider.proxyUrl).host }),
    budget: budget.name,
    ...shown,
  })
  for (const { name, advice } of strangers)
    log.warn('a variable looks like a setting and is not read', { name, advice })
}
