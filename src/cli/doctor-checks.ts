/** What `doctor` looks at, part by part. */
import type { Redis } from 'ioredis'
import { budgetSettings, createBudget } from '../budget/budget.ts'
import type { Config } from '../config.ts'
import { FAILURES } from '../errors.ts'
import type { KafkaClients } from '../kafka/clients.ts'
import { readCommitted } from '../kafka/committed.ts'
import { readKafkaFacts } from '../kafka/facts.ts'
import { kafkaErrorType, kafkaReason } from '../kafka/kafka-error.ts'
import { readBack } from '../kafka/outcomes-reader.ts'
import { readWatermarks } from '../kafka/start-offset.ts'
import { silent } from '../logging/log.ts'
import { readRedisHalf } from '../ops/fleet-status.ts'
import type { Finding } from '../ops/preflight.ts'
import { checkKafka, checkRedis } from '../ops/preflight.ts'
import { readRedisFacts } from '../ops/redis-facts.ts'
import { createAdaptations } from '../provider/adaptations.ts'
import { createProvider } from '../provider/client.ts'
import type { KeySource } from '../provider/key.ts'
import { createKeySource } from '../provider/key.ts'
import type { ProviderStanding } from '../provider/standing.ts'
import { askStanding } from '../provider/standing.ts'
import type { Transport } from '../provider/transport.ts'
import { createTransport } from '../provider/transport.ts'
import type { RedisKeys } from '../redis/keys.ts'
import { promptVersion } from '../scoring/prompt-version.ts'
import { buildPrompt } from '../scoring/prompt.ts'
import { duration } from '../lib/text.ts'
import { withRedis } from './connections.ts'

export interface Check {
  what: string
  state: 'ok' | 'warn' | 'FAIL'
  told: string
}

const ok = (what: string, told: string): Check => ({ what, state: 'ok', told })
const warn = (what: string, told: string): Check => ({ what, state: 'warn', told })
const fail = (what: string, told: string): Check => ({ what, state: 'FAIL', told })

/** Of a clean system nothing is found: that is told too. */
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
  checks.push(await checkGroup(clients, kafka.groupId, kafka.topics.requests))
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
    return ok('topics', `${topic}: ${partitions.size} partitions, at most ${kept} messages`)
  } catch (error) {
    return fail('topics', `${topic} cannot be looked at: ${refusal(error)}`)
  }
}

async function checkGroup(clients: KafkaClients, group: string, topic: string): Promise<Check> {
  try {
    const committed = await readCommitted(clients, group, topic)
    const offsets = [...committed.values()].filter(({ offset }) => offset !== null).length
    const described = await clients.withAdmin((admin) => admin.describeGroups([group]))
    const members = described.groups[0]?.members.length ?? 0
    return ok('group', `${group}: ${members} members, ${offsets} partitions with a committed offset`)
  } catch (error) {
    return fail('group', `${group} cannot be looked at: ${refusal(error)}`)
  }
}

/** Topics with more messages are read from their last seconds on only. */
const READ_WHOLE = 1_000n
const LOOK_BACK_MS = 10_000

