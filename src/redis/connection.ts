/** A connection to Redis without a queue: a command that cannot be sent fails at once, and retry.ts sends it again. */
import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import type { Config } from '../config.ts'
import { readTlsFiles } from '../lib/tls-files.ts'
import type { Log } from '../logging/log.ts'
import { explain, HUNG_UP, placeOf, saysNothing } from './explain.ts'
import { isReadOnly } from './refusal.ts'
import { TIMINGS } from '../timings.ts'

/** A connection is replaced after this long without a reply, because a network may drop packets without a reset. */
const SILENCE_TIMEOUT_MS = 4_000
const CONNECT_TIMEOUT_MS = 5_000
const RECONNECT_MIN_MS = 50
const RECONNECT_MAX_MS = 1_000

export interface ConnectionOptions {
  /** Shown by `CLIENT LIST`. */
  name?: string
  readFile?: (path: string) => Buffer
}

/**
 * Connects in the background and reconnects until `disconnect()`; logs once why it cannot, and once when it can again.
 * @returns a client whose commands reject at once while the connection is down, and are never sent later
 * @throws Error that names the setting when a TLS file cannot be read
 */
export function connectRedis(config: Config['redis'], log: Log, options: ConnectionOptions = {}): Redis {
  const { name, readFile = readFileSync } = options
  const redis = new Redis({
    ...placeOptions(config, readFile),
    db: config.db,
    ...(config.username === null ? {} : { username: config.username }),
    ...(config.password === null ? {} : { password: config.password }),
    ...(name === undefined ? {} : { connectionName: name }),
    // A queued command could run after another worker has taken over the message.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    // 0: commands in flight reject when the connection is lost; with any other value they stay pending.
    maxRetriesPerRequest: 0,
    commandTimeout: TIMINGS.redis.commandMs,
    socketTimeout: SILENCE_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // A master that became a replica: reconnect, since the address (or Sentinel) may lead to the new master.
    reconnectOnError: isReadOnly,
    retryStrategy: reconnectAfterMs,
  })
  sayWhyAway(redis, config, log)
  cutWhatIsNotSetUp(redis)
  return redis
}

/**
 * ioredis continues in database 0 when SELECT fails or is not answered. So this cuts a connection when any step before `ready` fails:
 * its ready check then cannot be sent, it never becomes ready, and ioredis connects again.
 */
function cutWhatIsNotSetUp(redis: Redis): void {
  redis.on('error', () => {
    if (redis.status === 'connect') redis.disconnect(true)
  })
}

const reconnectAfterMs = (attempt: number) => Math.min(RECONNECT_MIN_MS * 2 ** (attempt - 1), RECONNECT_MAX_MS)

/** @returns the options that lead to Redis: its address, or the Sentinels that know the master */
function placeOptions({ host, port, tls, sentinel }: Config['redis'], readFile: (path: string) => Buffer) {
  const material = tls === null ? null : readTlsFiles(tls, 'REDIS', readFile)
  if (sentinel === null) return { host, port, ...(material === null ? {} : { tls: { servername: host, ...material } }) }
  return {
    sentinels: sentinel.servers,
    name: sentinel.name,
    ...(sentinel.username === null ? {} : { sentinelUsername: sentinel.username }),
    ...(sentinel.password === null ? {} : { sentinelPassword: sentinel.password }),
    sentinelCommandTimeout: TIMINGS.redis.commandMs,
    sentinelRetryStrategy: reconnectAfterMs,
    // The master's certificate is checked against the address that the Sentinels report.
    ...(material === null ? {} : { tls: material, sentinelTLS: material, enableTLSForSentinelMode: true }),
  }
}

/** Logs the first error of a kind per outage, and the end of the outage. */
function sayWhyAway(redis: Redis, config: Config['redis'], log: Log): void {
  const address = placeOf(config)
  let lostAtMs: number | null = null
  let hasBeenThere = false
  let settingUp = false
  // Log only the first error of a connection: we then cut it, which causes the others.
  let told = false
  const said = new Set<string>()
  const say = (error: Error) => {
    if (told || saysNothing(error)) return
    told = true
    const reason = explain(error, config, hasBeenThere)
    if (said.has(reason)) return
    said.add(reason)
    log.warn('Redis is away: waiting for it, nothing is scored meanwhile', { address, reason })
  }
  redis.on('error', say)
  redis.on('connect', () => (settingUp = true))
  redis.on('close', () => {
    lostAtMs ??= performance.now()
    if (settingUp && redis.status !== 'end') say(new Error(HUNG_UP))
    settingUp = false
    told = false
  })
  redis.on('ready', () => {
    const awayMs = lostAtMs === null ? 0 : Math.round(performance.now() - lostAtMs)
    if (said.size > 0) log.info('Redis is back', { address, awayMs })
    else log.debug('connected to Redis', { address, awayMs })
    lostAtMs = null
    hasBeenThere = true
    settingUp = false
    said.clear()
  })
}

/**
 * Waits until Redis answers, and refuses a server that cannot run the scripts.
 * @throws the signal's reason when it aborts; Error when Redis is a Cluster (the scripts touch several keys at once), or when
 * `disconnect()` was called
 */
export async function redisReady(redis: Redis, log: Log, signal: AbortSignal): Promise<void> {
  for (;;) {
    await connected(redis, signal)
    try {
      const info = await redis.info('cluster')
      if (!/^cluster_enabled:1/m.test(info)) return
    } catch (error) {
      const { message } = error as Error
      if (redis.status === 'ready' && message.startsWith('NOPERM')) return
      log.debug('Redis went away right after connecting', { reason: message })
      continue
    }
    throw new Error('REDIS_HOST is a Redis Cluster: the worker needs a single Redis (with or without replicas)')
  }
}

async function connected(redis: Redis, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (redis.status === 'ready') return
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onAbort = () => reject(signal.reason as Error)
  const onEnd = () => reject(new Error('the connection to Redis was given up'))
  redis.once('ready', resolve)
  redis.once('end', onEnd)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await promise
  } finally {
    redis.off('ready', resolve)
    redis.off('end', onEnd)
    signal.removeEventListener('abort', onAbort)
  }
}
