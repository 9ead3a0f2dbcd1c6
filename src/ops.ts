/** What orchestrators and Prometheus are told, gathered from the parts. */
import type { Redis } from 'ioredis'
import type { Budget } from './budget/budget.ts'
import type { ConsumerStatus } from './kafka/consumer.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { Picture } from './metrics/picture.ts'
import type { OpsServer, Readiness } from './ops-server.ts'
import { readinessOf, startOpsServer } from './ops-server.ts'
import { readHolds } from './provider/holds.ts'
import type { RedisKeys } from './redis/keys.ts'

/** Heartbeats come every second; a broker that is slow is not away. */
const KAFKA_SILENCE_MS = 15_000

export interface OpsParts {
  port: number
  redis: Redis
  keys: RedisKeys
  budget: Budget
  metrics: Metrics
  log: Log
  consumer: () => ConsumerStatus
  /** Whether the group has given this worker its partitions (which may be none). */
  assigned: () => boolean
  callsInFlight: () => number
  oldestUnfinishedMs: () => number | null
}

/** Serves probes and metrics. @throws Error that names OPS_PORT when the port cannot be opened */
export async function startOps(parts: OpsParts): Promise<OpsServer> {
  const { port, redis, keys, budget, metrics, log, consumer, assigned } = parts

  const readiness = (): Promise<Readiness> =>
    readinessOf({
      kafka: () => (consumer().silentMs < KAFKA_SILENCE_MS ? null : 'no sign of life from Kafka'),
      assigned: () => (assigned() ? null : 'the group has not assigned anything yet'),
      redis: async () => ((await redis.ping()) === 'PONG' ? null : 'no answer from Redis'),
      provider: async () => {
        // An outage passes by itself, and the operator knows of his own pause; these wait for somebody to act.
        const held = (await readHolds(redis, keys)).find(({ code, holdsOthers }) => holdsOthers && isForGood(code))
        return held === undefined ? null : `calls are held (${held.code}): ${held.remedy}`
      },
    })

  async function picture(): Promise<Picture> {
    const [ready, status, holds] = await Promise.all([
      readiness(),
      budget.status().catch(() => null),
      readHolds(redis, keys).catch(() => null),
    ])
    return {
      ready: ready.ready,
      consumer: consumer(),
      callsInFlight: parts.callsInFlight(),
      oldestUnfinishedMs: parts.oldestUnfinishedMs(),
      ...(status === null ? {} : { budget: status }),
      ...(holds === null ? {} : { holds }),
    }
  }

  metrics.showPicture(picture, log)
  return await startOpsServer({ port, metrics, readiness, log })
}

const isForGood = (code: string | null) =>
  ['quota', 'unauthorized', 'territory', 'proxy_refused', 'bad_configuration'].includes(code ?? '')
