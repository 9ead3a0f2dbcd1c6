/** Connects a command to Redis and Kafka, or fails soon with one clear sentence; closes the connections when the command ends. */
import type { Redis } from 'ioredis'
import type { Config } from '../config.ts'
import type { KafkaClients } from '../kafka/clients.ts'
import { createKafkaClients } from '../kafka/clients.ts'
import { isKafkaFault, kafkaReason, settingsToCheck } from '../kafka/kafka-error.ts'
import { within } from '../kafka/time-limit.ts'
import type { Log, LogFields } from '../logging/log.ts'
import { connectRedis, redisReady } from '../redis/connection.ts'
import { checkTls, placeOf } from '../redis/explain.ts'
import type { RedisKeys } from '../redis/keys.ts'
import { redisKeys } from '../redis/keys.ts'
import { watchSilence } from './silence.ts'

/** A worker waits for its services, but a person at a terminal wants to hear soon that they are away. */
const REDIS_PATIENCE_MS = 3_000
/** Leaves kafkajs time for its own retries. */
const KAFKA_PATIENCE_MS = 12_000
/** A broker that hangs does not answer the end of a connection either. */
const KAFKA_CLOSE_MS = 500

/**
 * Runs `work` on a connection of its own.
 * @throws Error that names the address and the reason while Redis is away; the signal's reason; what `work` rejects with
 */
export async function withRedis<T>(
  config: Config['redis'],
  signal: AbortSignal,
  work: (redis: Redis, keys: RedisKeys) => Promise<T>,
): Promise<T> {
  const log = lastReason()
  const redis = connectRedis(config, log, { name: 'resume-scoring-worker-command' })
  const patience = AbortSignal.timeout(REDIS_PATIENCE_MS)
  const away = (reason: string) => `Redis at ${placeOf(config)} does not answer: ${reason}`
  try {
    await redisReady(redis, log, AbortSignal.any([signal, patience])).catch((error: unknown) => {
      if (signal.aborted || !patience.aborted) throw error
      throw new Error(away(log.reason() ?? nothingCame(config)), { cause: error })
    })
    return await work(redis, redisKeys(config.keyPrefix)).catch((error: unknown) => {
      if (!isRedisFault(error)) throw error
      throw new Error(away(error.message), { cause: error })
    })
  } finally {
    redis.disconnect()
  }
}

/** With TLS on one end only, each may wait for the other. */
function nothingCame(config: Config['redis']): string {
  const nothing = `nothing came for ${REDIS_PATIENCE_MS} ms`
  return config.tls === null ? nothing : `${nothing} (${checkTls(config)})`
}

/** What ioredis rejects with when a command was not answered, or was refused. */
function isRedisFault(error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  const texts = ['Command timed out', 'Connection is closed.', "Stream isn't writeable", 'Socket timeout']
  return (
    error.name === 'ReplyError' ||
    error.name === 'MaxRetriesPerRequestError' ||
    texts.some((text) => error.message.startsWith(text))
  )
}

/**
 * Runs `work` with clients of its own. Says what it waits for when a broker is silent for some 3 s, and gives up after 12 s.
 * @param tell prints a line for the user
 * @param work may call `outlast`: from then on a silence is told, but does not end the command
 * @throws Error that names the brokers and the reason while Kafka is away, silent or refuses; otherwise what `work` rejects with
 */
export async function withKafka<T>(
  config: Pick<Config['kafka'], 'brokers' | 'tls' | 'sasl'>,
  tell: (line: string) => void,
  work: (clients: KafkaClients, outlast: () => void) => Promise<T>,
): Promise<T> {
  const patience = { limitMs: KAFKA_PATIENCE_MS, toldMs: KAFKA_PATIENCE_MS }
  const silence = watchSilence(tell)
  const clients = createKafkaClients(config, lastReason(), undefined, patience, silence.open)
  try {
    return await Promise.race([work(clients, silence.outlast), silence.tooLong]).catch((error: unknown) => {
      if (!isKafkaFault(error)) throw error
      const reason = kafkaReason(error)
      const check = settingsToCheck(reason)
      const hint = check === null ? '' : ` (check ${check})`
      throw new Error(`Kafka at ${config.brokers.join(', ')}: ${reason}${hint}`, { cause: error })
    })
  } finally {
    silence.stop()
    await within(KAFKA_CLOSE_MS, 'closing', clients.close()).catch(() => {})
  }
}

/**
 * @returns a handler that gives the error with which reading one service failed, so that the other one's half can still be shown; it throws
 *   the signal's reason after an abort
 */
export const orAway =
  (signal: AbortSignal) =>
  (error: unknown): Error => {
    signal.throwIfAborted()
    return error instanceof Error ? error : new Error(String(error))
  }

/** @returns a log that prints nothing and remembers the last `reason` of a warning or an error */
export function lastReason(): Log & { reason: () => string | null } {
  let last: string | null = null
  const keep = (_message: string, fields: LogFields = {}) => {
    if (typeof fields['reason'] === 'string') last = fields['reason']
  }
  return { error: keep, warn: keep, info: () => {}, debug: () => {}, reason: () => last }
}
