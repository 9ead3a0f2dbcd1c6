/** Prints where a request stands while `send` waits for its result. */
import type { Redis } from 'ioredis'
import { inspectId } from '../claims/inspect.ts'
import type { Config } from '../config.ts'
import type { KafkaClients } from '../kafka/clients.ts'
import { createOffsetsView } from '../kafka/offsets-view.ts'
import { pause } from '../lib/abortable.ts'
import { silent } from '../logging/log.ts'
import { holdsOfPartition, scopesOfPartition } from '../ops/fleet.ts'
import type { RedisHalf } from '../ops/fleet-status.ts'
import { readRedisHalf } from '../ops/fleet-status.ts'
import type { Hold } from '../provider/holds.ts'
import { failuresOf } from '../provider/holds.ts'
import type { RedisKeys } from '../redis/keys.ts'
import { promptVersion } from '../scoring/prompt-version.ts'
import { withRedis } from './connections.ts'

/** Nothing is printed for an answer that comes sooner. */
const FIRST_LOOK_MS = 3_000
const LOOK_EVERY_MS = 2_000
/** A turn is printed again only when it moves by at least this. */
const MOVED_MS = 15_000

export interface Sent {
  id: bigint
  partition: number
  offset: bigint
}

/** Where a request stands. A line is printed when `kind` changes, or `turnAtMs` (ms since the epoch) moves. */
export interface StandingLine {
  kind: string
  line: string
  turnAtMs: number | null
}

/**
 * Looks every 2 s until the signal aborts, and prints what has changed. Never rejects: while Redis or Kafka is away it prints
 * nothing, and `send` goes on waiting.
 */
export async function tellStanding(
  clients: KafkaClients,
  config: Config,
  sent: Sent,
  signal: AbortSignal,
  progress: (line: string) => void,
): Promise<void> {
  try {
    await pause(FIRST_LOOK_MS, signal)
    await withRedis(config.redis, signal, async (redis, keys) => {
      let told: StandingLine | null = null
      for (;;) {
        const now = await look(redis, keys, clients, config, sent)
        if (now !== null && isNews(told, now)) {
          progress(now.line)
          told = now
        }
        await pause(LOOK_EVERY_MS, signal)
      }
    })
  } catch {
    // The request has ended, or Redis or Kafka is away.
  }
}

const isNews = (told: StandingLine | null, { kind, turnAtMs }: StandingLine) =>
  told?.kind !== kind || Math.abs((turnAtMs ?? 0) - (told.turnAtMs ?? 0)) > MOVED_MS

async function look(
  redis: Redis,
  keys: RedisKeys,
  clients: KafkaClients,
  config: Config,
  { id, partition, offset }: Sent,
): Promise<StandingLine | null> {
  const { kafka } = config
  const view = createOffsetsView(clients, { group: kafka.groupId, topic: kafka.topics.requests }, silent)
  const [{ claim }, fleet, backlog] = await Promise.all([
    inspectId(redis, keys, id),
    readRedisHalf(redis, keys, config, promptVersion),
    view.backlog(),
  ])
  if (claim?.isAsked === true) return line('asked', 'the model is being asked')
  if (claim !== null && claim.state !== 'open') return line('answered', 'it is answered, and about to be published')
  const here = backlog.find((each) => each.partition === partition)
  const before = here === undefined ? 0n : offset - (here.committed ?? here.low)
  const scopes = scopesOfPartition(fleet.workers, kafka.groupId, partition)
  const failing = await failuresOf(redis, keys, scopes, id)
  const waiting = { group: kafka.groupId, partition, before: claim === null ? before : null, failing }
  return whyItWaits(fleet, waiting, Date.now())
}

export interface Waiting {
  group: string
  partition: number
  /** Uncommitted messages before it in its partition; null: a worker has taken it. */
  before: bigint | null
  /** Scopes in which its calls fail, though no other request is held. */
  failing: readonly Hold[]
}

/** @returns what a request that is not being asked waits for: a worker, a hold, an end of its failures, the budget, or those before it */
export function whyItWaits(
  fleet: RedisHalf,
  { group, partition, before, failing }: Waiting,
  nowMs: number,
): StandingLine {
  const { workers, current, budget } = fleet
  if (workers.length === 0) return line('nobody', 'it waits in the backlog: no worker is alive')
  const holds = holdsOfPartition(workers, current, group, partition) ?? current.filter(({ holdsOthers }) => holdsOthers)
  const hold = holds[0]
  if (hold !== undefined && hold.code === null)
    return line('paused', 'paused by the operator: `npm run resume` ends it')
  if (hold !== undefined) return line(`hold ${hold.code}`, `calls are held (${hold.code}): ${hold.remedy}`)
  if (failing[0] !== undefined) return failingLine(failing[0])
  if (!budget.open) return line('shut', 'the budget is shut until a worker has opened or rebuilt it')
  const blockedMs = budget.axes
    .filter(({ free }) => free === 0)
    .reduce(
      (longest, { nextFreeInMs }) => Math.max(longest, nextFreeInMs ?? 0),
      Math.max(budget.heldForMs, budget.closedForMs),
    )
  if (blockedMs > 0) {
    const turnAtMs = nowMs + blockedMs
    const at = new Date(turnAtMs).toTimeString().slice(0, 8)
    const many = before === null || before <= 0n ? '' : `, with ${before} messages before it`
    return { kind: 'budget', line: `it waits for the budget, which has room again at about ${at}${many}`, turnAtMs }
  }
  if (before !== null)
    return line('backlog', `it waits in the backlog, with ${before < 0n ? 0n : before} messages before it`)
  return line('taken', 'a worker has it, and waits for its turn')
}

const failingLine = ({ code, cause, remedy }: Hold) =>
  line(`fails ${code}`, `calls fail (${code}: ${cause}) and are repeated${remedy === '' ? '' : `; ${remedy}`}`)

const line = (kind: string, text: string): StandingLine => ({ kind, line: text, turnAtMs: null })
