/** Reads what a group has committed and what it still has to handle, without joining it. */
import kafkajs from 'kafkajs'
import { pause } from '../lib/abortable.ts'
import type { Log } from '../logging/log.ts'
import type { KafkaClients } from './clients.ts'
import type { Committed } from './committed.ts'
import { readCommitted } from './committed.ts'
import { kafkaErrorType, kafkaReason } from './kafka-error.ts'
import { decodeDone } from './offset-metadata.ts'
import { isDone } from './progress.ts'
import { createSettling } from './settling.ts'
import type { Watermarks } from './start-offset.ts'
import { readPartitions, readWatermarks } from './start-offset.ts'

const { AssignerProtocol } = kafkajs

/**
 * Many messages ask at once, so a reading is reused for this time. It may be outdated in two ways: a `due` message may be committed by
 * now, and then callers ask again; and a message that has come since looks `gone`, so `standing` reads again before it answers that.
 */
const CACHE_MS = 200
const RETRY_MS = 1_000
/** A topic or partition that is missing for this time is taken to be gone for good. */
const MISSING_FOR_MS = 10_000

export interface Place {
  group: string
  topic: string
  partition: number
  offset: bigint
}

/**
 * Where a message stands for its group. `due`: not committed and still in the log, so a worker will handle it. `committed`. `gone`: not
 * committed and never read again, because retention deleted it, the topic was deleted or is shorter now, or no member of its group
 * reads the topic.
 */
export type Standing = 'due' | 'committed' | 'gone'

export interface PartitionBacklog extends Watermarks {
  partition: number
  /** null: the group has committed nothing here */
  committed: bigint | null
  /** Offsets that are not done, transaction markers among them: an upper bound of the messages. */
  waiting: bigint
}

interface Snapshot {
  committed: Map<number, Committed>
  log: Map<number, Watermarks>
}

export interface OffsetsView {
  /**
   * Finds out where a message stands. Waits while Kafka is away, and logs that once. When the topic was deleted and created again,
   * the message that is now at the offset is taken for the old one: kafkajs's versions of the protocol cannot tell them apart.
   * @throws the signal's reason when it aborts
   */
  standing(place: Place, signal: AbortSignal): Promise<Standing>
  /** @throws what kafkajs throws */
  backlog(): Promise<PartitionBacklog[]>
  /**
   * @returns whether the group has ever committed an offset of its topic, as far as Kafka remembers
   * @throws what kafkajs throws
   */
  groupHasCommitted(): Promise<boolean>
  /**
   * @returns whether a topic is empty or does not exist
   * @throws what kafkajs throws
   */
  isEmpty(topic: string): Promise<boolean>
}

export function createOffsetsView(
  clients: KafkaClients,
  { group, topic }: { group: string; topic: string },
  log: Log,
): OffsetsView {
  const snapshot = createSnapshots(clients)
  const settling = createSettling()

  async function standing(place: Place, signal: AbortSignal): Promise<Standing> {
    let missingSinceMs: number | null = null
    const askedMs = performance.now()
    let notBeforeMs = 0
    for (;;) {
      signal.throwIfAborted()
      try {
        const seen = await snapshot(place, notBeforeMs)
        if (seen?.log.has(place.partition) !== true) {
          // A broker may not know an existing topic for a moment, while metadata spreads or a leader moves.
          missingSinceMs ??= performance.now()
          if (performance.now() - missingSinceMs < MISSING_FOR_MS) {
            await pause(RETRY_MS, signal)
            continue
          }
          if ((await orMissing(readPartitions(clients, place.topic)))?.includes(place.partition) === true) {
            throw new Error(`partition ${place.partition} has no leader`)
          }
        }
        const found = standingOf(place, seen)
        if (found === 'gone' && notBeforeMs < askedMs) {
          notBeforeMs = askedMs
          continue
        }
        // Perhaps nobody reads the messages of another group or topic (an earlier setting) any more. null: Kafka does not say yet.
        const isOurs = place.group === group && place.topic === topic
        const isRead = found !== 'due' || isOurs || (await hasReaders(clients, place))
        if (settling.over()) log.info('offsets can be read again')
        if (isRead !== null) return isRead ? found : 'gone'
      } catch (error) {
        const level = settling.newsOf(error)
        if (level !== null)
          log[level]('offsets cannot be read: waiting', { topic: place.topic, reason: kafkaReason(error) })
      }
      await pause(RETRY_MS, signal)
    }
  }

  return {
    standing,
    async backlog() {
      const { committed, log: ends } = (await readSnapshot(clients, group, topic)) ?? {
        committed: new Map(),
        log: new Map(),
      }
      return [...ends].map(([partition, watermarks]) => backlogOf(partition, committed.get(partition), watermarks))
    },
    async groupHasCommitted() {
      const { committed } = (await readSnapshot(clients, group, topic)) ?? { committed: new Map<number, Committed>() }
      return [...committed.values()].some(({ offset }) => offset !== null)
    },
    async isEmpty(name) {
      const ends = await orMissing(readWatermarks(clients, name))
      return [...(ends?.values() ?? [])].every(({ low, high }) => low === high)
    },
  }
}

