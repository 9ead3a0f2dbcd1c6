/** Reads decision records back from their topic. */
import type { Config } from '../config.ts'
import type { DecisionRecord } from '../scoring/decision-record.ts'
import { readDecision } from '../scoring/decision-record.ts'
import { withKafka } from './connections.ts'
import { readTopic } from './copies.ts'
import { readDuration } from './define.ts'

/** Long, because disputes come late; the topic's retention may end earlier. */
export const DECISIONS_SINCE = '90d'

export interface Period {
  topic: string
  /** ms since the epoch */
  sinceMs: number
}

/** Whoever asks for the records. */
export interface Asker {
  signal: AbortSignal
  /** Prints what is waited for. */
  complain: (line: string) => void
}

/**
 * @param since as `--since` takes it
 * @returns null when no decision records are published
 * @throws UsageError for a wrong time
 */
export function periodOf({ kafka }: Config, since: string): Period | null {
  const sinceMs = Math.max(0, Date.now() - readDuration('--since', since))
  const topic = kafka.topics.decisions
  return topic === null ? null : { topic, sinceMs }
}

/**
 * Reads the records of a period, read committed, in the order of each partition; all of one id are in one partition.
 * @param holds a quick look at a message that may rule it out before it is parsed
 * @throws Error that names the brokers while Kafka is away or refuses; the signal's reason
 */
export async function readDecisions(
  { kafka }: Config,
  { topic, sinceMs }: Period,
  { signal, complain }: Asker,
  take: (record: DecisionRecord) => void,
  holds: (value: Buffer) => boolean = () => true,
): Promise<void> {
  await withKafka(kafka, complain, (clients) =>
    readTopic({ clients, groupPrefix: kafka.groupId, sinceMs, signal }, topic, ({ value }) => {
      const record = value !== null && holds(value) ? readDecision(value) : null
      if (record !== null) take(record)
    }),
  )
}
