/** Decodes requests, encodes notifications and records: the JSON that other teams' services write and read, exact to the byte. */
import { isUtf8 } from 'node:buffer'
import { NumberText, stringifyExact } from './lib/json.ts'
import { readMembers } from './lib/json-members.ts'
import type { DEAD_LETTER_REASONS } from './schemas.ts'
import { addressSchema, textsSchema } from './schemas.ts'

export { MATCHES_MAX, NOTIFICATION_KEY, RECOMMENDATION_MAX_CHARS, RECORD_KEY, REQUEST_KEY } from './schemas.ts'

export type Verdict = 'Подходит' | 'Не подходит'

/** Whom the answer to a request is for; every notification repeats it unchanged. */
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

export type DeadLetterReason = (typeof DEAD_LETTER_REASONS)[number]

/** A request whose address was read and whose texts were not: while it waits it takes little more memory than its message. */
export interface Addressed {
  kind: 'addressed'
  address: Address
  /** The members of the JSON by name, as views of the message's value. */
  sources: ReadonlyMap<string, Buffer>
}

/** Nobody can be answered. `detail` is for the operator and names fields without their values. */
export interface Unanswerable {
  kind: 'unanswerable'
  reason: DeadLetterReason
  detail: string
}

export type Answerable =
  | { kind: 'request'; request: ScoringRequest }
  /** The address is readable, so the caller is told: `problem` is a Russian sentence that names the field. */
  | { kind: 'invalid'; address: Address; problem: string }

const ADDRESS_FIELDS = Object.keys(addressSchema.shape)
const TEXT_FIELDS = Object.keys(textsSchema.shape)
const FIELDS = new Set([...ADDRESS_FIELDS, ...TEXT_FIELDS])

/**
 * Reads a message of the requests topic.
 * @param value the message's bytes, null for a tombstone
 * @param maxBytes a longer value is not read
 * @returns the request, or what is wrong with it; never throws
 */
export function decodeRequest(value: Buffer | null, maxBytes = Infinity): Answerable | Unanswerable {
  const read = readAddress(value, maxBytes)
  return read.kind === 'unanswerable' ? read : decodeTexts(read)
}

/**
 * Checks that the message is a JSON object, and reads only whom it belongs to.
 * @param value the message's bytes, null for a tombstone
 * @param maxBytes a longer value is not read
 * @returns what `decodeTexts` needs, or why nobody can be answered; never throws
 */
export function readAddress(value: Buffer | null, maxBytes: number): Addressed | Unanswerable {
  if (value === null) return unanswerable('not_json_object', 'the message has no value')
  if (value.length > maxBytes) {
    return unanswerable('request_too_large', `${value.length} bytes, at most ${maxBytes} (MAX_REQUEST_BYTES)`)
  }
  if (!isUtf8(value)) return unanswerable('not_utf8', 'the value is not UTF-8')
  let sources: Map<string, Buffer> | null
  try {
    sources = readMembers(withoutByteOrderMark(value), FIELDS)
  } catch {
    return unanswerable('not_json_object', 'the value is not JSON')
  }
  if (sources === null) return unanswerable('not_json_object', 'the value is JSON but no object')
  const found = addressSchema.safeParse(scalarsOf(sources, ADDRESS_FIELDS))
  if (!found.success) {
    const fields = [...new Set(found.error.issues.map((issue) => String(issue.path[0])))]
    const reason = fields.some((field) => field !== 'callback_url') ? 'bad_id' : 'bad_callback_url'
    return unanswerable(reason, fields.map((field) => `${field}: ${faultOf(field, sources)}`).join(', '))
  }
  const address: Address = {
    callbackUrl: found.data.callback_url,
    processingId: found.data.processing_id,
    userId: found.data.user_id,
    resumeId: found.data.resume_id,
    requirementsId: found.data.requirements_id,
  }
  return { kind: 'addressed', address, sources }
}

function faultOf(field: string, sources: ReadonlyMap<string, Buffer>): string {
  if (!sources.has(field)) return 'missing'
  return field === 'callback_url' ? 'no string' : 'no signed 64-bit integer'
}

/** @returns the request, or what is wrong with its texts; never throws */
export function decodeTexts({ address, sources }: Addressed): Answerable {
  const texts = textsSchema.safeParse(scalarsOf(sources, TEXT_FIELDS))
  if (texts.success) return { kind: 'request', request: { address, ...texts.data } }
  const fields = [...new Set(texts.error.issues.map((issue) => `«${String(issue.path[0])}»`))]
  const subject = fields.length === 1 ? `поле ${fields[0]} должно` : `поля ${fields.join(' и ')} должны`
  return { kind: 'invalid', address, problem: `Запрос составлен неверно: ${subject} быть непустой строкой.` }
}

const unanswerable = (reason: DeadLetterReason, detail: string): Unanswerable => ({
  kind: 'unanswerable',
  reason,
  detail,
})

const BYTE_ORDER_MARK = Buffer.from('\ufeff')

/** @returns the message without the UTF-8 byte order mark that some producers begin with */
export function withoutByteOrderMark(value: Buffer): Buffer {
  return value.subarray(0, 3).equals(BYTE_ORDER_MARK) ? value.subarray(3) : value
}

/** Only strings and numbers are decoded: any other value is wrong in these fields, and may be very large. */
function scalarsOf(sources: ReadonlyMap<string, Buffer>, names: readonly string[]): Record<string, unknown> {
  const scalars: Record<string, unknown> = {}
  for (const name of names) {
    const source = sources.get(name)
    if (source !== undefined) scalars[name] = scalarOf(source.toString())
  }
  return scalars
}

function scalarOf(source: string): unknown {
  if (source.startsWith('"')) return JSON.parse(source)
  return /^[-\d]/.test(source) ? new NumberText(source) : null
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
