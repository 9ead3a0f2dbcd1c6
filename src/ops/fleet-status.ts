/** Reads how the fleet stands, from Redis and Kafka; no worker has to run. For the page on OPS_PORT and commands such as `status`. */
import type { Redis } from 'ioredis'
import { createBudget } from '../budget/budget.ts'
import type { BudgetLimits } from '../budget/limits.ts'
import type { BudgetStatus } from '../budget/status.ts'
import { timeForBacklog } from '../budget/status.ts'
import type { Config } from '../config.ts'
import type { KafkaClients } from '../kafka/clients.ts'
import type { PartitionBacklog } from '../kafka/offsets-view.ts'
import { createOffsetsView } from '../kafka/offsets-view.ts'
import { shownAddress } from '../lib/address.ts'
import { VERSION } from '../lib/version.ts'
import { silent } from '../logging/log.ts'
import { readAdaptation } from '../provider/adaptations.ts'
import type { Hold } from '../provider/holds.ts'
import { readFirstFailures, readHolds } from '../provider/holds.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { FleetSettings, LiveWorker } from './fleet.ts'
import { differences, partHolds, readWorkers, skippedByFleet } from './fleet.ts'

/** Assumed for the prompt of a request until the budget has seen one, tokens: what usual texts take. */
const USUAL_PROMPT_TOKENS = 3_000

export type Backlog = Awaited<ReturnType<typeof readBacklog>>
export type RedisHalf = Awaited<ReturnType<typeof readRedisHalf>>

/** Why a half could not be read. */
export interface Unread {
  error: string
}

export interface FleetStatus {
  /** Ids of recent results that a person should look at, newest first. */
  reviews: readonly string[]
  redis: RedisHalf | Unread
  backlog: Backlog | Unread
}

/** @returns the settings by which workers of one fleet must not differ */
export function settingsOf({ kafka, provider, budget, verdictMinScore }: Config, prompt: string): FleetSettings {
  const { requestsPerMinute, requestsPerDay, tokensPerMinute, tokensPerDay } = budget
  return {
    model: provider.model,
    prompt,
    address: shownAddress(provider.baseUrl),
    group: kafka.groupId,
    topic: kafka.topics.requests,
    budget: budget.name,
    requestsPerMinute,
    requestsPerDay,
    tokensPerMinute,
    tokensPerDay,
    verdictMinScore,
  }
}

/**
 * Reads the half that Redis holds. Budget, limits and model are those of a live worker of the group, or this machine's when no worker
 * lives.
 * @param prompt the prompt's version of this machine
 * @throws as ioredis does
 */
export async function readRedisHalf(redis: Redis, keys: RedisKeys, config: Config, prompt: string) {
  const here = settingsOf(config, prompt)
  const [state, holds, adaptation, workers, server] = await Promise.all([
    redis.hmget(keys.state, 'status', 'epoch'),
    readHolds(redis, keys),
    readAdaptation(redis, keys, config.provider),
    readWorkers(redis, keys),
    redis.info('server').catch(() => ''),
  ])
  const own = ownFleet(workers, here.group)
  const settings = own.find((each) => each.settings !== null)?.settings ?? here
  const [budget, failing] = await Promise.all([
    readBudget(redis, keys, settings.budget, settings),
    readFirstFailures(redis, keys, scopesOf(workers)),
  ])
  const isNew = ({ scope }: Hold) => holds.every((each) => each.scope !== scope)
  return {
    settings,
    differences: differences(here, own),
    budget: { name: settings.budget, ...budget },
    ...partHolds(workers, [...holds, ...failing.filter(isNew)]),
    /** null: this server has not accepted a request yet, or what was learned was forgotten */
    adaptation,
    /** null: no worker has ever used this prefix in this Redis, or Redis lost its data */
    claims: { status: state[0] ?? null, epoch: state[1] ?? null },
    workers,
    skipped: skippedByFleet(own),
    redisVersion: /^redis_version:(\S+)/m.exec(server)?.[1] ?? null,
    version: VERSION,
  }
}

const scopesOf = (workers: readonly LiveWorker[]) => [
  ...new Set(workers.flatMap(({ scopes }) => Object.values(scopes ?? {}))),
]

/** Workers of another group on the same Redis belong to another fleet. Older versions do not report their group. */
const ownFleet = (workers: LiveWorker[], group: string) =>
  workers.filter(({ settings }) => settings === null || settings.group === group)

/** @throws as ioredis does */
export async function readBudget(
  redis: Redis,
  keys: RedisKeys,
  name: string,
  limits: BudgetLimits,
): Promise<BudgetStatus> {
  const view = createBudget({
    redis,
    prefix: keys.budget(name),
    sentinel: keys.state,
    limits,
    burst: null,
    maxWaitMs: 0,
    worker: 'status',
    log: silent,
    // Do not retry: a person asks once and wants the answer now.
    retryWhileAway: (_what, operation) => operation(),
    subscribe: () => () => {},
    onLost: () => {},
  })
  try {
    return await view.status()
  } finally {
    view.close()
  }
}

/** Reads the half that Kafka holds. @throws what kafkajs throws */
export async function readBacklog(clients: KafkaClients, { kafka }: Config) {
  const view = createOffsetsView(clients, { group: kafka.groupId, topic: kafka.topics.requests }, silent)
  const partitions = await view.backlog()
  const described = await clients.withAdmin((admin) => admin.describeGroups([kafka.groupId]))
  const group = described.groups[0]
  return {
    topic: kafka.topics.requests,
    group: kafka.groupId,
    groupState: group?.state ?? 'Dead',
    members: group?.members.length ?? 0,
    partitions: partitions.toSorted((a, b) => a.partition - b.partition),
    waiting: partitions.reduce((sum, { waiting }) => sum + waiting, 0n),
  }
}

/** @returns how long the budget needs for the backlog; null when budget or backlog is unknown */
export function timeFor({ redis, backlog }: FleetStatus, { provider }: Config) {
  if ('error' in redis || 'error' in backlog) return null
  const { budget } = redis
  const { partitions } = backlog
  const billedEach = usualTokens(budget)
  const tokensEach = billedEach ?? USUAL_PROMPT_TOKENS + provider.maxCompletionTokens
  const of = (requests: bigint) => timeForBacklog(budget, Number(requests), tokensEach)
  return {
    tokensEach,
    isAssumed: billedEach === null,
    ...of(sum(partitions)),
    partitions: partitions.map((each) => timeOf(each, of)),
  }
}

export type BacklogTime = ReturnType<typeof timeFor>

const sum = (partitions: PartitionBacklog[]) => partitions.reduce((total, { waiting }) => total + waiting, 0n)

const timeOf = <T>({ partition, waiting }: PartitionBacklog, of: (requests: bigint) => T) => ({
  partition,
  ...of(waiting),
})

/** @returns how many tokens a call of the last day was billed on average; null when none was billed */
function usualTokens({ axes }: BudgetStatus): number | null {
  const used = (axis: string) => axes.find((each) => each.axis === axis)?.used ?? 0
  const [requests, tokens] = [used('requestsPerDay'), used('tokensPerDay')]
  return requests === 0 || tokens === 0 ? null : Math.ceil(tokens / requests)
}