/** Reads what came last: shows the right to read, and that what producers compress can be unpacked. */
async function checkReading(clients: KafkaClients, group: string, topic: string, signal: AbortSignal): Promise<Check> {
  let read = 0
  try {
    const marks = await readWatermarks(clients, topic)
    const kept = [...marks.values()].reduce((sum, { low, high }) => sum + (high - low), 0n)
    const sinceMs = kept <= READ_WHOLE ? 0 : Date.now() - LOOK_BACK_MS
    const onMessage = async () => void read++
    await readBack({ clients, topic, groupPrefix: group, sinceMs, onMessage, signal, log: silent })
    const told =
      read === 0 ? 'nothing to read just now, so reading was not tried' : `${read} messages read and unpacked`
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

/** The limits here against those that living workers keep. */
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
  const same = ok('budgets', `as the ${workers.length} living workers have them`)
  return [...(differing.length === 0 ? [same] : differing), ...holds]
}

// The provider ---------------------------------------------------------------------------------------------------------

export async function checkProvider(
  config: Config,
  { isPaid, signal }: { isPaid: boolean; signal: AbortSignal },
): Promise<Check[]> {
  const transport = createTransport(config.provider.proxyUrl)
  const key = createKeySource(config.provider, silent)
  try {
    const standing = await askStanding({ settings: config.provider, key, transport }, signal)
    const checks = [standingCheck(standing, config.provider.model)]
    if (!isPaid || standing.kind === 'refused') return checks
    return [...checks, await paidCheck(config, { key, transport, signal })]
  } finally {
    await transport.close()
  }
}

function standingCheck(standing: ProviderStanding, model: string): Check {
  const { kind, detail } = standing
  if (kind === 'refused') return fail('provider', `${detail}: ${FAILURES[standing.code].remedy ?? standing.code}`)
  if (kind === 'unreachable') return fail('provider', `cannot be reached: ${detail}`)
  if (kind === 'untold') return warn('provider', `${detail}; whether it takes the key shows with --paid`)
  if (standing.knowsModel === false)
    return fail('provider', `does not list the model ${model}: check OPENAI_MODEL. ${detail}`)
  return ok('provider', `${detail}; model ${model}${standing.knowsModel === null ? ' (not listed there)' : ''}`)
}

/** More than the prompt with the shortest texts and its answer come to. */
const PAID_TOKENS = 4_000
const SHORTEST = { requirements: 'Go', resume: 'Go' }
const PAID_PATIENCE_MS = 30_000

interface Paid {
  key: KeySource
  transport: Transport
  signal: AbortSignal
}

/** The worker's own question with the shortest texts; it takes its turn in the budget that the workers share. */
async function paidCheck(config: Config, { key, transport, signal }: Paid): Promise<Check> {
  return withRedis(config.redis, signal, async (redis, keys) => {
    const retryWhileAway = <T>(_what: string, operation: () => Promise<T>) => operation()
    const settings = { ...budgetSettings(config.budget, keys), maxWaitMs: PAID_PATIENCE_MS }
    const parts = {
      redis,
      retryWhileAway,
      worker: `doctor-${process.pid}`,
      log: silent,
      subscribe: () => () => {},
      onLost: () => {},
    }
    const budget = createBudget({ ...settings, ...parts })
    const adaptations = createAdaptations({ redis, keys, server: config.provider, log: silent })
    await adaptations.load()
    const provider = createProvider({ settings: config.provider, key, transport, adaptations })
    try {
      const isOpen = (await budget.status()).open
      const grant = isOpen
        ? await budget.reserve({ tokens: PAID_TOKENS, user: '', urgent: false, alone: false }, signal)
        : null
      if (grant?.kind === 'refused')
        return warn('model call', `not made: the budget's next turn is in ${duration(grant.waitMs)}`)
      if (grant?.kind === 'too_long')
        return warn('model call', 'not made: the budget is smaller than the smallest call')
      const { messages, schema } = buildPrompt(SHORTEST, {
        ...config.provider,
        verdictMinScore: config.verdictMinScore,
      })
      const reply = await provider.ask({
        messages,
        schema,
        trial: null,
        maxCompletionTokens: config.provider.maxCompletionTokens,
        sendByMs: grant?.sendByMs ?? performance.now() + PAID_PATIENCE_MS,
        signal,
      })
      if (grant !== null && 'usage' in reply) await budget.settle(grant, reply.usage?.totalTokens ?? null, signal)
      if (reply.kind === 'answer')
        return ok('model call', `answered by ${reply.model}, ${reply.usage?.totalTokens ?? 'unknown'} tokens`)
      if (reply.kind !== 'failure') return warn('model call', 'not made in time: try again')
      // It was answered, which is all that was asked.
      if (reply.code === 'cut_off' || reply.code === 'unusable_answer')
        return ok('model call', `answered (${reply.detail})`)
      return fail('model call', `${reply.code}: ${reply.detail}. ${FAILURES[reply.code].remedy ?? ''}`.trim())
    } finally {
      budget.close()
    }
  })
}
