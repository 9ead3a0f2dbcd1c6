/** What orchestrators and Prometheus are told, gathered from the parts. */
import type { Redis } from 'ioredis'
import type { Budget } from '../budget/budget.ts'
import type { ConsumerStatus } from '../kafka/consumer.ts'
import { within } from '../kafka/time-limit.ts'
import type { Log } from '../logging/log.ts'
import type { Metrics } from './metrics.ts'
import { renderPage } from './page.ts'
import type { Picture } from './picture.ts'
import { createReading } from './reading.ts'
import type { Check, Readiness } from './server.ts'
import { CHECK_LIMIT_MS, readinessOf, startOpsServer } from './server.ts'
import type { Hold, Identity } from '../provider/holds.ts'
import { holdsOf, isForGood, readHolds } from '../provider/holds.ts'
import type { RedisKeys } from '../redis/keys.ts'

/** Heartbeats are answered every second: a broker that is slow is not away yet. */
const UNANSWERED_LIMIT_MS = 5_000
/** Of what a picture asks Redis for: without it the other gauges are told in time all the same. */
const PICTURE_PART_LIMIT_MS = 1_500
/** So many readers of the page as may be, the fleet is asked once in so long. */
const PAGE_FRESH_MS = 5_000

export interface OpsParts {
  redis: Redis
  keys: RedisKeys
  budget: Budget
  consumer: () => ConsumerStatus
  /** The scopes of this worker's calls as they are now. */
  identity: () => Promise<Identity>
  /** The lines of `status`. */
  fleet: () => Promise<readonly string[]>
  /** What the provider said at the start against this worker's calls; null: nothing. */
  providerTrouble: () => string | null
  callsInFlight: () => number
  oldestUnfinishedMs: () => number | null
}

/** Of this worker, for the page. */
export interface About {
  worker: string
  version: string
  /** The last lines of the log that are worth reading. */
  recent: () => readonly string[]
}

export interface Ops {
  /** From now on the parts are asked; until then the worker is alive, and not ready. */
  show(parts: OpsParts): void
  close(): Promise<void>
}

const STARTING: Readiness = { ready: false, checks: { start: 'waiting for Kafka and Redis' } }

/** Serves probes and metrics from the first moment on. @throws Error that names OPS_HOST and OPS_PORT when the port cannot be opened */
export async function startOps(
  place: { host: string; port: number },
  metrics: Metrics,
  log: Log,
  about: About,
): Promise<Ops> {
  let fleet = (): Promise<readonly string[]> => Promise.resolve([])
  let readiness = (): Promise<Readiness> => Promise.resolve(STARTING)
  metrics.showPicture(() => Promise.resolve({ ready: STARTING.ready }), log)
  const page = async () =>
    renderPage({
      ...about,
      readiness: sayReadiness(await readiness()),
      status: await fleet(),
      recent: about.recent(),
      at: new Date(),
    })
  const server = await startOpsServer({ ...place, metrics, readiness: () => readiness(), page, log })
  return {
    show(parts) {
      readiness = () => readinessNow(parts)
      fleet = createReading(PAGE_FRESH_MS, parts.fleet)
      metrics.showPicture(() => pictureOf(parts), log)
    },
    close: () => server.close(),
  }
}

function sayReadiness({ ready, checks, notes = [] }: Readiness): string[] {
  const bad = Object.entries(checks).filter(([, result]) => result !== 'ok')
  return [ready ? 'ready' : 'NOT READY', ...bad.map(([name, result]) => `${name}: ${result}`), ...notes]
}

async function readinessNow(parts: OpsParts, held = ownHolds(parts)): Promise<Readiness> {
  const [readiness, notes] = await Promise.all([
    readinessOf(checksOf(parts, held)),
    within(CHECK_LIMIT_MS, 'the holds', held).then(passing, () => []),
  ])
  return notes.length === 0 ? readiness : { ...readiness, notes }
}

function checksOf({ redis, consumer, providerTrouble }: OpsParts, held: Promise<Hold[]>): Record<string, Check> {
  return {
    kafka: () => kafkaTrouble(consumer()),
    batches: () => unreadableBatch(consumer()),
    assigned: () => (consumer().membership.assigned ? null : 'the group has not assigned anything'),
    redis: () =>
      redis.ping().then(
        (reply) => (reply === 'PONG' ? null : 'no answer from Redis'),
        (error: Error) => `no answer from Redis: ${error.message}`,
      ),
    provider: () =>
      held.then(
        (holds) => holds.filter(isForGood).map(sayHold)[0] ?? providerTrouble(),
        () => providerTrouble() ?? 'not known without Redis',
      ),
  }
}

function kafkaTrouble({ membership: { unansweredMs, lastEnd } }: ConsumerStatus): string | null {
  if (lastEnd !== null) return `the connection to the group has ended: ${lastEnd}`
  return unansweredMs < UNANSWERED_LIMIT_MS ? null : `no answer from Kafka for ${Math.round(unansweredMs / 1_000)} s`
}

/** Somebody has to look after it: nothing of that partition is read meanwhile. */
function unreadableBatch({ partitions }: ConsumerStatus): string | null {
  const found = partitions.find(({ unreadable }) => unreadable !== null)
  return found === undefined ? null : `partition ${found.partition} waits: ${found.unreadable}`
}

const ownHolds = async ({ redis, keys, identity }: OpsParts) => {
  const [holds, who] = await Promise.all([readHolds(redis, keys), identity()])
  return holdsOf(who, holds)
}

/** An outage passes by itself, and the operator knows of his own pause. */
const passing = (holds: Hold[]) => holds.filter((hold) => !isForGood(hold)).map(sayHold)

const sayHold = ({ code, remedy }: Hold) => (code === null ? remedy : `calls are held (${code}): ${remedy}`)

async function pictureOf(parts: OpsParts): Promise<Picture> {
  const held = ownHolds(parts)
  const told = <T>(what: string, part: Promise<T>) => within(PICTURE_PART_LIMIT_MS, what, part).catch(() => null)
  const [{ ready }, status, holds] = await Promise.all([
    readinessNow(parts, held),
    told('the budget', parts.budget.status()),
    told('the holds', held),
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
