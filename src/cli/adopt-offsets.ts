/** `adopt-offsets`: at a cutover, takes over the old service's committed offsets and lists requests that it left without a notification. */
import type { Config } from '../config.ts'
import type { KafkaClients } from '../kafka/clients.ts'
import { readCommitted } from '../kafka/committed.ts'
import { decodeDone } from '../kafka/offset-metadata.ts'
import { openPublisher } from '../kafka/publisher.ts'
import { readWatermarks } from '../kafka/start-offset.ts'
import { transactionalIdOf } from '../kafka/transactional-id.ts'
import type { Leftover } from './leftovers.ts'
import { findLeftovers } from './leftovers.ts'
import type { Command } from './define.ts'
import { withKafka, withRedis } from './connections.ts'
import type { Report } from './define.ts'
import { defineCommand } from './define.ts'
import { counted, section, table, time } from '../lib/text.ts'

interface Adoption {
  partition: number
  /** The committed offset of the group that is taken over. */
  theirs: bigint | null
  /** The metadata of that commit when a worker wrote it (which offsets above it are done); else empty. */
  metadata: string
  /** Our own committed offset before the adoption. */
  before: bigint | null
  low: bigint
  high: bigint
}

interface Handover {
  from: string
  to: string
  isDry: boolean
  /** Live members of both groups, by group: only a dry run tolerates any. */
  members: Record<string, number>
  adoptions: Adoption[]
  leftovers: Leftover[]
  forgotten: number
}

export const run: Command = defineCommand(
  {
    usage: [
      'resume-scoring-worker adopt-offsets --from GROUP [--dry-run] [--forget-marks]',
      '  Copies the committed offsets of GROUP on the requests topic to KAFKA_GROUP_ID, and lists the requests that were',
      '  consumed or marked as finished without a notification. Both groups must have no members.',
      '  --dry-run       change nothing',
      '  --forget-marks  remove the marks of requests that have no notification, so that they can be scored',
    ],
    example: 'adopt-offsets -- --from old_group --dry-run',
    required: { from: 'GROUP' },
    options: { from: { type: 'string' }, 'dry-run': { type: 'boolean' }, 'forget-marks': { type: 'boolean' } },
  },
  async ({ values, config, signal, progress, complain }) => {
    const { from = '' } = values
    const isDry = values['dry-run'] === true
    const { groupId: to } = config.kafka
    return withRedis(config.redis, signal, (redis, keys) =>
      withKafka(config.kafka, complain, async (clients) => {
        const members = await countMembers(clients, [from, to])
        if (!isDry) refuseIfLive(members)
        const adoptions = await plan(clients, config, from)
        if (!isDry && from !== to) await adopt(clients, config, adoptions, signal)
        progress('reading the topics back for what was consumed without a notification')
        const committed = new Map(adoptions.map(({ partition, theirs }) => [partition, theirs ?? 0n]))
        const leftovers = await findLeftovers({ clients, redis, keys, config, committed, signal })
        const marked = leftovers.filter(({ isMarked }) => isMarked).map(({ id }) => keys.mark(id))
        const forget = values['forget-marks'] === true && !isDry && marked.length > 0
        const forgotten = forget ? await redis.unlink(marked) : 0
        return report({ from, to, isDry, members, adoptions, leftovers, forgotten })
      }),
    )
  },
)

/** Counts members of classic consumer groups, which the old service uses; kafkajs cannot see members of other groups. */
async function countMembers(clients: KafkaClients, groups: string[]): Promise<Record<string, number>> {
  const described = await clients.withAdmin((admin) => admin.describeGroups([...new Set(groups)]))
  return Object.fromEntries(described.groups.map(({ groupId, members }) => [groupId, members.length]))
}

function refuseIfLive(members: Record<string, number>): void {
  const live = Object.entries(members).filter(([, count]) => count > 0)
  if (live.length === 0) return
  const named = live.map(([group, count]) => `${group} has ${counted(count, 'member')}`)
  throw new Error(`${named.join(', ')}: stop them first (one that was killed is forgotten after its session timeout)`)
}

