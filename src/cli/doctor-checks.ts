/** What `doctor` looks at in Kafka and Redis. */
import type { Redis } from 'ioredis'
import type { Config } from '../config.ts'
import type { KafkaClients } from '../kafka/clients.ts'
import { readCommitted } from '../kafka/committed.ts'
import { readKafkaFacts } from '../kafka/facts.ts'
import { kafkaErrorType, kafkaReason } from '../kafka/kafka-error.ts'
import { readBack } from '../kafka/outcomes-reader.ts'
import { readWatermarks } from '../kafka/start-offset.ts'
import { counted } from '../lib/text.ts'
import { silent } from '../logging/log.ts'
import { readRedisHalf } from '../ops/fleet-status.ts'
import type { Finding } from '../ops/preflight.ts'
import { checkKafka, checkRedis } from '../ops/preflight.ts'
import { readRedisFacts } from '../ops/redis-facts.ts'
import type { RedisKeys } from '../redis/keys.ts'
import { promptVersion } from '../scoring/prompt-version.ts'

export interface Check {
  what: string
  state: 'ok' | 'warn' | 'FAIL'
  told: string
}

export const ok = (what: string, told: string): Check => ({ what, state: 'ok', told })
export const warn = (what: string, told: string): Check => ({ what, state: 'warn', told })
export const fail = (what: string, told: string): Check => ({ what, state: 'FAIL', told })

/** @param well says that all is well @returns a check for each finding; without findings, one with `well` */
const orWell = (what: string, findings: Finding[], well: string): Check[] =>
  findings.length === 0 ? [ok(what, well)] : findings.map((finding) => checkOf(what, finding))

function checkOf(what: string, { level, message, fields }: Finding): Check {
  const facts = Object.entries(fields).map(([name, value]) => `${name} ${String(value)}`)
  return { what, state: level === 'error' ? 'FAIL' : 'warn', told: [message, ...facts].join(', ') }
}

// Kafka ----------------------------------------------------------------------------------------------------------------

/** @throws what kafkajs throws while Kafka is away */
export async function checkKafkaServices(clients: KafkaClients, config: Config, signal: AbortSignal): Promise<Check[]> {
  const { kafka } = config
  const topics = Object.values(kafka.topics).filter((topic) => topic !== null)
  const present = new Set(await clients.withAdmin((admin) => admin.listTopics()))
  const checks = [ok('Kafka', `answers at ${kafka.brokers.join(', ')}`)]
  const missing = topics.filter((topic) => !present.has(topic))
  for (const topic of missing) {
    checks.push(warn('topics', `${topic} is missing, or may not be seen: a worker will try to create it`))
  }
  const there = topics.filter((topic) => present.has(topic))
  checks.push(...(await Promise.all(there.map((topic) => checkTopic(clients, topic)))))
  checks.push(
    await checkGroup(clients, kafka.groupId, present.has(kafka.topics.requests) ? kafka.topics.requests : null),
  )
  for (const topic of [kafka.topics.requests, kafka.topics.notifications].filter((each) => present.has(each))) {
    checks.push(await checkReading(clients, kafka.groupId, topic, signal))
  }
  const facts = await readKafkaFacts(clients, kafka.groupId, there, signal)
  const findings = checkKafka(facts, config)
  checks.push(
    ...orWell('transactions', findings.slice(0, facts.noTransactions === null ? 0 : 1), 'one was begun and ended'),
  )
  checks.push(...orWell('retention', findings.slice(facts.noTransactions === null ? 0 : 1), 'nothing is lost by it'))
  return checks
}

async function checkTopic(clients: KafkaClients, topic: string): Promise<Check> {
  try {
    const partitions = await readWatermarks(clients, topic)
    const kept = [...partitions.values()].reduce((sum, { low, high }) => sum + (high - low), 0n)
    return ok('topics', `${topic}: ${counted(partitions.size, 'partition')}, at most ${counted(kept, 'message')}`)
  } catch (error) {
    return fail('topics', `${topic} cannot be looked at: ${refusal(error)}`)
  }
}

