/** `forget ID`: removes a request's result from Redis, keeps the mark, and lists what stays in Kafka. */
import type { Redis } from 'ioredis'
import { bounded } from '../lib/abortable.ts'
import type { Config } from '../config.ts'
import { decodeRequest } from '../contracts.ts'
import { forgetResult, inspectId } from '../claims/inspect.ts'
import type { Known } from '../claims/inspect.ts'
import type { KafkaClients } from '../kafka/clients.ts'
import { createOffsetsView } from '../kafka/offsets-view.ts'
import { forgetAdaptation } from '../provider/adaptations.ts'
import type { RedisKeys } from '../redis/keys.ts'
import { createResultCache } from '../scoring/cache.ts'
import { promptVersion } from '../scoring/prompt-version.ts'
import { sanitize } from '../lib/sanitize.ts'
import type { Command } from './define.ts'
import { lastReason, withKafka, withRedis } from './connections.ts'
import type { Copy } from './copies.ts'
import { findCopies } from './copies.ts'
import type { Report } from './define.ts'
import { defineCommand, readDuration, readId } from './define.ts'
import { duration, section, table, time } from '../lib/text.ts'

const STANDING_LIMIT_MS = 20_000

export const run: Command = defineCommand(
  {
    usage: [
      'resume-scoring-worker forget ID [--since TIME] | --adaptations',
      '  Removes what Redis keeps of a finished request: its answer, why it got its score, its cache entry. Its mark stays, so',
      '  that it is not processed again. Lists the copies in Kafka, which cannot be erased one by one.',
      '  --since TIME   look for copies so far back: 12h, 30d (default: all that the topics hold)',
      '  --adaptations  forgets instead what was learned about the server and model of the settings: all that the server',
      '                 refused is asked for once more',
    ],
    example: 'forget -- 42',
    options: { since: { type: 'string' }, adaptations: { type: 'boolean' } },
    names: ['ID'],
    insteadOfNames: 'adaptations',
  },
  async ({ values, positionals, config, signal, complain }) => {
    if (values.adaptations === true) return forgetAdaptations(config, signal)
    const id = readId('ID', positionals[0] ?? '')
    const sinceMs = values.since === undefined ? 0 : Date.now() - readDuration('--since', values.since)
    return withRedis(config.redis, signal, (redis, keys) =>
      withKafka(config.kafka, complain, async (clients) => {
        const known = await inspectId(redis, keys, id)
        await refuseIfDue(clients, config, known, signal)
        const { requests, notifications, records, deadLetters, decisions } = config.kafka.topics
        const topics = [requests, notifications, records, deadLetters, decisions].filter((topic) => topic !== null)
        // Read the copies first: only the request's texts lead to its cache entry.
        const copies = await findCopies({ clients, groupPrefix: config.kafka.groupId, sinceMs, signal }, topics, id)
        const had = await forgetResult(redis, keys, id)
        await redis.zrem(keys.reviews, id.toString())
        const cache = await forgetCached(redis, keys, config, copies)
        return report(id, known, copies, { ...had, cache }, config)
      }),
    )
  },
)

async function forgetAdaptations({ redis: settings, provider }: Config, signal: AbortSignal): Promise<Report> {
  const had = await withRedis(settings, signal, (redis, keys) => forgetAdaptation(redis, keys, provider))
  const what = had ? 'forgotten: running workers notice it within seconds' : 'nothing was known'
  return { document: { model: provider.model, forgotten: had }, lines: [`adaptations to ${provider.model}: ${what}`] }
}

/**
 * Refuses while the request is not finished: it has no mark, and the message that owns its claim is still due. If its answer were removed
 * now, the worker would pay for another call.
 */
async function refuseIfDue(
  clients: KafkaClients,
  { kafka }: Config,
  { claim, markedForMs }: Known,
  signal: AbortSignal,
): Promise<void> {
  if (claim === null || markedForMs !== null) return
  const view = createOffsetsView(clients, { group: kafka.groupId, topic: kafka.topics.requests }, lastReason())
  const standing = await bounded(signal, STANDING_LIMIT_MS, (limit) => view.standing(claim.owner, limit))
  if (standing !== 'due') return
  throw new Error(
    'the request is not finished: nothing was removed. Forget it when `inspect` says that it is published',
  )
}

/** Whether there was an entry; `unknown`: no copy of the request was found in Kafka, so the entry's key cannot be computed. */
type CacheEntry = 'removed' | 'none' | 'unknown'

/** Finds only what was cached under the present settings. */
async function forgetCached(redis: Redis, keys: RedisKeys, config: Config, copies: Copy[]): Promise<CacheEntry> {
  const { keyOf } = createResultCache({
    redis,
    keys,
    retry: (_what, operation) => operation(),
    settings: { ...config.provider, promptVersion, verdictMinScore: config.verdictMinScore },
    // A cache that was turned off may still hold entries.
    ttlMs: Math.max(1, config.resultCacheTtlMs),
    log: lastReason(),
  })
  const entries = copies.flatMap(({ topic, value }) => {
    const decoded = topic === config.kafka.topics.requests ? decodeRequest(value) : null
    return decoded?.kind === 'request' ? (keyOf(sanitize(decoded.request).texts) ?? []) : []
  })
  if (entries.length === 0) return 'unknown'
  return (await redis.unlink(entries)) > 0 ? 'removed' : 'none'
}

interface Removed {
  hadAnswer: boolean
  hadReasons: boolean
  cache: CacheEntry
}

function report(id: bigint, { markedForMs }: Known, copies: Copy[], removed: Removed, config: Config): Report {
  const { hadAnswer, hadReasons, cache } = removed
  const left = `no copy of the request tells where; an entry expires within ${duration(config.resultCacheTtlMs)}`
  const cacheText = { removed: 'removed', none: 'there was none', unknown: left }[cache]
  const kafkaCopies = copies.map(({ topic, partition, offset, timestampMs, key }) => {
    return { topic, partition, offset, time: time(timestampMs), key: key?.toString() ?? null }
  })
  const rows = kafkaCopies.map(({ topic, partition, offset, time: at, key }) => [topic, partition, offset, at, key])
  const kept = "they go with their topics' retention, or earlier with kafka-delete-records.sh up to an offset"
  return {
    document: {
      processingId: id,
      removedAnswer: hadAnswer,
      removedReasons: hadReasons,
      cacheEntry: cache,
      markedForMs,
      kafkaCopies,
    },
    lines: [
      `stored answer: ${hadAnswer ? 'removed' : 'there was none'}`,
      `why it got its score: ${hadReasons ? 'removed' : 'nothing was kept'}`,
      `cached result: ${cacheText}`,
      markedForMs === null ? 'mark: there is none' : `mark: kept, expires in ${duration(markedForMs)}`,
      ...section(
        `copies in Kafka that stay (${kept})`,
        rows.length === 0 ? [] : table(['topic', 'partition', 'offset', 'time', 'key'], rows),
      ),
    ],
  }
}
