/** Takes a partition over: fences earlier writers, reads what is committed, and decides where to continue. */
import { pause } from '../lib/abortable.ts'
import type { Log } from '../logging/log.ts'
import type { KafkaClients } from './clients.ts'
import type { Committed } from './committed.ts'
import { readCommitted } from './committed.ts'
import { encodeDone } from './offset-metadata.ts'
import type { Progress } from './progress.ts'
import type { Publisher, Source } from './publisher.ts'
import { openPublisher } from './publisher.ts'
import type { LastCommit, Offsets, Reconciled } from './reconcile.ts'
import { isLost, reconcile } from './reconcile.ts'
import type { StartOffsets } from './start-offset.ts'
import { readWatermarks } from './start-offset.ts'
import { transactionalIdOf } from './transactional-id.ts'
import { unseenOf } from './unseen.ts'

/**
 * A classic group coordinator (before Kafka 4) makes the offsets of a transaction visible some ms after it ended, so they are
 * read until two readings agree.
 */
const STABLE_READ_PAUSE_MS = 20

/** What this worker knows of a partition that it owned before. */
export interface Known {
  offsets: Offsets
  /** What is done by now, to be committed when Kafka has lost the committed offset. */
  progress: Progress
  last: LastCommit | null
}

export interface Acquired extends Reconciled {
  publisher: Publisher
  /** What Kafka has committed now. */
  committed: Committed
}

/**
 * Acquires the partition. The fence comes first: after it no other worker's commit can change what is read.
 * @throws what kafkajs throws, PublishRejected, TimeLimitError: try again; the signal's reason
 */
export async function acquire(
  clients: KafkaClients,
  source: Source,
  startOffsets: StartOffsets,
  known: Known | null,
  log: Log,
  signal: AbortSignal,
  unseen: typeof unseenOf = unseenOf,
): Promise<Acquired> {
  const { group, topic, partition } = source
  const publisher = await openPublisher(clients, transactionalIdOf(group, topic, partition), source, signal)
  try {
    const read = await readStable(clients, source, signal)
    const last = known?.last ?? null
    const before =
      last === null ? read : await repeatIfLost(publisher, read, last, { clients, source, log, signal, unseen })
    const watermarks = (await readWatermarks(clients, topic, { withoutLeaders: 'omit' })).get(partition)
    if (watermarks === undefined) throw new Error(`Kafka knows no leader of partition ${partition} of ${topic}`)
    const reconciled = await reconcile(known?.offsets ?? null, before, watermarks, {
      start: () => startOffsets.first(partition),
      recent: () => startOffsets.recent(partition),
    })
    if (!reconciled.commit) return { ...reconciled, publisher, committed: before }
    const progress = (reconciled.forget ? null : known?.progress) ?? { offset: reconciled.base, done: [] }
    const committed = { offset: progress.offset, metadata: encodeDone(progress.offset, progress.done) }
    await publisher.publish([], committed.offset, committed.metadata)
    return { ...reconciled, publisher, committed }
  } catch (error) {
    publisher.close()
    throw error
  }
}

interface RepeatParts {
  clients: KafkaClients
  source: Source
  log: Log
  signal: AbortSignal
  unseen: typeof unseenOf
}

/**
 * Repeats this worker's last commit when the committed offset is the one before that commit again: a killed broker has lost the commit, or
 * somebody has set the offset back. Publishes only the messages of that commit that readers do not see: all, some or none.
 * @returns what is committed now
 */
async function repeatIfLost(
  publisher: Publisher,
  committed: Committed,
  last: LastCommit,
  { clients, source, log, signal, unseen }: RepeatParts,
): Promise<Committed> {
  if (last.after.offset === null || !isLost(last, committed)) return committed
  await publisher.rehearse(last.messages)
  const lost = await unseen(last.messages, { clients, group: source.group, atMs: last.atMs, log, signal })
  const { topic, partition } = source
  const fields = { topic, partition, messages: last.messages.length, publishedAgain: lost.length }
  log.error('Kafka has lost a commit that it had acknowledged, or the offset was set back: committing it again', fields)
  await publisher.publish(lost, last.after.offset, last.after.metadata)
  return last.after
}

async function readStable(clients: KafkaClients, { group, topic, partition }: Source, signal: AbortSignal) {
  const read = async (): Promise<Committed> =>
    (await readCommitted(clients, group, topic)).get(partition) ?? { offset: null, metadata: '' }
  for (let before = await read(); ;) {
    await pause(STABLE_READ_PAUSE_MS, signal)
    const now = await read()
    if (now.offset === before.offset && now.metadata === before.metadata) return now
    before = now
  }
}
