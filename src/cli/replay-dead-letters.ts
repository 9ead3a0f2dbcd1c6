/** `replay-dead-letters`: lists the dead letters, or sends each back to the requests topic once. */
import type { Redis } from 'ioredis'
import type { Config } from '../config.ts'
import type { DeadLetterReason } from '../contracts.ts'
import type { Dedupe } from '../claims/dedupe.ts'
import { createDedupe } from '../claims/dedupe.ts'
import type { KafkaClients } from '../kafka/clients.ts'
import { kafkaErrorType, kafkaReason } from '../kafka/kafka-error.ts'
import type { OutgoingMessage } from '../kafka/messages.ts'
import { PublishRejected } from '../kafka/publisher.ts'
import type { Ledger, LedgerOptions, Sender } from '../kafka/replay-ledger.ts'
import { openSender, readLedger } from '../kafka/replay-ledger.ts'
import type { RedisKeys } from '../redis/keys.ts'
import { DEAD_LETTER_REASONS } from '../schemas.ts'
import { createFleetState } from '../claims/trusted-state.ts'
import type { Command } from './define.ts'
import { lastReason, withKafka, withRedis } from './connections.ts'
import type { Copy } from './copies.ts'
import { readTopic } from './copies.ts'
import type { Report } from './define.ts'
import { defineCommand, readCount, UsageError } from './define.ts'
import type { Letter } from './letters.ts'
import { claimantOf, originalOf, readLetter } from './letters.ts'
import { table, time } from '../lib/text.ts'

/** What became of a letter: `listed` in a dry run; `without_value` and `refused` were not sent back. */
type Fate = 'listed' | 'sent' | 'without_value' | 'refused'

interface Handled extends Letter {
  fate: Fate
  why: string
}

interface Order {
  /** null: any */
  reason: DeadLetterReason | null
  limit: number
  signal: AbortSignal
}

export const run: Command = defineCommand(
  {
    usage: [
      'resume-scoring-worker replay-dead-letters [--dry-run] [--reason REASON] [--limit N]',
      '  Sends dead letters back to the requests topic, each once ever: original key, value and headers.',
      '  --dry-run        list what would be sent, and change nothing',
      '  --reason REASON  only those that were dead-lettered for it, such as bad_id',
      '  --limit N        so many at most',
    ],
    example: 'replay-dead-letters -- --dry-run',
    options: { 'dry-run': { type: 'boolean' }, reason: { type: 'string' }, limit: { type: 'string' } },
  },
  async ({ values, config, signal, complain }) => {
    const limit = values.limit === undefined ? Infinity : readCount('--limit', values.limit)
    const order: Order = { reason: readReason(values.reason), limit, signal }
    const isDry = values['dry-run'] === true
    const handled = await withKafka(config.kafka, complain, async (clients) => {
      if (!(await hasTopic(clients, config.kafka.topics.deadLetters))) return []
      if (isDry) return listLetters(clients, config, order)
      return withRedis(config.redis, signal, (redis, keys) => sendBack(clients, config, redis, keys, order))
    })
    return report(handled, isDry)
  },
)

/** @returns null when any will do. @throws UsageError for a reason that no letter has */
function readReason(given: string | undefined): DeadLetterReason | null {
  if (given === undefined) return null
  const known = DEAD_LETTER_REASONS.find((reason) => reason === given)
  if (known === undefined) throw new UsageError(`--reason must be one of ${DEAD_LETTER_REASONS.join(', ')}`)
  return known
}

const hasTopic = (clients: KafkaClients, topic: string) =>
  clients.withAdmin(async (admin) => (await admin.listTopics()).includes(topic))

function ledgerOptions(clients: KafkaClients, { kafka }: Config, signal: AbortSignal): LedgerOptions {
  return { clients, group: kafka.groupId, topic: kafka.topics.deadLetters, signal, log: lastReason() }
}

async function listLetters(clients: KafkaClients, config: Config, order: Order): Promise<Handled[]> {
  const ledger = await readLedger(ledgerOptions(clients, config, order.signal))
  return eachUnsent(clients, config, order, ledger, async () => ({ fate: 'listed', why: '' }))
}

