/** Finds the messages that readers do not see, of a commit that Kafka seems to have lost. */
import { createHash } from 'node:crypto'
import type { Log } from '../logging/log.ts'
import type { KafkaClients } from './clients.ts'
import type { Headers, OutgoingMessage } from './messages.ts'
import { readBack } from './outcomes-reader.ts'

/** The clocks of workers and brokers may differ by this much. */
const CLOCK_MARGIN_MS = 600_000

export interface UnseenOptions {
  clients: KafkaClients
  group: string
  /** When the transaction of the messages began, ms since the epoch. */
  atMs: number
  log: Log
  signal: AbortSignal
}

/**
 * Reads the messages' topics back, committed messages only.
 * @returns those of `messages` that the topics do not hold
 * @throws what `readBack` throws
 */
export async function unseenOf(
  messages: readonly OutgoingMessage[],
  options: UnseenOptions,
): Promise<OutgoingMessage[]> {
  const { clients, group, atMs, log, signal } = options
  const unseen: OutgoingMessage[] = []
  for (const [topic, wanted] of Map.groupBy(messages, (message) => message.topic)) {
    const seen = new Set<string>()
    await readBack({
      clients,
      topic,
      groupPrefix: group,
      sinceMs: atMs - CLOCK_MARGIN_MS,
      onMessage: async (message) => void seen.add(identityOf(message)),
      signal,
      log,
    })
    unseen.push(...wanted.filter((message) => !seen.has(identityOf(message))))
  }
  return unseen
}

function identityOf({ key, value, headers }: Pick<OutgoingMessage, 'key' | 'value'> & { headers: Headers }): string {
  const named = Object.entries(headers).map(([name, held]) => [name, [held ?? ''].flat().map(String)] as const)
  const sorted = named.toSorted(([a], [b]) => (a < b ? -1 : 1))
  const text = JSON.stringify([key === null ? null : String(key), sorted])
  return createHash('sha256')
    .update(text)
    .update(value ?? '')
    .digest('base64')
}
