/**
 * What an answer of the provider means: every row of the table in errors.ts, for OpenAI, Azure, vLLM and their like.
 * Pure. Providers echo keys and texts in their messages, so those are looked at and never handed on.
 *
 * Sources: platform.openai.com/docs/guides/error-codes, learn.microsoft.com/azure/ai-services/openai (content filtering),
 * and what the servers named answer.
 */
import type { FailureCode } from '../errors.ts'
import type { ErrorBody } from './error-body.ts'
import { describeError, readErrorBody } from './error-body.ts'
import { meaningOf } from './meanings.ts'
import type { Part, Refusal } from './refusals.ts'
import { findRefusals, isCapTooLarge } from './refusals.ts'
import { isSocksRefusal } from './socks.ts'

export interface Verdict {
  code: FailureCode
  /** For the log: status, codes and names of fields only. */
  detail: string
  /** The parts of the request that were refused and can be asked for in another way. */
  refused: readonly Refusal[]
  /** The cap of the answer is above what the model can. */
  isCapTooLarge: boolean
  /** As the body tells; null for nothing told. */
  retryAfterMs: number | null
}

export const verdict = (code: FailureCode, detail: string): Verdict => ({
  code,
  detail,
  refused: [],
  isCapTooLarge: false,
  retryAfterMs: null,
})

const PLAIN: Readonly<Record<number, FailureCode>> = {
  401: 'unauthorized',
  402: 'quota',
  404: 'bad_configuration',
  405: 'bad_configuration',
  406: 'bad_configuration',
  407: 'proxy_refused',
  // Passing troubles of a gateway: timeout, conflict, too early, closed by the client.
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
 * @param parts of the request that could be asked for in another way
 */
export function classifyStatus(status: number, body: string, parts: readonly Part[] = []): Verdict {
  const error = readErrorBody(body)
  const meant = meantStatus(status)
  const told = meaningOf(meant, error)
  const refused = findRefusals(
    meant,
    error,
    parts.filter((part) => mayBeRefused(part, told)),
  )
  return {
    code: refused.length > 0 ? 'parameter_refused' : (told ?? codeOfStatus(meant, error)),
    detail: describeError(status, error),
    refused,
    isCapTooLarge: told === null && isCapTooLarge(error),
    retryAfterMs: error.retryAfterMs,
  }
}

function mayBeRefused(part: Part, told: FailureCode | null): boolean {
  // A schema that is too deep is no text that is too long: nobody must be told so.
  if (told === 'too_long') return part === 'format' || part === 'seed' || part === 'temperature'
  // A message about what a model cannot do names the model as well.
  return told === null || told === 'bad_configuration' || told === 'unauthorized'
}

/** A gateway's own 4xx (446, 498) says only that the request was turned away. */
const meantStatus = (status: number): number =>
  status > 400 && status < 500 && status !== 403 && PLAIN[status] === undefined ? 400 : status

function codeOfStatus(status: number, error: ErrorBody): FailureCode {
  if (status === 400) return codeOfBadRequest(error)
  if (status === 403) return codeOfForbidden(error)
  // Redirects are not followed: the address is wrong.
  return PLAIN[status] ?? (status < 400 ? 'bad_configuration' : 'outage')
}

function codeOfForbidden({ isJson, message, codes }: ErrorBody): FailureCode {
  // A page of a gateway in between: it blocks this way out, not this key.
  if (!isJson) return 'territory'
  // An error that speaks of something else may be due to the text: it must not hold the key for all.
  if (ABOUT_THE_TEXT.test(message)) return 'unclear_rejection'
  return message === '' || ACCESS.test(`${message} ${codes.join(' ')}`) ? 'unauthorized' : 'unclear_rejection'
}

const ABOUT_THE_TEXT = /\b(?:prompt|content|input)\b/

const ACCESS =
  /\bkey\b|api_?key|auth|permi(?:t|ss)|access|forbidden|credential|token|account|organi[sz]ation|project|member|subscri|plan\b|role|denied|allowed|scope|\bip\b/

function codeOfBadRequest(error: ErrorBody): FailureCode {
  const [field] = error.fields
  // A role or an order of messages that the server does not know: the same with every text.
  if (field?.endsWith('role') === true) return 'bad_configuration'
  if (field !== undefined && /^(?:api_?)?key$/.test(field)) return 'unauthorized'
  if (field === undefined) return isCapTooLarge(error) ? 'bad_configuration' : 'unclear_rejection'
  return /^(?:body\W+)?(?:messages|prompt|input)\b/.test(field) ? 'rejected_text' : 'bad_configuration'
}

/** A connection that could not be made, or broke. @param error of undici or node:net, tls, dns */
export function classifyBroken(error: Error): Verdict {
  const proxyStatus = /^Proxy response \((\d{3})\)/.exec(error.message)?.[1]
  if (proxyStatus !== undefined) {
    // The proxy itself refuses the tunnel; its 5xx means that it cannot reach the provider.
    const code = Number(proxyStatus) < 500 ? 'proxy_refused' : 'outage'
    return verdict(code, `the proxy answered ${proxyStatus} to CONNECT`)
  }
  if (error.message.startsWith('Proxy Authentication Required')) {
    return verdict('proxy_refused', 'the proxy answered 407')
  }
  if (isSocksRefusal(error)) return verdict('proxy_refused', 'the SOCKS5 proxy refused')
  return verdict('outage', `connection failed: ${errorCode(error)}`)
}

/** @returns the innermost code, such as ECONNREFUSED: messages hold addresses, so they are left out */
function errorCode(error: Error): string {
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : error.cause
  if (inner instanceof Error) return errorCode(inner)
  const { code } = error as NodeJS.ErrnoException
  return typeof code === 'string' ? code : error.name
}
