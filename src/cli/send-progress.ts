/** Prints where requests stand while `send` waits for their results. */
import type { Redis } from 'ioredis'
import { blocksOf } from '../budget/status.ts'
import type { Stage } from '../claims/inspect.ts'
import { readStages } from '../claims/inspect.ts'
import type { Config } from '../config.ts'
import type { KafkaClients } from '../kafka/clients.ts'
import { isKafkaFault, kafkaReason } from '../kafka/kafka-error.ts'
import { createOffsetsView } from '../kafka/offsets-view.ts'
import { pause } from '../lib/abortable.ts'
import { clockTime, counted } from '../lib/text.ts'
import { silent } from '../logging/log.ts'
import { holdsOfPartition, scopesOfPartition } from '../ops/fleet.ts'
import type { RedisHalf } from '../ops/fleet-status.ts'
import { readRedisHalf } from '../ops/fleet-status.ts'
import { blockReason } from '../ops/status-lines.ts'
import type { Hold } from '../provider/holds.ts'
import { failuresOf } from '../provider/holds.ts'
import type { RedisKeys } from '../redis/keys.ts'
import { promptVersion } from '../scoring/prompt-version.ts'
import { withRedis } from './connections.ts'

/** Nothing is printed for an answer that comes sooner. */
const FIRST_LOOK_MS = 3_000
/** Each look scans Redis's keys, so looks become rarer. */
const LOOK_EVERY_MS = { first: 2_000, last: 10_000, growth: 1.2 }
/** A turn that moves by more than this is printed again at once. */
const MOVED_MS = 15_000
/** Other changes within one kind, such as how many messages are before the request, are printed no more often than this. */
const TELL_AGAIN_MS = 30_000

/** A published request. */
export interface Sent {
  id: bigint
  partition: number
  offset: bigint
}

/** Where requests stand. The line is printed at once when `kind` changes or `turnAtMs` (ms since the epoch) moves; see `isNews`. */
export interface StandingLine {
  kind: string
  line: string
  turnAtMs: number | null
}

export interface Telling {
  clients: KafkaClients
  config: Config
  /** @returns the requests whose results have not come, in the order of sending */
  awaited: () => readonly Sent[]
  /** @param why what the first waiting request waits for; null when none waits */
  words: (stages: readonly Stage[], why: StandingLine | null) => StandingLine
  signal: AbortSignal
  progress: (line: string) => void
}

/** Where the awaited requests stand now; null when all results have come. */
type Look = () => Promise<StandingLine | null>

/** Prints where requests stand until the signal aborts. Never rejects. */
export async function tellStanding(telling: Telling): Promise<void> {
  const { config, signal, progress } = telling
  await keepTelling({
    connected: (work) => withRedis(config.redis, signal, (redis, keys) => work(() => look(redis, keys, telling))),
    signal,
    progress,
  })
}

export interface KeptTelling {
  /** Connects and calls `work` with what looks through this connection. Rejects when it cannot connect, or with what `work` rejects with. */
  connected: (work: (look: Look) => Promise<never>) => Promise<never>
  signal: AbortSignal
  progress: (line: string) => void
  /** For tests: in place of a pause of so many ms, which ends with the signal. */
  wait?: typeof pause
}

/**
 * Looks every 2 to 10 s until the signal aborts, and prints what has changed. While Redis or Kafka is away it says so once, tries again
 * with a connection of its own each time, and goes on when it is back. Never rejects.
 */
export async function keepTelling({ connected, signal, progress, wait = pause }: KeptTelling): Promise<void> {
  const teller = createTeller(progress)
  let everyMs = LOOK_EVERY_MS.first
  const rest = async () => {
    await wait(everyMs, signal)
    everyMs = Math.min(everyMs * LOOK_EVERY_MS.growth, LOOK_EVERY_MS.last)
  }
  const lookOn = async (look: Look): Promise<never> => {
    for (;;) {
      const now = await look()
      signal.throwIfAborted()
      teller.stand(now)
      await rest()
    }
  }
  try {
    await wait(FIRST_LOOK_MS, signal)
    for (;;) {
      await connected(lookOn).catch((error: unknown) => {
        signal.throwIfAborted()
        teller.failed(error)
      })
      await rest()
    }
  } catch {
    // The requests have ended.
  }
}

/** @returns what prints the news of each look */
function createTeller(progress: (line: string) => void) {
  let told: StandingLine | null = null
  let toldAtMs = 0
  let isAway = false
  return {
    stand(now: StandingLine | null): void {
      isAway = false
      if (now === null || !isNews(told, now, performance.now() - toldAtMs)) return
      progress(now.line)
      told = now
      toldAtMs = performance.now()
    },
    failed(error: unknown): void {
      if (!isAway) progress(`${reasonOf(error)}; the waiting goes on, and more is told when that is over`)
      isAway = true
      // So that the next look is printed even if nothing has changed.
      told = null
    },
  }
}

/** @returns which service is away, and why; an error of Redis says so itself, see `withRedis` */
const reasonOf = (error: unknown): string =>
  isKafkaFault(error) ? `Kafka does not answer: ${kafkaReason(error)}` : (error as Error).message

/** @param agoMs how long ago `told` was printed */
export function isNews(told: StandingLine | null, now: StandingLine, agoMs: number): boolean {
  if (told?.kind !== now.kind || Math.abs((now.turnAtMs ?? 0) - (told.turnAtMs ?? 0)) > MOVED_MS) return true
  return told.line !== now.line && agoMs >= TELL_AGAIN_MS
}