/** @param topic null: it is missing, so nothing is committed in it */
async function checkGroup(clients: KafkaClients, group: string, topic: string | null): Promise<Check> {
  try {
    const committed = topic === null ? [] : (await readCommitted(clients, group, topic)).values()
    const offsets = [...committed].filter(({ offset }) => offset !== null).length
    const described = await clients.withAdmin((admin) => admin.describeGroups([group]))
    const members = described.groups[0]?.members.length ?? 0
    return ok(
      'group',
      `${group}: ${counted(members, 'member')}, ${counted(offsets, 'partition')} with a committed offset`,
    )
  } catch (error) {
    return fail('group', `${group} cannot be looked at: ${refusal(error)}`)
  }
}

/** Of a topic with more messages, only the last seconds are read. */
const READ_WHOLE = 1_000n
const LOOK_BACK_MS = 10_000

/** Reads the latest messages, to prove the right to read and that the producers' compression can be unpacked. */
async function checkReading(clients: KafkaClients, group: string, topic: string, signal: AbortSignal): Promise<Check> {
  let read = 0
  try {
    const marks = await readWatermarks(clients, topic)
    const kept = [...marks.values()].reduce((sum, { low, high }) => sum + (high - low), 0n)
    const sinceMs = kept <= READ_WHOLE ? 0 : Date.now() - LOOK_BACK_MS
    const onMessage = async () => void read++
    await readBack({ clients, topic, groupPrefix: group, sinceMs, onMessage, signal, log: silent })
    const told =
      read === 0
        ? 'nothing to read just now, so reading was not tried'
        : `${counted(read, 'message')} read and unpacked`
    return ok('reading', `${topic}: ${told}`)
  } catch (error) {
    signal.throwIfAborted()
    return fail('reading', `${topic} cannot be read: ${refusal(error)}`)
  }
}

function refusal(error: unknown): string {
  const type = kafkaErrorType(error)
  return type !== null && /AUTHORIZATION/.test(type) ? `${type}: see ops/least-rights.md` : kafkaReason(error)
}

// Redis ----------------------------------------------------------------------------------------------------------------

/** @throws as ioredis does */
export async function checkRedisServices(redis: Redis, keys: RedisKeys, config: Config): Promise<Check[]> {
  const facts = await readRedisFacts(redis, keys, config.processedTtlMs)
  const isClock = ({ message }: Finding) => message.includes("machine's clock")
  const findings = checkRedis(facts)
  return [
    ok('Redis', `answers at ${config.redis.host}:${config.redis.port}, database ${config.redis.db}`),
    ...orWell(
      'persistence',
      findings.filter((each) => !isClock(each)),
      'kept on disk, nothing is evicted',
    ),
    ...orWell(
      'clocks',
      findings.filter(isClock),
      `this machine and Redis differ by ${Math.round(Math.abs(facts.clockAheadMs))} ms`,
    ),
  ]
}

/** Compares the settings here with those of the live workers, and names the holds. */
export async function checkBudgets(redis: Redis, keys: RedisKeys, config: Config): Promise<Check[]> {
  const { workers, differences, budget, current } = await readRedisHalf(redis, keys, config, promptVersion)
  const holds = current.map(({ scope, code, remedy }) => warn('holds', `${scope} (${code ?? 'paused'}): ${remedy}`))
  if (workers.length === 0)
    return [
      ok('budgets', `no worker lives; "${budget.name}" ${budget.open ? 'is open' : 'was never used, or is shut'}`),
      ...holds,
    ]
  const differing = differences.map(({ setting, here, fleet }) => {
    return warn('budgets', `${setting} is ${here} here and ${fleet.join(' and ')} in living workers`)
  })
  const same = ok('budgets', `as the living workers have them: ${workers.length}`)
  return [...(differing.length === 0 ? [same] : differing), ...holds]
}