/**
 * @returns whether a member of the group reads the topic, as far as members tell what they read; true also when Kafka's answer lacks
 * the group; null while the group rebalances: Kafka then does not say what its members read
 */
async function hasReaders(clients: KafkaClients, { group, topic }: Place): Promise<boolean | null> {
  const { groups } = await clients.withAdmin((admin) => admin.describeGroups([group]))
  const told = groups[0]?.members.map(({ memberMetadata }) => memberMetadata)
  if (told === undefined) return true
  if (told.some(({ length }) => length === 0)) return null
  return told.some((metadata) => AssignerProtocol.MemberMetadata.decode(metadata)?.topics.includes(topic) !== false)
}

/**
 * @returns a function that reads a group's offsets and its topic's bounds, or gives what was read a moment ago;
 * `notBeforeMs`: no reading from before this time is reused, performance.now() ms
 */
function createSnapshots(clients: KafkaClients) {
  const cache = new Map<string, { atMs: number; snapshot: Promise<Snapshot | null> }>()
  return ({ group, topic }: { group: string; topic: string }, notBeforeMs: number): Promise<Snapshot | null> => {
    const key = JSON.stringify([group, topic])
    const cached = cache.get(key)
    const isFresh = cached !== undefined && performance.now() - cached.atMs < CACHE_MS && cached.atMs >= notBeforeMs
    if (isFresh) return cached.snapshot
    const fresh = readSnapshot(clients, group, topic)
    cache.set(key, { atMs: performance.now(), snapshot: fresh })
    // A failed reading is not reused: only those who wait for it get the failure, and the next caller reads again.
    fresh.catch(() => cache.delete(key))
    return fresh
  }
}

/** @returns the group's offsets and the log's bounds; null when the topic does not exist */
async function readSnapshot(clients: KafkaClients, group: string, topic: string): Promise<Snapshot | null> {
  // The committed offsets are read first, so the log's bounds are never older than the offsets.
  const committed = await orMissing(readCommitted(clients, group, topic))
  const log = committed && (await orMissing(readWatermarks(clients, topic, { withoutLeaders: 'omit' })))
  return committed && log && { committed, log }
}

async function orMissing<T>(read: Promise<T>): Promise<T | null> {
  try {
    return await read
  } catch (error) {
    if (kafkaErrorType(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return null
    throw error
  }
}

function standingOf({ partition, offset }: Place, snapshot: Snapshot | null): Standing {
  const log = snapshot?.log.get(partition)
  if (log === undefined || offset >= log.high) return 'gone'
  const committed = snapshot?.committed.get(partition)
  if (committed !== undefined && committed.offset !== null) {
    const done = decodeDone(committed.offset, committed.metadata) ?? []
    if (isDone(offset, { offset: committed.offset, done })) return 'committed'
  }
  return offset < log.low ? 'gone' : 'due'
}

function backlogOf(partition: number, committed: Committed | undefined, { low, high }: Watermarks): PartitionBacklog {
  const offset = committed?.offset ?? null
  const base = offset === null || offset < low ? low : offset
  const done = offset === null ? [] : (decodeDone(offset, committed?.metadata ?? '') ?? [])
  const ahead = done.reduce((sum, { from, to }) => sum + (to - from), 0n)
  const waiting = high - base - ahead
  return { partition, low, high, committed: offset, waiting: waiting > 0n ? waiting : 0n }
}
