/** Gathers from the parts what orchestrators, Prometheus and browsers are told. */
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
import { holdsOf, needsRepair, readFirstFailures, readHolds } from '../provider/holds.ts'
import { reasonOf } from '../redis/explain.ts'
import type { RedisKeys } from '../redis/keys.ts'

/** Kafka answers a heartbeat every second, so a shorter silence is only a slow broker. */
const UNANSWERED_LIMIT_MS = 5_000
/** Limit for what the gauges need from Redis, so that the other gauges are still served in time. */
const PICTURE_PART_LIMIT_MS = 1_500
/** The page reads the fleet's status at most once in this time, however many browsers show it. */
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
  /** Why the provider would refuse this worker's calls, as the check at the start found; null when it found nothing. */
  providerTrouble: () => string | null
  callsInFlight: () => number
  oldestUncommittedMs: () => number | null
}

/** What the page shows about this worker. */
export interface About {
  worker: string
  version: string
  /** The last lines of the log that are worth reading. */
  recent: () => readonly string[]
}

export interface Ops {
  /** Makes /readyz say what the start waits for. */
  waitsFor(service: 'Kafka' | 'Redis'): void
  /** Gives the parts to ask. Until then the worker is alive and not ready. */
  show(parts: OpsParts): void
  close(): Promise<void>
}

const startingWithout = (service: string): Readiness => ({
  ready: false,
  checks: { start: `waiting for ${service}, the log says why` },
})

/**
 * Serves probes, metrics and the page from the start of the process.
 * @throws Error that names OPS_HOST and OPS_PORT when the port cannot be opened
 */
export async function startOps(
  place: { host: string; port: number },
  metrics: Metrics,
  log: Log,
  about: About,
): Promise<Ops> {
  let fleet = (): Promise<readonly string[]> => Promise.resolve([])
  let readiness = (): Promise<Readiness> => Promise.resolve(startingWithout('Kafka'))
  metrics.showPicture(() => Promise.resolve({ ready: false }), log)
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
    waitsFor(service) {
      readiness = () => Promise.resolve(startingWithout(service))
    },
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
  const [readiness, ...told] = await Promise.all([
    readinessOf(checksOf(parts, held)),
    within(CHECK_LIMIT_MS, 'the holds', held).then(passing, () => []),
    within(CHECK_LIMIT_MS, 'the first failures', firstFailures(parts)).then(saidOfOne, () => []),
  ])
  const notes = told.flat()
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
        (error: Error) => `no answer from Redis: ${reasonOf(error)}`,
      ),
    provider: () =>
      held.then(
        (holds) => holds.filter(needsRepair).map(sayHold)[0] ?? providerTrouble(),
        () => providerTrouble() ?? 'not known without Redis',
      ),
  }
}

function kafkaTrouble({ membership: { unansweredMs, lastEnd } }: ConsumerStatus): string | null {
  if (lastEnd !== null) return `the connection to the group has ended: ${lastEnd}`
  return unansweredMs < UNANSWERED_LIMIT_MS ? null : `no answer from Kafka for ${Math.round(unansweredMs / 1_000)} s`
}

/** @returns which partition is stuck at a batch that cannot be read, and why: a person has to look; null when there is none */
function unreadableBatch({ partitions }: ConsumerStatus): string | null {
  const found = partitions.find(({ unreadable }) => unreadable !== null)
  return found === undefined ? null : `partition ${found.partition} waits: ${found.unreadable}`
}

const ownHolds = async ({ redis, keys, identity }: OpsParts) => {
  const [holds, who] = await Promise.all([readHolds(redis, keys), identity()])
  return holdsOf(who, holds)
}

async function firstFailures({ redis, keys, identity }: OpsParts): Promise<Hold[]> {
  return readFirstFailures(redis, keys, Object.values(await identity()))
}

const saidOfOne = (holds: Hold[]) =>
  holds.map(({ code, cause, remedy }) => `one request fails (${code}: ${cause}): ${remedy}`)

/** Holds that are worth a note but no alarm: an outage passes by itself, and the operator knows about a pause. */
const passing = (holds: Hold[]) => holds.filter((hold) => !needsRepair(hold)).map(sayHold)

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
    oldestUncommittedMs: parts.oldestUncommittedMs(),
    ...(status === null ? {} : { budget: status }),
    ...(holds === null ? {} : { holds }),
  }
}
