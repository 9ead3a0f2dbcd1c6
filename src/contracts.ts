/** What comes in and goes out: the JSON that other teams' services write and read, byte for byte their contract. */
import { z } from 'zod'
import { NumberText, parseExact, stringifyExact } from './lib/json.ts'
import { stripInvisible } from './lib/sanitize.ts'

/** The key of the messages in the requests topic that are ours. */
export const REQUEST_KEY = 'new_request'
export const NOTIFICATION_KEY = 'new_notifications'
export const RECORD_KEY = 'new_processing'

/** Downstream columns: longer values make the storage service fail. */
export const RECOMMENDATION_MAX_CHARS = 700
export const MATCHES_MAX = 7

export type Verdict = 'Подходит' | 'Не подходит'

/** Where an answer belongs: echoed unchanged into every outcome. */
export interface Address {
  callbackUrl: string
  processingId: bigint
  userId: bigint
  resumeId: bigint
  requirementsId: bigint
}

export interface ScoringRequest {
  address: Address
  requirements: string
  resume: string
}

/** The published part of a success. */
export interface Score {
  /** 0 to 100 */
  score: number
  matches: string[]
  recommendation: string
  verdict: Verdict
}

export type DeadLetterReason =
  'not_utf8' | 'not_json_object' | 'bad_id' | 'bad_callback_url' | 'kills_the_worker' | 'too_large_to_publish'

export type Decoded =
  | { kind: 'request'; request: ScoringRequest }
  /** Has its address, so its caller is told: `problem` is a Russian sentence that names the field. */
  | { kind: 'invalid'; address: Address; problem: string }
  /** Nobody can be answered: `detail` is for the operator and holds names of fields only, never their values. */
  | { kind: 'unanswerable'; reason: DeadLetterReason; detail: string }

const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)

const id = z.instanceof(NumberText).transform((number, context) => {
  // -0 is none: it would come out as another id, 0.
  const value = /^(?:0|-?[1-9]\d*)$/.test(number.text) ? BigInt(number.text) : null
  if (value !== null && value >= INT64_MIN && value <= INT64_MAX) return value
  context.addIssue({ code: 'custom', message: 'must be a signed 64-bit integer without fraction or exponent' })
  return z.NEVER
})

const addressSchema = z.object({
  callback_url: z.string(),
  processing_id: id,
  user_id: id,
  resume_id: id,
  requirements_id: id,
})

/** Holds something that can be seen. */
const text = z.string().refine((value) => stripInvisible(value).text.trim() !== '')
const textsSchema = z.object({ requirements: text, resume: text })

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Reads a message of the requests topic.
 * @param value the message's bytes, null for a tombstone
 * @returns the request, or why it is none; throws nothing
 */
export function decodeRequest(value: Buffer | null): Decoded {
  let parsed: unknown
  if (value === null) return { kind: 'unanswerable', reason: 'not_json_object', detail: 'the message has no value' }
  try {
    parsed = parseExact(utf8.decode(value))
  } catch (error) {
    if (error instanceof TypeError)
      return { kind: 'unanswerable', reason: 'not_utf8', detail: 'the value is not UTF-8' }
    const detail = error instanceof SyntaxError ? 'the value is not JSON' : 'the value is nested too deeply'
    return { kind: 'unanswerable', reason: 'not_json_object', detail }
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed) || parsed instanceof NumberText) {
    return { kind: 'unanswerable', reason: 'not_json_object', detail: 'the value is JSON but no object' }
  }
  const found = addressSchema.safeParse(parsed)
  if (!found.success) {
    const fields = [...new Set(found.error.issues.map((issue) => String(issue.path[0])))]
    const reason = fields.some((field) => field !== 'callback_url') ? 'bad_id' : 'bad_callback_url'
    return { kind: 'unanswerable', reason, detail: `missing or of a wrong type: ${fields.join(', ')}` }
  }
  const address: Address = {
    callbackUrl: found.data.callback_url,
    processingId: found.data.processing_id,
    userId: found.data.user_id,
    resumeId: found.data.resume_id,
    requirementsId: found.data.requirements_id,
  }
  const texts = textsSchema.safeParse(parsed)
  if (!texts.success) {
    const fields = [...new Set(texts.error.issues.map((issue) => `«${String(issue.path[0])}»`))]
    const subject = fields.length === 1 ? `поле ${fields[0]} должно` : `поля ${fields.join(' и ')} должны`
    return { kind: 'invalid', address, problem: `Запрос составлен неверно: ${subject} быть непустой строкой.` }
  }
  return { kind: 'request', request: { address, ...texts.data } }
}

function addressFields(address: Address): Record<string, unknown> {
  return {
    callback_url: address.callbackUrl,
    processing_id: address.processingId,
    user_id: address.userId,
    requirements_id: address.requirementsId,
    resume_id: address.resumeId,
  }
}

function scoreFields({ score, matches, recommendation, verdict }: Score): Record<string, unknown> {
  return { score, matches, recommendation, verdict }
}

/** @returns the JSON of a success for the notifications topic */
export function encodeSuccess(address: Address, score: Score): string {
  const response = { ...scoreFields(score), ...addressFields(address) }
  return stringifyExact({ success: true, response, message_error: null, wait_seconds: null })
}

/**
 * @param messageError a Russian sentence for the caller
 * @param waitSeconds whole seconds above 0 for a refusal for lack of budget, null for every other failure
 * @returns the JSON of a failure for the notifications topic
 */
export function encodeFailure(address: Address, messageError: string, waitSeconds: number | null): string {
  const response = addressFields(address)
  return stringifyExact({ success: false, response, message_error: messageError, wait_seconds: waitSeconds })
}

/** @returns the JSON of a success for the uploading_data topic: the response without the callback URL */
export function encodeRecord(address: Address, score: Score): string {
  const { callback_url: _url, ...rest } = addressFields(address)
  return stringifyExact({ ...scoreFields(score), ...rest })
}
