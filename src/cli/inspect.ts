/** `inspect ID`: shows where a request stands, from its claim, its mark and its copies in Kafka. */
import type { Redis } from 'ioredis'
import { bounded } from '../lib/abortable.ts'
import type { Config } from '../config.ts'
import { REQUEST_KEY } from '../contracts.ts'
import { DEAD_LETTER_HEADERS } from '../outcomes/dead-letter.ts'
import type { Known } from '../claims/inspect.ts'
import { inspectId } from '../claims/inspect.ts'
import type { OffsetsView } from '../kafka/offsets-view.ts'
import { createOffsetsView } from '../kafka/offsets-view.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { Command } from './define.ts'
import { lastReason, orAway, withKafka, withRedis } from './connections.ts'
import type { Copy } from './copies.ts'
import { findCopies, headerOf, readFields, scoringHeaders } from './copies.ts'
import type { Report } from './define.ts'
import { defineCommand, readDuration, readId } from './define.ts'
import { EXIT } from './exit-codes.ts'
import type { Obstacles } from './inspect-lines.ts'
import { halfLines, inspectLines } from './inspect-lines.ts'
import { holdsOfPartition, scopesOfPartition } from '../ops/fleet.ts'
import { failuresOf } from '../provider/holds.ts'
import type { Hold } from '../provider/holds.ts'
import type { RedisHalf } from '../ops/fleet-status.ts'
import { readRedisHalf } from '../ops/fleet-status.ts'
import { shownKey } from '../ops/foreign-keys.ts'
import { promptVersion } from '../scoring/prompt-version.ts'
import type { Facts, LetterCopy, OutcomeCopy, RequestCopy } from './verdict.ts'
import { conclude, concludeHalf } from './verdict.ts'

const STANDING_LIMIT_MS = 20_000

export const run: Command = defineCommand(
  {
    usage: [
      'resume-scoring-worker inspect ID [--since TIME]',
      '  Where a request stands: unknown, skipped, in_backlog, waiting, being_asked, answered, published, failed, refused or',
      '  dead_lettered, and why; its copies, and which of them is a duplicate of which. Exit code 1: Kafka or Redis does not',
      '  answer, and only the other half is shown.',
      '  --since TIME  read the topics back so far: 90s, 30m, 12h, 3d (default 3d)',
    ],
    example: 'inspect -- 42',
    options: { since: { type: 'string', default: '3d' } },
    names: ['ID'],
  },
  async ({ values, positionals, config, signal, complain }) => {
    const id = readId('ID', positionals[0] ?? '')
    const sinceMs = Date.now() - readDuration('--since', values.since)
    const known = await withRedis(config.redis, signal, (redis, keys) => readRedis(redis, keys, config, id)).catch(
      orAway(signal),
    )
    const record = known instanceof Error ? NOTHING_KNOWN : known.record
    const facts = await readKafka(config, { id, record, sinceMs, signal, complain }).catch(orAway(signal))
    if (known instanceof Error || facts instanceof Error) return half(id, known, facts)
    const { fleet, failing } = known
    const conclusion = conclude(facts)
    const isWaiting = conclusion.state === 'waiting' || conclusion.state === 'in_backlog'
    const obstacles = obstaclesOf(facts, fleet, failing, config.kafka.groupId)
    const document = { processingId: id, ...conclusion, ...facts, ...(isWaiting ? { obstacles } : {}) }
    return { document, lines: inspectLines(id, conclusion, facts, isWaiting ? obstacles : null) }
  },
)

const NOTHING_KNOWN: Known = { markedForMs: null, claim: null }
const NO_COPIES = { ownerStanding: null, requests: [], outcomes: [], letters: [] }

/** @throws Error when neither service answers */
function half(id: bigint, redis: { record: Known } | Error, kafka: Facts | Error): Report {
  if (redis instanceof Error && kafka instanceof Error) throw new Error(`${redis.message}; ${kafka.message}`)
  const facts = kafka instanceof Error ? { ...NO_COPIES, ...(redis as { record: Known }).record } : kafka
  const [away, error] = redis instanceof Error ? (['Redis', redis] as const) : (['Kafka', kafka as Error] as const)
  const conclusion = concludeHalf(facts, away)
  return {
    document: { processingId: id, ...conclusion, ...facts, [away.toLowerCase()]: { error: error.message } },
    lines: [...halfLines(id, conclusion, facts, away), `${away}'s half is missing. ${error.message}`],
    exitCode: EXIT.failed,
  }
}

async function readRedis(redis: Redis, keys: RedisKeys, config: Config, id: bigint) {
  const [record, fleet] = await Promise.all([
    inspectId(redis, keys, id),
    readRedisHalf(redis, keys, config, promptVersion),
  ])
  const partition = record.claim?.owner.partition
  const scopes = partition === undefined ? null : scopesOfPartition(fleet.workers, config.kafka.groupId, partition)
  return { record, fleet, failing: await failuresOf(redis, keys, scopes, id) }
}