/** @throws Error when there is nothing to adopt */
async function plan(clients: KafkaClients, { kafka }: Config, from: string): Promise<Adoption[]> {
  const { requests } = kafka.topics
  const [theirs, ours] = [
    await readCommitted(clients, from, requests),
    await readCommitted(clients, kafka.groupId, requests),
  ]
  const ends = await readWatermarks(clients, requests)
  if ([...theirs.values()].every(({ offset }) => offset === null)) {
    throw new Error(`the group ${from} has committed no offsets on ${requests}`)
  }
  return [...ends]
    .toSorted(([a], [b]) => a - b)
    .map(([partition, { low, high }]) => {
      const { offset, metadata } = theirs.get(partition) ?? { offset: null, metadata: null }
      // What another client wrote as metadata means nothing to a worker.
      const done = offset === null || metadata === null ? null : decodeDone(offset, metadata)
      const before = ours.get(partition)?.offset ?? null
      return { partition, theirs: offset, metadata: done === null ? '' : (metadata ?? ''), before, low, high }
    })
}

async function adopt(
  clients: KafkaClients,
  { kafka }: Config,
  adoptions: Adoption[],
  signal: AbortSignal,
): Promise<void> {
  const { groupId: group } = kafka
  const topic = kafka.topics.requests
  for (const { partition, theirs, metadata } of adoptions) {
    if (theirs === null) continue
    // Commits with the partition's transactional id, as a worker does: this fences anybody who still writes for the partition.
    const source = { group, topic, partition }
    const publisher = await openPublisher(clients, transactionalIdOf(group, topic, partition), source, signal)
    try {
      await publisher.publish([], theirs, metadata, { eachTopicAlone: false })
    } finally {
      publisher.close()
    }
  }
}

function report(handover: Handover): Report {
  const { from, to, isDry, members, adoptions, leftovers, forgotten } = handover
  const rows = adoptions.map(({ partition, theirs, before, low, high }) => {
    const note =
      theirs === null ? 'begins where KAFKA_START_FROM says' : theirs < low ? 'older messages are deleted' : ''
    return [partition, theirs, before, low, high, note]
  })
  const verb = from === to ? 'of' : isDry ? 'would be copied to' : 'copied to'
  const live = isDry && Object.values(members).some((count) => count > 0)
  return {
    document: { ...handover },
    lines: [
      ...section(
        `committed offsets of ${from}${from === to ? ', which are ours already' : `, ${verb} ${to}`}`,
        table(['partition', 'offset', 'ours before', 'first', 'end', ''], rows),
      ),
      ...(live ? [`it would be refused now: ${memberText(members)}`] : []),
      ...leftoverLines(leftovers, forgotten),
    ],
  }
}

const memberText = (members: Record<string, number>) =>
  Object.entries(members)
    .map(([group, count]) => `${group} has ${count} members`)
    .join(', ')

function leftoverLines(leftovers: Leftover[], forgotten: number): string[] {
  const rows = (list: Leftover[]) =>
    list.length === 0
      ? []
      : table(
          ['processing_id', 'partition', 'offset', 'time', ''],
          list.map(({ id, partition, offset, timestampMs, isConsumed }) => {
            return [
              id,
              partition,
              offset,
              time(timestampMs),
              isConsumed ? 'send it again' : 'scored once its mark is gone',
            ]
          }),
        )
  const marked = leftovers.filter(({ isMarked }) => isMarked)
  const lost = leftovers.filter(({ isMarked }) => !isMarked)
  const advice =
    forgotten > 0
      ? `their marks are removed (${forgotten})`
      : 'they are skipped as long as they are marked: --forget-marks removes the marks'
  return [
    ...section(`marked as finished without a notification: ${marked.length} (${advice})`, rows(marked)),
    ...section(
      `consumed, neither marked nor answered: ${lost.length} (to be sent again by their producer)`,
      rows(lost),
    ),
  ]
}
