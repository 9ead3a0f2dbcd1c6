/** What orchestrators and Prometheus are told, gathered from the parts. */
import type { Redis } from 'ioredis'
import type { Budget } from './budget/budget.ts'
import type { ConsumerStatus } from './kafka/consumer.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { Picture } from './metrics/picture.ts'
import type { Check, Readiness } from './ops-server.ts'
import { readinessOf, startOpsServer } from './ops-server.ts'
import { readHolds } from './provider/holds.ts'
import type { RedisKeys } from './redis/keys.ts'

/** Heartbeats come every second; a broker that is slow is not away. */
const KAFKA_SILENCE_MS = 15_000

export interface OpsParts {
  redis: Redis
  keys: RedisKeys
  budget: Budget
  consumer: () => ConsumerStatus
  /** Whether the group has given this worker its partitions (which may be none). */
  assigned: () => boolean
  callsInFlight: () => number
  oldestUnfinishedMs: () => number | null
}

export interface Ops {
  /** From now on the parts are asked; until then the worker is alive, and not ready. */
  show(parts: OpsParts): void
  close(): Promise<void>
}

const STARTING: Readiness = { ready: false, checks: { start: 'waiting for Kafka and Redis' } }

/** Serves probes and metrics from the first moment on. @throws Error that names OPS_PORT when the port cannot be opened */
export async function startOps(port: number, metrics: Metrics, log: Log): Promise<Ops> {
  let readiness = (): Promise<Readiness> => Promise.resolve(STARTING)
  const server = await startOpsServer({ port, metrics, readiness: () => readiness(), log })
  return {
    show(parts) {
      readiness = () => readinessOf(checksOf(parts))
      metrics.showPicture(async () => pictureOf(parts, await readiness()), log)
    },
    close: () => server.close(),
  }
}

function checksOf({ redis, keys, consumer, assigned }: OpsParts): Record<string, Check> {
  return {
    kafka: () => (consumer().silentMs < KAFKA_SILENCE_MS ? null : 'no sign of life from Kafka'),
    assigned: () => (assigned() ? null : 'the group has not assigned anything yet'),
    redis: async () => ((await redis.ping()) === 'PONG' ? null : 'no answer from Redis'),
    provider: async () => {
      // An outage passes by itself, and the operator knows of his own pause; these wait for somebody to act.
      const held = (await readHolds(redis, keys)).find(({ code, holdsOthers }) => holdsOthers && isForGood(code))
      return held === undefined ? null : `calls are held (${held.code}): ${held.remedy}`
    },
  }
}

async function pictureOf(parts: OpsParts, { ready }: Readiness): Promise<Picture> {
  const [status, holds] = await Promise.all([
    parts.budget.status().catch(() => null),
    readHolds(parts.redis, parts.keys).catch(() => null),
  ])
  return {
    ready,
    consumer: parts.consumer(),
    callsInFlight: parts.callsInFlight(),
    oldestUnfinishedMs: parts.oldestUnfinishedMs(),
    ...(status === null ? {} : { budget: status }),
    ...(holds === null ? {} : { holds }),
  }
}

const isForGood = (code: string | null) =>
  ['quota', 'unauthorized', 'territory', 'proxy_refused', 'bad_configuration'].includes(code ?? '')
