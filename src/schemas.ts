/**
 * The messages in Kafka: zod schemas, their types, and functions that read and write them without rounding an id.
 * Producers and consumers import this file as `resume-scoring-worker/contracts`; the JSON Schemas and the AsyncAPI document in
 * docs/contract/ are generated from it (`npm run contracts`). Ids are signed 64-bit integers, so they are bigints here.
 */
import { z } from 'zod'
import { NumberText, parseExact, stringifyExact } from './lib/json.ts'
import { stripInvisible } from './lib/sanitize.ts'

/** The key of the requests; messages of the requests topic with another key are skipped. */
export const REQUEST_KEY = 'new_request'
/** The key of the notifications. */
export const NOTIFICATION_KEY = 'new_notifications'
/** The key of the processing records; `uploading_data` also carries keys of other producers. */
export const RECORD_KEY = 'new_processing'

/** The size of the columns downstream: the storage service fails on longer values. */
export const RECOMMENDATION_MAX_CHARS = 700
export const MATCHES_MAX = 7

export const INT64_MAX = 2n ** 63n - 1n
export const INT64_MIN = -(2n ** 63n)

/** @param shown the JSON Schema of this number, which zod itself sees as a `NumberText` */
const numberIn = (shown: { minimum?: number; maximum?: number; format?: string }) =>
  z.instanceof(NumberText).meta({ type: 'integer', ...shown })

/** @returns a schema of a signed 64-bit integer, read from its text into a bigint */
export const int64 = (description: string) =>
  numberIn({ format: 'int64' })
    .transform((number, context) => {
      // -0 is refused: it would be published as another id, 0.
      const value = /^(?:0|-?[1-9]\d{0,18})$/.test(number.text) ? BigInt(number.text) : null
      if (value !== null && value >= INT64_MIN && value <= INT64_MAX) return value
      context.addIssue({ code: 'custom', message: 'must be a signed 64-bit integer without fraction or exponent' })
      return z.NEVER
    })
    .meta({ description })

const whole = (minimum: number, maximum: number, description: string) =>
  numberIn({ minimum, maximum })
    .transform(({ text }) => Number(text))
    .pipe(z.int().min(minimum).max(maximum))
    .meta({ description })

const callbackUrl = z.string().meta({ description: 'Where the caller wants to be told. The worker does not call it.' })
const ids = {
  processing_id: int64('Names the request: one outcome for each, and later messages with the same id are skipped.'),
  user_id: int64('Copied into the outcome.'),
  requirements_id: int64('Copied into the outcome.'),
  resume_id: int64('Copied into the outcome.'),
}

/** The fields that say whom the answer to a request is for: repeated unchanged in every notification. */
export const addressSchema = z.object({ callback_url: callbackUrl, ...ids })

/** A character of ASCII or Cyrillic with a shape: nearly every text has one near its beginning. */
const VISIBLE = /[!-~а-яё]/i

const isVisible = (text: string) => VISIBLE.test(text) || stripInvisible(text).text.trim() !== ''

const visibleText = (description: string) =>
  z
    .string()
    .refine(isVisible, 'must hold visible characters')
    .meta({ description, minLength: 1, pattern: String.raw`\S` })

export const textsSchema = z.object({
  requirements: visibleText('The requirements of the vacancy, as plain text.'),
  resume: visibleText('The resume, as plain text.'),
})

/** Topic `AI_handler`, key `new_request`. Unknown fields are ignored. */
export const requestSchema = addressSchema.extend(textsSchema.shape)

const scoreSchema = z.object({
  score: whole(0, 100, 'From 0 to 100: no higher than what the verified quotes of the resume prove.'),
  matches: z.array(z.string()).max(MATCHES_MAX).meta({ description: 'The requirements that the resume proves.' }),
  recommendation: z
    .string()
    .max(RECOMMENDATION_MAX_CHARS)
    .meta({ description: 'A sentence or two for the recruiter.' }),
  verdict: z
    .enum(['Подходит', 'Не подходит'])
    .meta({ description: '`Подходит` from VERDICT_MIN_SCORE (default 50) on.' }),
})

/** Topic `notifications`, key `new_notifications`: the request was scored. */
export const successSchema = z.object({
  success: z.literal(true),
  response: scoreSchema.extend(addressSchema.shape),
  message_error: z.null(),
  wait_seconds: z.null(),
})

/** Topic `notifications`, key `new_notifications`: the request was refused or failed. `response` holds no score. */
export const failureSchema = z.object({
  success: z.literal(false),
  response: addressSchema,
  message_error: z.string().meta({
    description: 'A Russian sentence for the caller: what went wrong. No text of the resume, no secret.',
  }),
  wait_seconds: whole(1, Number.MAX_SAFE_INTEGER, '').nullable().meta({
    description:
      'Whole seconds after which a new request would be admitted, when this one was refused for lack of budget (HTTP 429). null for every other failure, which is final for this processing_id (HTTP 500).',
  }),
})

