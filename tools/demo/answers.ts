/** What the demo reads back from the output topics. */
import { z } from 'zod'
import { NumberText, parseExact } from '../../src/lib/json.ts'
import type { ReadBack } from '../../src/kafka/outcomes-reader.ts'

export interface Answer {
  id: bigint
  /** ms since the epoch */
  atMs: number
  result: { kind: 'score'; score: number; verdict: string; matches: string[] } | { kind: 'failure'; message: string }
  /** From the headers; see outcomes/headers.ts. */
  attempts: number
  cached: boolean
  flags: string
}

const idField = z.instanceof(NumberText).transform(({ text }) => BigInt(text))
const scoreField = z.instanceof(NumberText).transform(({ text }) => Number(text))

const notificationSchema = z.discriminatedUnion('success', [
  z.object({
    success: z.literal(true),
    response: z.object({
      processing_id: idField,
      score: scoreField,
      verdict: z.string(),
      matches: z.array(z.string()),
    }),
  }),
  z.object({
    success: z.literal(false),
    response: z.object({ processing_id: idField }),
    message_error: z.string(),
  }),
])
const recordSchema = z.object({ processing_id: idField })

/** @throws ZodError or SyntaxError when it is not what the contract says */
export function readNotification({
  value,
  headers,
  timestampMs,
}: Pick<ReadBack, 'value' | 'headers' | 'timestampMs'>): Answer {
  const told = notificationSchema.parse(parseExact(value?.toString() ?? ''))
  const header = (name: string) => headers[name]?.toString() ?? ''
  return {
    id: told.response.processing_id,
    atMs: timestampMs,
    result: told.success ? scoreOf(told.response) : { kind: 'failure', message: told.message_error },
    attempts: Number(header('scoring-attempts')),
    cached: header('scoring-cached') === 'true',
    flags: header('scoring-flags'),
  }
}

const scoreOf = ({ score, verdict, matches }: { score: number; verdict: string; matches: string[] }) => ({
  kind: 'score' as const,
  score,
  verdict,
  matches,
})

/** @returns the id of a processing record; @throws ZodError or SyntaxError when it is not what the contract says */
export const readRecordId = ({ value }: ReadBack): bigint =>
  recordSchema.parse(parseExact(value?.toString() ?? '')).processing_id
