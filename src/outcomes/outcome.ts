/** A request's outcome: its form in Redis until it is published, and the Kafka messages that publish it. */
import { z } from 'zod'
import type { Config } from '../config.ts'
import type { Address, Score } from '../contracts.ts'
import { encodeFailure, encodeRecord, encodeSuccess, NOTIFICATION_KEY, RECORD_KEY } from '../contracts.ts'
import type { OutgoingMessage, SourceMessage } from '../kafka/messages.ts'
import { passOn } from './headers.ts'

type Topics = Config['kafka']['topics']

const outcomeSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('success'),
    score: z.object({
      score: z.number(),
      matches: z.array(z.string()),
      recommendation: z.string(),
      verdict: z.enum(['Подходит', 'Не подходит']),
    }),
    /** How it came about and what it cost; see headers.ts. */
    headers: z.record(z.string(), z.string()),
    /** For the decision record; see scoring/decision.ts. null where none is published. */
    decision: z.unknown().optional(),
    /** Why it got its score, without texts; see scoring/reasons.ts. Not in outcomes of older versions. */
    reasons: z.string().optional(),
  }),
  z.object({
    kind: z.literal('failure'),
    /** A code of errors.ts, `invalid_request` or `too_large_to_publish`. */
    code: z.string(),
    /** The Russian sentence for the caller. */
    message: z.string(),
    headers: z.record(z.string(), z.string()),
  }),
])

/** The outcome of one request, final for its caller. */
export type Outcome =
  | { kind: 'success'; score: Score; headers: Record<string, string>; decision?: unknown; reasons?: string | undefined }
  | { kind: 'failure'; code: string; message: string; headers: Record<string, string> }

/** @returns what Redis keeps until it is published: the outcome's fields, which may quote the resume; no whole text and no address */
export const encodeOutcome = (outcome: Outcome): string => JSON.stringify(outcome)

/** @throws ZodError when it was not written by `encodeOutcome` */
export const decodeOutcome = (stored: string): Outcome => outcomeSchema.parse(JSON.parse(stored))

/** @returns the notification, and on success the processing record; the request's own headers are passed on */
export function outcomeMessages(
  topics: Topics,
  source: SourceMessage,
  to: Address,
  outcome: Outcome,
): OutgoingMessage[] {
  const headers = passOn(source.headers, outcome.headers)
  const notify = (value: string) => ({ topic: topics.notifications, key: NOTIFICATION_KEY, value, headers })
  if (outcome.kind === 'failure') return [notify(encodeFailure(to, outcome.message, null))]
  const record = { topic: topics.records, key: RECORD_KEY, value: encodeRecord(to, outcome.score), headers }
  return [notify(encodeSuccess(to, outcome.score)), record]
}

/**
 * @param waitMs in how many ms the request would be admitted, as things stand
 * @returns the notification of a refusal for lack of budget: "try again after"
 */
export function refusalMessage(
  topics: Topics,
  source: SourceMessage,
  to: Address,
  waitMs: number,
  headers: Record<string, string>,
): OutgoingMessage {
  const waitSeconds = Math.max(1, Math.ceil(waitMs / 1_000))
  const message = `Лимит запросов к модели исчерпан. Повторите запрос через ${waitSeconds} с.`
  return {
    topic: topics.notifications,
    key: NOTIFICATION_KEY,
    value: encodeFailure(to, message, waitSeconds),
    headers: passOn(source.headers, headers),
  }
}
