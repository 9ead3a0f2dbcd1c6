/**
 * Checks Kafka, Redis, the provider's address and the fleet's limits at the start for what would go wrong later, and logs one line for
 * each finding. A finding never stops the worker: an operator can repair it while the worker runs.
 */
import { isIPv4 } from 'node:net'
import type { Redis } from 'ioredis'
import type { Config } from '../config.ts'
import type { KafkaClients } from '../kafka/clients.ts'
import type { KafkaFacts, TopicFacts } from '../kafka/facts.ts'
import { readKafkaFacts } from '../kafka/facts.ts'
import type { Log, LogFields } from '../logging/log.ts'
import type { Difference } from './fleet.ts'
import { limitDifferences, readWorkers } from './fleet.ts'
import { settingsOf } from './fleet-status.ts'
import type { RedisFacts } from './redis-facts.ts'
import { readRedisFacts } from './redis-facts.ts'
import type { RedisKeys } from '../redis/keys.ts'

export interface Finding {
  /** error: until it is repaired, results are lost or nothing can be published. */
  level: 'warn' | 'error'
  message: string
  fields: LogFields
}

const DAY_MS = 86_400_000
/** Clocks that NTP keeps differ by far less. */
const CLOCK_TOLERANCE_MS = 5_000

/** @param config gives the topics' names and the life of marks @returns what is wrong with Kafka for this worker */
export function checkKafka(
  facts: KafkaFacts,
  { kafka, processedTtlMs }: Pick<Config, 'kafka' | 'processedTtlMs'>,
): Finding[] {
  const findings: Finding[] = []
  if (facts.noTransactions !== null) findings.push(noTransactions(facts.noTransactions))
  for (const facing of facts.topics) {
    if (facing.cleanupPolicy?.split(',').includes('compact') === true) findings.push(compacted(facing))
  }
  const shorter = (topic: string, thanMs: number, consequence: string) => {
    const retentionMs = facts.topics.find((each) => each.topic === topic)?.retentionMs ?? Infinity
    if (retentionMs >= thanMs) return
    const message = `the topic's retention is shorter than PROCESSED_TTL_SECONDS: ${consequence}`
    findings.push({
      level: 'warn',
      message,
      fields: { topic, retentionHours: hours(retentionMs), wantedHours: hours(thanMs) },
    })
  }
  shorter(kafka.topics.requests, processedTtlMs, 'requests that wait longer for a worker or a budget are lost unread')
  shorter(
    kafka.topics.notifications,
    Math.max(processedTtlMs, DAY_MS),
    'what Redis loses cannot be rebuilt from older outcomes, and a request sent again may be answered twice',
  )
  return findings
}

/** @returns what is wrong with this Redis for the worker */
export function checkRedis(facts: RedisFacts): Finding[] {
  const findings: Finding[] = []
  const warn = (message: string, fields: LogFields = {}) => findings.push({ level: 'warn', message, fields })
  const { maxmemoryPolicy: policy, appendOnly, save, marks } = facts
  if (policy !== null && policy !== 'noeviction') {
    warn('Redis evicts keys when its memory is full: claims and spendings would go. Set maxmemory-policy noeviction', {
      policy,
    })
  }
  if (appendOnly === false && save === '') {
    warn('Redis persists nothing: after its restart all claims and spendings have to be rebuilt. Set appendonly yes')
  } else if (appendOnly === false) {
    warn('Redis persists by snapshots only: a crash loses what came after the last one. Set appendonly yes', { save })
  }
  if (Math.abs(facts.clockAheadMs) - facts.clockErrorMs > CLOCK_TOLERANCE_MS) {
    const secondsAhead = Math.round(facts.clockAheadMs / 100) / 10
    warn("this machine's clock is far from Redis's: ages, holds and KAFKA_START_FROM=recent are wrong by it. Use NTP", {
      redisSecondsAhead: secondsAhead,
    })
  }
  if (marks !== null && (marks.noneOurs ? marks.seen > 0 : marks.notOurs > 0)) {
    warn(
      "there are processed_messages keys that this worker did not set: if they are the notification service's, each skips " +
        'what the other has done, so set REDIS_KEY_PREFIX; of the service that this one replaces they are in order',
      { sampled: marks.seen, notOurs: marks.noneOurs ? marks.seen : marks.notOurs },
    )
  }
  return findings
}

