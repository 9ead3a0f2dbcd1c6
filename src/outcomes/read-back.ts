/** Reads from the outcomes in the notifications topic which ids are finished and what they cost. Pure. */
import { NOTIFICATION_KEY } from '../contracts.ts'
import { readMembers } from '../lib/json-members.ts'
import type { Headers } from '../kafka/messages.ts'

/** A message of the notifications topic, as it is read back. */
export interface OutcomeRecord {
  key: Buffer | null
  value: Buffer | null
  headers: Headers
  /** ms since the epoch */
  timestampMs: number
}

/** What was spent of the budget. */
export interface Spending {
  /** ms since the epoch: of the outcome, so never before the calls themselves. */
  atMs: number
  requests: number
  tokens: number
}

/** Spendings of one second are summed, so a day has at most 86,400 of them. */
const RESOLUTION_MS = 1_000

/**
 * @returns the id that this outcome finishes, or null for a refusal (the id may be sent again) and for a message that is no
 * outcome; and what it cost, or null for nothing
 */
export function readRecord(record: OutcomeRecord): { finishedId: bigint | null; spending: Spending | null } {
  const requests = count(record.headers['scoring-attempts'])
  const tokens = count(record.headers['scoring-billed-tokens'])
  const spending = requests + tokens > 0 ? { atMs: record.timestampMs, requests, tokens } : null
  return { finishedId: finishedId(record), spending }
}

function finishedId({ key, value }: OutcomeRecord): bigint | null {
  if (key?.toString() !== NOTIFICATION_KEY || value === null) return null
  try {
    const outcome = readMembers(value, OUTCOME_FIELDS)
    const response = outcome?.get('response')
    const id = String((response && readMembers(response, ID_FIELD)?.get('processing_id')) ?? '')
    return String(outcome?.get('wait_seconds')) === 'null' && /^-?\d{1,19}$/.test(id) ? BigInt(id) : null
  } catch {
    // Not JSON, so no worker wrote it, and it finishes no id.
    return null
  }
}

const OUTCOME_FIELDS = new Set(['response', 'wait_seconds'])
const ID_FIELD = new Set(['processing_id'])

function count(header: Headers[string]): number {
  const text = String(Array.isArray(header) ? header.at(-1) : (header ?? ''))
  return /^\d{1,15}$/.test(text) ? Number(text) : 0
}

/** @returns sums by second. Each counts as spent at the end of its second: later than it was, which is safe */
export function createSpendingSums() {
  const sums = new Map<number, Spending>()
  return {
    add({ atMs, requests, tokens }: Spending): void {
      const second = Math.ceil(atMs / RESOLUTION_MS) * RESOLUTION_MS
      const sum = sums.get(second) ?? { atMs: second, requests: 0, tokens: 0 }
      sums.set(second, { atMs: second, requests: sum.requests + requests, tokens: sum.tokens + tokens })
    },
    list: (): Spending[] => [...sums.values()].toSorted((a, b) => a.atMs - b.atMs),
  }
}