async function look(redis: Redis, keys: RedisKeys, telling: Telling): Promise<StandingLine | null> {
  const { clients, config, awaited, words } = telling
  const { kafka } = config
  const sent = awaited()
  const topic = kafka.topics.requests
  const view = createOffsetsView(clients, { group: kafka.groupId, topic }, silent)
  const messages = sent.map((each) => ({ ...each, topic }))
  const [stages, fleet, backlog] = await Promise.all([
    readStages(redis, keys, messages),
    readRedisHalf(redis, keys, config, promptVersion),
    view.backlog(),
  ])
  const index = stages.findIndex((stage) => stage === 'unclaimed' || stage === 'taken')
  const first = sent[index]
  if (first === undefined) return sent.length === 0 ? null : words(stages, null)
  const { id, partition, offset } = first
  const here = backlog.find((each) => each.partition === partition)
  const ahead = here === undefined ? 0n : offset - (here.committed ?? here.low)
  const failing = await failuresOf(redis, keys, scopesOfPartition(fleet.workers, kafka.groupId, partition), id)
  const before = stages[index] === 'taken' ? null : ahead < 0n ? 0n : ahead
  return words(stages, whyItWaits(fleet, { group: kafka.groupId, partition, before, failing }, Date.now()))
}

/** @returns how `send` says where its only request stands */
export function wordsOfOne(id: bigint): Telling['words'] {
  const lines: Partial<Record<Stage, string>> = {
    asked: 'the model is being asked',
    answered: 'it is answered, and about to be published',
    refused: 'it is refused for lack of budget, and about to be told so',
    dead: `it was dead-lettered, so no result will come; why: npm run inspect -- ${id}`,
    duplicate: `its id was answered before, so no other result will come; see: npm run inspect -- ${id}`,
  }
  return ([stage = 'unclaimed'], why) =>
    why === null ? line(stage, lines[stage] ?? stage) : { ...why, line: `it waits ${why.line}` }
}

/** @returns how `send` says where several requests stand @param done how many results have come */
export function wordsOfMany(total: number, done: () => number): Telling['words'] {
  return (stages, why) => {
    const count = (...wanted: Stage[]) => stages.filter((stage) => wanted.includes(stage)).length
    const parts: [number, string][] = [
      [count('asked'), 'being asked'],
      [count('answered', 'refused'), 'about to be published'],
      [count('dead'), 'dead-lettered: no result will come'],
      [count('duplicate'), 'with an id that was answered before: no other result will come'],
    ]
    const shown = parts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`)
    const waiting = count('unclaimed', 'taken')
    if (why !== null) shown.push(`${waiting} ${waiting === 1 ? 'waits' : 'wait'} ${why.line}`)
    const kind = why?.kind ?? 'none waits'
    return { kind, line: `${done()} of ${total} done; ${shown.join(', ')}`, turnAtMs: why?.turnAtMs ?? null }
  }
}

/** A request that waits. */
export interface Waiting {
  group: string
  partition: number
  /** Uncommitted messages before the request in its partition; null: a worker has taken the request. */
  before: bigint | null
  /** Scopes in which the request's calls fail, though no other request is held. */
  failing: readonly Hold[]
}

/**
 * @returns what a request that is not being asked waits for: a worker, the end of the operator's pause or of a hold, the rebuilding of lost
 *   data, the end of its failures, the budget, the messages before it, or its turn in its worker. The line continues "it waits".
 */
export function whyItWaits(fleet: RedisHalf, waiting: Waiting, nowMs: number): StandingLine {
  const { workers, current, budget, claims } = fleet
  const { group, partition, before, failing } = waiting
  if (workers.length === 0) return line('nobody', 'for a worker: none is alive on this Redis and REDIS_KEY_PREFIX')
  const holds = holdsOfPartition(workers, current, group, partition) ?? current.filter(({ holdsOthers }) => holdsOthers)
  const hold = holds[0]
  if (hold !== undefined && hold.code === null)
    return line('paused', 'because the operator has paused all calls: `npm run resume` ends it')
  if (claims.status === 'lost' || claims.status === 'recovering')
    return line('recovering', 'until a worker has rebuilt, from the published outcomes, what Redis lost')
  if (hold !== undefined) return line(`hold ${hold.code}`, `because calls are held (${hold.code}): ${hold.remedy}`)
  if (failing[0] !== undefined) return failingLine(failing[0])
  const behind = before === null || before === 0n ? '' : `, behind ${counted(before, 'message')}`
  const block = blocksOf(budget).at(-1)
  if (block?.kind === 'shut') return line('shut', `for the budget: ${blockReason(block)}`)
  if (block !== undefined) {
    const turnAtMs = nowMs + block.forMs
    const text = `for the budget until about ${clockTime(turnAtMs, nowMs)}${behind}: ${blockReason(block)}`
    return { kind: `budget ${block.kind}`, line: text, turnAtMs }
  }
  if (before !== null) return line('backlog', `in the backlog${behind}`)
  return line('taken', 'for its turn: a worker has it')
}

const failingLine = ({ code, cause, remedy }: Hold) =>
  line(`fails ${code}`, `because calls fail (${code}: ${cause}) and are repeated${remedy === '' ? '' : `; ${remedy}`}`)

const line = (kind: string, text: string): StandingLine => ({ kind, line: text, turnAtMs: null })
