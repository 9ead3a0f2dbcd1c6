/** Reads what `status` and `inspect` show of the fleet, from Redis and Kafka; no worker has to run. */
import type { Redis } from 'ioredis'
import { createBudget } from '../budget/budget.ts'
import type { BudgetStatus } from '../budget/status.ts'
import { timeForBacklog } from '../budget/status.ts'
import type { Config } from '../config.ts'
import type { PartitionBacklog } from '../kafka/offsets-view.ts'
import { createOffsetsView } from '../kafka/offsets-view.ts'
import { readAdaptation } from '../provider/adaptations.ts'
import { readHolds } from '../provider/holds.ts'
import type { RedisKeys } from '../redis/keys.ts'
import { lastReason, withKafka } from './connections.ts'
import { recentReviews } from '../scoring/reviews.ts'
import { VERSION } from '../lib/version.ts'
import { readWorkers } from './workers.ts'

/** Of a request, while the budget has seen none: what upstream's usual texts come to. */
const USUAL_PROMPT_TOKENS = 3_000

export type Backlog = Awaited<ReturnType<typeof readBacklog>>
export type Status = Awaited<ReturnType<typeof readStatusOf>>

/** What Redis knows. */
export async function readStatusOf(redis: Redis, keys: RedisKeys, config: Config) {
  const [state, budget, holds, adaptation, workers, reviews, server] = await Promise.all([
    redis.hmget(keys.state, 'status', 'epoch'),
    readBudget(redis, keys, config),
    readHolds(redis, keys),
    readAdaptation(redis, keys, config.provider),
    readWorkers(redis, keys),
    recentReviews(redis, keys, config.processedTtlMs),
    redis.info('server').catch(() => ''),
  ])
  return {
    budget: { name: config.budget.name, ...budget },
    holds,
    /** null: no request has been taken by this server yet, or it was forgotten */
    adaptation,
    /** null: no worker has ever used this Redis under this prefix, or all of its data is lost */
    claims: { status: state[0] ?? null, epoch: state[1] ?? null },
    workers,
    /** Ids of recent results that a person should look at, newest first. */
    reviews,
    versions: { command: VERSION, redis: /^redis_version:(\S+)/m.exec(server)?.[1] ?? null },
  }
}

/** @throws as ioredis does */
export async function readBudget(redis: Redis, keys: RedisKeys, { budget }: Config): Promise<BudgetStatus> {
  const view = createBudget({
    redis,
    prefix: keys.budget(budget.name),
    sentinel: keys.state,
    limits: budget,
    burst: budget.burst,
    maxWaitMs: budget.maxWaitMs,
    worker: 'status',
    log: lastReason(),
    // A status is asked for once.
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

export async function readBacklog({ kafka }: Config) {
  return withKafka(kafka, async (clients) => {
    const view = createOffsetsView(clients, { group: kafka.groupId, topic: kafka.topics.requests }, lastReason())
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
  })
}

export function timeFor(
  budget: BudgetStatus,
  { partitions }: { partitions: PartitionBacklog[] },
  { provider }: Config,
) {
  const tokensEach = usualTokens(budget) ?? USUAL_PROMPT_TOKENS + provider.maxCompletionTokens
  const of = (requests: bigint) => timeForBacklog(budget, Number(requests), tokensEach)
  return {
    tokensEach,
    ...of(partitions.reduce((sum, { waiting }) => sum + waiting, 0n)),
    partitions: partitions.map(({ partition, waiting }) => ({ partition, ...of(waiting) })),
  }
}

/** @returns what a request of the last day was billed on average; null without any */
function usualTokens({ axes }: BudgetStatus): number | null {
  const used = (axis: string) => axes.find((each) => each.axis === axis)?.used ?? 0
  const requests = used('requestsPerDay')
  return requests === 0 ? null : Math.ceil(used('tokensPerDay') / requests)
}
