/** Finds what Kafka holds of one id, by reading topics back. */
import { withoutByteOrderMark } from '../contracts.ts'
import { NumberText, parseExact } from '../lib/json.ts'
import { readMembers } from '../lib/json-members.ts'
import type { KafkaClients } from '../kafka/clients.ts'
import { kafkaErrorType } from '../kafka/kafka-error.ts'
import type { ReadBack } from '../kafka/outcomes-reader.ts'
import { readBack } from '../kafka/outcomes-reader.ts'
import { lastReason } from './connections.ts'

export interface Copy extends ReadBack {
  topic: string
}

export interface Reading {
  clients: KafkaClients
  /** Prefix of the readers' consumer groups, which commit nothing. */
  groupPrefix: string
  /** ms since the epoch */
  sinceMs: number
  signal: AbortSignal
}

/**
 * Reads a topic from `sinceMs` to its end, committed messages only. A missing topic counts as empty.
 * @throws as readBack does
 */
export async function readTopic(
  reading: Reading,
  topic: string,
  onMessage: (copy: Copy) => void | Promise<void>,
): Promise<void> {
  try {
    const take = async (message: ReadBack) => onMessage({ topic, ...message })
    await readBack({ ...reading, topic, onMessage: take, log: lastReason() })
  } catch (error) {
    if (kafkaErrorType(error) !== 'UNKNOWN_TOPIC_OR_PARTITION') throw error
  }
}

/**
 * @returns the messages that carry the id, oldest first within each partition
 * @throws as readBack does
 */
export async function findCopies(reading: Reading, topics: string[], id: bigint): Promise<Copy[]> {
  const copies: Copy[] = []
  // Searching for the digits first is cheap and spares parsing almost all messages.
  const digits = id.toString()
  const take = (copy: Copy) => {
    if (copy.value?.includes(digits) === true && processingIdIn(copy.value) === id) copies.push(copy)
  }
  await Promise.all(topics.map((topic) => readTopic(reading, topic, take)))
  return copies
}

type Fields = Record<string, unknown>

const ID_FIELD = 'processing_id'

/** @returns the fields of a JSON object, integers as bigint; null when the value is no JSON object, or is nested too deeply */
export function readFields(value: Buffer | null): Fields | null {
  if (value === null) return null
  try {
    const parsed = exact(parseExact(value.toString()))
    return typeof parsed === 'object' && !Array.isArray(parsed) ? (parsed as Fields | null) : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** @returns how a request ended, from the fields of its notification */
export function outcomeOf({ success, wait_seconds: wait }: Fields): 'success' | 'failure' | 'refused' {
  if (success === true) return 'success'
  return typeof wait === 'bigint' ? 'refused' : 'failure'
}

/** @returns the id in a request, a notification or a record; null when it has none */
export function processingIdIn(value: Buffer | null): bigint | null {
  if (value === null) return null
  try {
    const fields = readMembers(withoutByteOrderMark(value), new Set(['response', ID_FIELD]))
    const response = fields?.get('response')
    const id = fields?.get(ID_FIELD) ?? (response && readMembers(response, new Set([ID_FIELD])))?.get(ID_FIELD)
    const text = String(id ?? '')
    return /^-?\d+$/.test(text) ? BigInt(text) : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** Replaces each `NumberText`: an integer by a bigint, so that it is printed with all its digits, any other by a number. */
function exact(value: unknown): unknown {
  if (value instanceof NumberText) return /^-?\d+$/.test(value.text) ? BigInt(value.text) : Number(value.text)
  if (Array.isArray(value)) return value.map(exact)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, exact(each)]))
}

/** @returns the last value of a header as text; null when it is missing */
export function headerOf({ headers }: Pick<Copy, 'headers'>, name: string): string | null {
  const value = headers[name]
  const last = Array.isArray(value) ? value.at(-1) : value
  return last === undefined ? null : last.toString()
}

/** @returns the headers that tell how an outcome came about */
export function scoringHeaders(copy: Pick<Copy, 'headers'>): Record<string, string> {
  const names = Object.keys(copy.headers).filter((name) => name.startsWith('scoring-'))
  return Object.fromEntries(names.map((name) => [name, headerOf(copy, name) ?? '']))
}