async function sendBack(
  clients: KafkaClients,
  config: Config,
  redis: Redis,
  keys: RedisKeys,
  order: Order,
): Promise<Handled[]> {
  const { newTopicReplication: replication, topics, groupId } = config.kafka
  const options = ledgerOptions(clients, config, order.signal)
  const dedupe = claimsOf(redis, keys, config)
  // Open the sender before reading the ledger: it fences every other sender, so the ledger cannot change any more.
  const sender = await openSender({ ...options, replication })
  try {
    const ledger = await readLedger(options)
    return await eachUnsent(clients, config, order, ledger, async (letter, copy) => {
      const claimant = claimantOf(letter, groupId)
      // The worker has closed the claim already, unless it died right after publishing the letter.
      if (claimant !== null)
        await dedupe.finish([{ ...claimant, publishes: { kind: 'letter' } }], 'known', order.signal)
      return sendOne(sender, letter, originalOf(copy, topics.requests), ledger)
    })
  } finally {
    sender.close()
  }
}

async function sendOne(sender: Sender, letter: Letter, original: OutgoingMessage, ledger: Ledger) {
  const { partition, offset } = letter
  try {
    const sent = await sender.send(letter, original, ledger)
    return sent.kind === 'sent' ? { fate: 'sent' as const, why: '' } : { fate: 'refused' as const, why: sent.why }
  } catch (error) {
    throw new Error(
      `stopped at letter ${partition}/${offset}: ${whyStopped(error)}. Run it again: what was sent is known`,
      { cause: error },
    )
  }
}

function whyStopped(error: unknown): string {
  if (error instanceof PublishRejected)
    return `Kafka refuses it, and that it was refused cannot be recorded (${kafkaReason(error.cause)})`
  const isFenced = ['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED'].includes(kafkaErrorType(error) ?? '')
  return isFenced ? 'another replay has taken over' : 'Kafka did not say whether it took it'
}

/**
 * Calls `take` for each selected letter that was not sent back yet and has a value, in the order of each partition.
 * @returns these letters and those without a value, at most `limit` together
 */
async function eachUnsent(
  clients: KafkaClients,
  { kafka }: Config,
  { reason, limit, signal }: Order,
  ledger: Ledger,
  take: (letter: Letter, copy: Copy) => Promise<{ fate: Fate; why: string }>,
): Promise<Handled[]> {
  const handled: Handled[] = []
  const onMessage = async (copy: Copy) => {
    const letter = readLetter(copy)
    if (ledger.wasSent(letter) || (reason !== null && letter.reason !== reason)) return
    if (handled.length >= limit) return
    const gone = { fate: 'without_value' as const, why: 'its value was too large to be kept' }
    handled.push({ ...letter, ...(letter.isWithoutValue ? gone : await take(letter, copy)) })
  }
  const reading = { clients, groupPrefix: kafka.groupId, sinceMs: 0, signal }
  await readTopic(reading, kafka.topics.deadLetters, onMessage)
  return handled
}

/** Used only to close claims. None is made here, so Kafka is never asked where an owner's message stands. */
function claimsOf(redis: Redis, keys: RedisKeys, { processedTtlMs }: Config): Dedupe {
  const state = createFleetState({ redis, key: keys.state, retryWhileAway: (_what, operation) => operation() })
  const ownerStanding = () => Promise.reject(new TypeError('nothing is claimed here'))
  return createDedupe({ redis, keys, state, log: lastReason(), processedTtlMs, ownerStanding })
}

function report(handled: Handled[], isDry: boolean): Report {
  const count = (fate: Fate) => handled.filter((each) => each.fate === fate).length
  const rows = handled.map(({ partition, offset, timestampMs, reason, detail, source, processingId, fate, why }) => {
    const from = source === null ? null : `${source.topic}/${source.partition}/${source.offset}`
    return [
      partition,
      offset,
      time(timestampMs),
      reason,
      detail,
      from,
      processingId,
      why === '' ? fate : `${fate}: ${why}`,
    ]
  })
  const head = ['partition', 'offset', 'time', 'reason', 'detail', 'source', 'processing_id', 'fate']
  const unsendable = count('without_value') + count('refused')
  const summary = isDry ? `${count('listed')} dead letters to send back` : `sent back ${count('sent')} dead letters`
  const rest = unsendable === 0 ? '' : `; ${unsendable} cannot be sent back as they are`
  return {
    document: { dryRun: isDry, sent: count('sent'), unsendable, letters: handled },
    lines: [...(rows.length === 0 ? [] : table(head, rows)), `${summary}${rest}`],
    exitCode: count('refused') > 0 ? 1 : 0,
  }
}
