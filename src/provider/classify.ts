/**
 * Maps an error of the provider or the connection to a failure code of errors.ts, for OpenAI, Azure, vLLM and similar servers.
 * Pure. Providers echo keys and texts in their messages, so messages are read here and never passed on.
 *
 * Sources: platform.openai.com/docs/guides/error-codes, learn.microsoft.com/azure/ai-services/openai (content filtering),
 * and recorded answers of these servers.
 */
import type { FailureCode } from '../errors.ts'
import type { ErrorBody } from './error-body.ts'
import { describeError, readErrorBody } from './error-body.ts'
import { meaningOf } from './meanings.ts'
import type { Part, RefusedPart } from './refused-parts.ts'
import { findRefusedParts, isCapTooLarge } from './refused-parts.ts'
import { isSocksRefusal } from './socks.ts'

export interface Classified {
  code: FailureCode
  /** For the log: status, codes and names of fields only. */
  detail: string
  /** The refused parts of the request that can be left out or sent in another way. */
  refused: readonly RefusedPart[]
  /** The cap of the answer exceeds the model's own limit. */
  isCapTooLarge: boolean
  /** The delay that the body asks for; null for none. */
  retryAfterMs: number | null
}

export const classified = (code: FailureCode, detail: string): Classified => ({
  code,
  detail,
  refused: [],
  isCapTooLarge: false,
  retryAfterMs: null,
})

const BY_STATUS: Readonly<Record<number, FailureCode>> = {
  401: 'unauthorized',
  402: 'quota',
  404: 'bad_configuration',
  405: 'bad_configuration',
  406: 'bad_configuration',
  407: 'proxy_refused',
  // 408, 409, 424, 425 and 499 are a gateway's temporary errors: timeout, conflict, failed dependency, too early, client gone.
  408: 'outage',
  409: 'outage',
  410: 'bad_configuration',
  413: 'too_long',
  415: 'bad_configuration',
  421: 'bad_configuration',
  424: 'outage',
  425: 'outage',
  426: 'bad_configuration',
  429: 'rate_limited',
  451: 'territory',
  499: 'outage',
}

/**
 * @param status not 200 to 299
 * @param body as it came, JSON or not
 * @param parts of the request that could be left out or sent in another way
 */
export function classifyStatus(status: number, body: string, parts: readonly Part[] = []): Classified {
  const error = readErrorBody(body)
  const readAs = statusToRead(status)
  const meaning = meaningOf(readAs, error)
  const refused = findRefusedParts(readAs, error, parts).filter((part) => mayBeRefused(part, meaning))
  return {
    code: refused.length > 0 ? 'parameter_refused' : (meaning ?? codeOfStatus(readAs, error)),
    detail: describeError(status, error),
    refused,
    isCapTooLarge: meaning === null && isCapTooLarge(error),
    retryAfterMs: error.retryAfterMs,
  }
}

function mayBeRefused(part: RefusedPart, meaning: FailureCode | null): boolean {
  // An error about a schema that is too deep may read like one about a text that is too long.
  if (meaning === 'too_long') return part === 'format' || part === 'seed' || part === 'temperature'
  // An error about a parameter often names the model too, and then reads like one about the model or the key.
  return meaning === null || meaning === 'bad_configuration' || meaning === 'unauthorized'
}

/** @returns the status; 400 for a 4xx that some gateway made up (446, 498), which means only that the request was rejected */
const statusToRead = (status: number): number =>
  status > 400 && status < 500 && status !== 403 && BY_STATUS[status] === undefined ? 400 : status

function codeOfStatus(status: number, error: ErrorBody): FailureCode {
  if (status === 400) return codeOfBadRequest(error)
  if (status === 403) return codeOfForbidden(error)
  // The worker follows no redirect: one means that the address is wrong.
  return BY_STATUS[status] ?? (status < 400 ? 'bad_configuration' : 'outage')
}

function codeOfForbidden({ isJson, message, codes }: ErrorBody): FailureCode {
  // A page of a gateway in between, which blocks this route rather than this key.
  if (!isJson) return 'territory'
  // An error about something else may be due to this text, so it must not hold the key for all requests.
  if (ABOUT_THE_TEXT.test(message)) return 'unclear_rejection'
  return message === '' || ACCESS.test(`${message} ${codes.join(' ')}`) ? 'unauthorized' : 'unclear_rejection'
}

const ABOUT_THE_TEXT = /\b(?:prompt|content|input)\b/

const ACCESS =
  /\bkey\b|api_?key|auth|permi(?:t|ss)|access|forbidden|credential|token|account|organi[sz]ation|project|member|subscri|plan\b|role|denied|allowed|scope|\bip\b/

function codeOfBadRequest(error: ErrorBody): FailureCode {
  const [field] = error.fields
  // The server does not know a role or an order of messages, whatever the text.
  if (field?.endsWith('role') === true) return 'bad_configuration'
  if (field !== undefined && /^(?:api_?)?key$/.test(field)) return 'unauthorized'
  if (field === undefined) return isCapTooLarge(error) ? 'bad_configuration' : 'unclear_rejection'
  return /^(?:body\W+)?(?:messages|prompt|input)\b/.test(field) ? 'rejected_text' : 'bad_configuration'
}

/** Classifies a connection that failed or broke. @param error of undici or node:net, tls, dns */
export function classifyBroken(error: Error): Classified {
  const proxyStatus = /^Proxy response \((\d{3})\)/.exec(error.message)?.[1]
  if (proxyStatus !== undefined) {
    // A 4xx is the proxy's own refusal; a 5xx means that it cannot reach the provider.
    const code = Number(proxyStatus) < 500 ? 'proxy_refused' : 'outage'
    return classified(code, `the proxy answered ${proxyStatus} to CONNECT`)
  }
  if (error.message.startsWith('Proxy Authentication Required')) {
    return classified('proxy_refused', 'the proxy answered 407')
  }
  if (isSocksRefusal(error)) return classified('proxy_refused', 'the SOCKS5 proxy refused the connection')
  return classified('outage', `connection failed: ${errorCode(error)}`)
}

/** @returns the innermost code, such as ECONNREFUSED: messages hold addresses, so they are left out */
function errorCode(error: Error): string {
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : error.cause
  if (inner instanceof Error) return errorCode(inner)
  const { code } = error as NodeJS.ErrnoException
  return typeof code === 'string' ? code : error.name
}