/** @returns what is wrong with the provider's address */
export function checkProvider({ baseUrl }: Pick<Config['provider'], 'baseUrl'>): Finding[] {
  const { protocol, hostname } = new URL(baseUrl)
  if (protocol === 'https:' || isLocal(hostname)) return []
  const message =
    'OPENAI_BASE_URL is plain http: the key and all texts travel readable for everyone in between. Use https'
  return [{ level: 'warn', message, fields: {} }]
}

/** Whether the host is this machine or in a private network; a name without a dot resolves only inside one. */
function isLocal(hostname: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  if (!/[.:]/.test(host) || /\.(?:local|localhost|internal|lan|home\.arpa|svc)$/.test(host)) return true
  if (/^(?:::1|f[cd][0-9a-f]{2}:.*|fe80:.*)$/.test(host)) return true
  // A host's name may begin like a private address: 10.example.com.
  if (!isIPv4(host)) return false
  return /^(?:127|10)\.|^192\.168\.|^169\.254\.|^172\.(?:1[6-9]|2\d|3[01])\.|^100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./.test(
    host,
  )
}

function noTransactions(reason: string): Finding {
  const remedy = /AUTHORIZATION/.test(reason)
    ? 'allow Write and Describe on transactional ids that begin with the group id'
    : /coordinator|took longer/i.test(reason)
      ? "check the brokers' transaction.state.log.replication.factor and min.isr: fewer brokers than these cannot begin one"
      : 'the brokers must support them'
  return {
    level: 'error',
    message: 'Kafka begins no transaction: nothing can be published',
    fields: { reason, remedy },
  }
}

const compacted = ({ topic, cleanupPolicy }: TopicFacts): Finding => ({
  level: 'error',
  message: 'the topic is compacted: of all messages with one key only the last is kept. Set cleanup.policy=delete',
  fields: { topic, cleanupPolicy },
})

const hours = (ms: number) => Math.round(ms / 360_000) / 10

/** Logs what is wrong with the settings of the provider. */
export function preflightProvider({ provider }: Config, log: Log): void {
  for (const { level, message, fields } of checkProvider(provider)) log[level](message, fields)
}

/** Checks Redis and logs what is wrong. Must run before recovery begins: see redis-facts.ts. Never rejects. */
export async function preflightRedis(redis: Redis, keys: RedisKeys, config: Config, log: Log): Promise<void> {
  await look('Redis', log, async () => checkRedis(await readRedisFacts(redis, keys, config.processedTtlMs)))
}

/** Looks for living workers that share the budget under other limits, and logs which. Never rejects. */
export async function preflightFleet(redis: Redis, keys: RedisKeys, config: Config, log: Log): Promise<void> {
  await look('the fleet', log, async () =>
    limitDifferences(settingsOf(config, ''), await readWorkers(redis, keys)).map(otherLimit),
  )
}

const otherLimit = ({ setting, here, fleet }: Difference): Finding => ({
  level: 'warn',
  message:
    'living workers share this budget under another limit: set the same everywhere, unless they are about to end',
  fields: { setting, here, there: fleet.join(',') },
})

/** Checks Kafka and logs what is wrong. Takes about 1 s, or 30 s when no transaction can begin. Never rejects. */
export async function preflightKafka(
  clients: KafkaClients,
  config: Config,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const topics = Object.values(config.kafka.topics).filter((topic) => topic !== null)
  await look('Kafka', log, async () =>
    checkKafka(await readKafkaFacts(clients, config.kafka.groupId, topics, signal), config),
  )
}

async function look(what: string, log: Log, find: () => Promise<Finding[]>): Promise<void> {
  try {
    for (const { level, message, fields } of await find()) log[level](message, fields)
  } catch (error) {
    log.debug('a check at the start could not be made', { what, reason: (error as Error).message })
  }
}