/** @returns what may delay the request: holds of the worker that has its partition, its failures, the budget, or the lack of a worker */
function obstaclesOf({ claim, requests }: Facts, fleet: RedisHalf, failing: readonly Hold[], group: string): Obstacles {
  const { workers, current, old, budget } = fleet
  const due = requests.find(({ standing, foreignKey }) => standing === 'due' && foreignKey === null)
  const partition = claim?.owner.partition ?? due?.partition ?? 0
  const own = holdsOfPartition(workers, [...current, ...old], group, partition)
  const isServed = workers.some(({ settings, partitions }) => settings === null || partitions.includes(partition))
  return {
    // A worker of an older version does not report its scopes, so count every hold that concerns more than one request.
    holds: [...(own ?? current.filter(({ holdsOthers }) => holdsOthers)), ...failing],
    budget,
    unservedPartition: isServed ? null : partition,
  }
}

interface Question {
  id: bigint
  record: Known
  sinceMs: number
  signal: AbortSignal
  complain: (line: string) => void
}

async function readKafka({ kafka }: Config, { id, record, sinceMs, signal, complain }: Question): Promise<Facts> {
  const { topics, groupId } = kafka
  return withKafka(kafka, complain, async (clients) => {
    const reading = { clients, groupPrefix: groupId, sinceMs, signal }
    const copies = await findCopies(reading, [topics.requests, topics.notifications, topics.deadLetters], id)
    const of = (topic: string) => copies.filter((copy) => copy.topic === topic)
    const view = createOffsetsView(clients, { group: groupId, topic: topics.requests }, lastReason())
    const standings = await bounded(signal, STANDING_LIMIT_MS, async (limit) => ({
      ownerStanding: record.claim && (await view.standing(record.claim.owner, limit)),
      requests: await requestCopies(of(topics.requests), record, { group: groupId, view, signal: limit }),
    }))
    return {
      ...record,
      ...standings,
      outcomes: of(topics.notifications).map(outcomeOf).toSorted(byTime),
      letters: of(topics.deadLetters).map(letterOf).toSorted(byTime),
    }
  })
}

const byTime = (a: { timestampMs: number }, b: { timestampMs: number }) => a.timestampMs - b.timestampMs

async function requestCopies(
  copies: Copy[],
  { claim }: Known,
  { group, view, signal }: { group: string; view: OffsetsView; signal: AbortSignal },
): Promise<RequestCopy[]> {
  const sorted = copies.toSorted(byTime)
  const ours = sorted.filter(isOurs)
  const isOwner = ({ topic, partition, offset }: Copy) =>
    claim?.owner.topic === topic && claim.owner.partition === partition && claim.owner.offset === offset
  // Without a claim, assume that the earliest copy was processed.
  const first = ours.find(isOwner) ?? (claim === null ? ours[0] : undefined)
  const owner = claim?.owner ?? first
  return Promise.all(
    sorted.map(async (copy) => {
      const { topic, partition, offset, timestampMs, value } = copy
      const standing = await view.standing({ group, topic, partition, offset }, signal)
      const isFirst = owner === undefined || copy === first || !isOurs(copy)
      return {
        partition,
        offset,
        timestampMs,
        standing,
        foreignKey: isOurs(copy) ? null : shownKey(copy.key),
        duplicateOf: isFirst ? null : { partition: owner.partition, offset: owner.offset },
        conflict: isOurs(copy) && first?.value != null && value != null && !first.value.equals(value),
      }
    }),
  )
}

const isOurs = ({ key }: Copy) => key?.toString() === REQUEST_KEY

function outcomeOf(copy: Copy): OutcomeCopy {
  const { partition, offset, timestampMs, value } = copy
  const fields = readFields(value) ?? {}
  const response = (fields['response'] ?? {}) as Record<string, unknown>
  const { message_error: error, wait_seconds: wait } = fields
  const { score, verdict } = response
  return {
    partition,
    offset,
    timestampMs,
    success: fields['success'] === true,
    score: typeof score === 'bigint' ? score : null,
    verdict: typeof verdict === 'string' ? verdict : null,
    messageError: typeof error === 'string' ? error : null,
    waitSeconds: typeof wait === 'bigint' ? wait : null,
    headers: scoringHeaders(copy),
  }
}

function letterOf(copy: Copy): LetterCopy {
  const { partition, offset, timestampMs } = copy
  return {
    partition,
    offset,
    timestampMs,
    reason: headerOf(copy, DEAD_LETTER_HEADERS.reason) ?? 'unknown',
    detail: headerOf(copy, DEAD_LETTER_HEADERS.detail) ?? '',
  }
}