export const notificationSchema = z.discriminatedUnion('success', [successSchema, failureSchema])

/** Topic `uploading_data`, key `new_processing`: on success only, in the same Kafka transaction as its notification. */
export const recordSchema = scoreSchema.extend(ids)

const count = (description: string) =>
  z
    .string()
    .regex(/^\d+$/)
    .meta({ description, examples: ['1'] })
const effort = {
  'scoring-attempts': count('HTTP requests sent to the model.'),
  'scoring-billed-tokens': count('Tokens of all attempts as billed; the reservation where the provider told none.'),
}

/** Headers of a success: its notification and its processing record. The request's own headers are passed on beside them. */
export const successHeadersSchema = z.object({
  ...effort,
  'scoring-cached': z
    .enum(['true', 'false'])
    .meta({ description: '`true`: the result of an earlier request with the same texts was taken over.' }),
  'scoring-model': z.string().meta({ description: 'The model, as the provider names it.' }),
  'scoring-prompt-version': z.string().meta({ description: 'Name and hash of the prompt and the answer schema.' }),
  'scoring-prompt-tokens': count('Prompt tokens of all attempts, as billed.'),
  'scoring-completion-tokens': count('Completion tokens of all attempts, as billed.'),
  'scoring-model-score': count(
    "The model's own score, before verification; absent when the model was not asked.",
  ).optional(),
  'scoring-review': z.literal('true').optional().meta({
    description:
      'A person should look at the result: the texts are flagged, the quotes do not fit, or the model was asked twice.',
  }),
  'scoring-flags': z.string().meta({
    description:
      'What looks like an attack in the texts, such as `resume:fake_answer`, comma-separated; empty for nothing.',
  }),
})

/** Headers of a failure or a refusal. The request's own headers are passed on beside them. */
export const failureHeadersSchema = z.object(effort)

/** Headers that a request may carry: all are passed on to what is published for it, except those that begin with `scoring-`. */
export const requestHeadersSchema = z.object({
  traceparent: z.string().optional().meta({ description: 'W3C trace context. Passed on like every other header.' }),
})

/** Why a message cannot be answered; the last four are of messages that are not read: see docs/kafka.md. */
export const DEAD_LETTER_REASONS = [
  'not_utf8',
  'not_json_object',
  'bad_id',
  'bad_callback_url',
  'kills_the_worker',
  'too_large_to_publish',
  'request_too_large',
  'headers_too_large',
  'batch_too_large',
  'batch_unreadable',
] as const

/** Headers of a dead letter, beside those of the original message. */
export const deadLetterHeadersSchema = z.object({
  'dead-letter-reason': z.enum(DEAD_LETTER_REASONS).meta({ description: 'Why the message could not be answered.' }),
  'dead-letter-detail': z.string().meta({ description: 'For the operator: names of fields, never their values.' }),
  'dead-letter-source-topic': z.string(),
  'dead-letter-source-partition': count('Partition of the original message.'),
  'dead-letter-source-offset': count('Offset of the original message.'),
  'dead-letter-source-first-offset': count(
    'Only where the letter stands for all messages from this offset to its own, which could not be unpacked.',
  ).optional(),
  'dead-letter-source-time': z.string().meta({ description: 'ISO 8601 time of the original message.' }),
  'dead-letter-value-bytes': count('Only where the broker refused the value as too large.').optional(),
  'dead-letter-value-sha256': z.string().optional(),
})

export type Request = z.output<typeof requestSchema>
export type Success = z.output<typeof successSchema>
export type Failure = z.output<typeof failureSchema>
export type Notification = z.output<typeof notificationSchema>
export type ProcessingRecord = z.output<typeof recordSchema>

/** The bytes or the text of a message's value. */
type Value = Uint8Array | string

const utf8 = new TextDecoder('utf-8', { fatal: true })
const read = (value: Value) => parseExact(typeof value === 'string' ? value : utf8.decode(value))

/** @returns the request; @throws TypeError (not UTF-8), SyntaxError (not JSON) or ZodError */
export const parseRequest = (value: Value): Request => requestSchema.parse(read(value))

/** @returns the notification; @throws TypeError (not UTF-8), SyntaxError (not JSON) or ZodError */
export const parseNotification = (value: Value): Notification => notificationSchema.parse(read(value))

/** @returns the processing record; @throws TypeError (not UTF-8), SyntaxError (not JSON) or ZodError */
export const parseRecord = (value: Value): ProcessingRecord => recordSchema.parse(read(value))

/** @returns the JSON of a request, with its ids to the last digit */
export const encodeRequest = (request: Request): string => stringifyExact(request)
