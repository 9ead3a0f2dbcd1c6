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
import { END_OF_THINKING } from './find-answer.ts'
import { meaningOf } from './meanings.ts'
import type { Part, Refusal } from './refusals.ts'
import { findRefusals, isCapTooLarge } from './refusals.ts'
import type { Usage } from './reply.ts'
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
  407: 'proxy_refused',
  // Passing troubles of a gateway: timeout, conflict, too early, closed by the client.
  408: 'outage',
  409: 'outage',
  413: 'too_long',
  425: 'outage',
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
  const told = meaningOf(status, error)
  // A message about what a model cannot do names the model as well.
  const refused =
    told === null || told === 'bad_configuration' || told === 'unauthorized' ? findRefusals(status, error, parts) : []
  return {
    code: refused.length > 0 ? 'parameter_refused' : (told ?? codeOfStatus(status, error)),
    detail: describeError(status, error),
    refused,
    isCapTooLarge: told === null && isCapTooLarge(error),
    retryAfterMs: error.retryAfterMs,
  }
}

function codeOfStatus(status: number, error: ErrorBody): FailureCode {
  if (status === 400 || status === 422) return codeOfBadRequest(error)
  if (status === 403) return codeOfForbidden(error)
  // Redirects are not followed: the address is wrong.
  return PLAIN[status] ?? (status >= 300 && status < 500 ? 'bad_configuration' : 'outage')
}

function codeOfForbidden({ isJson, message, codes }: ErrorBody): FailureCode {
  // A page of a gateway in between: it blocks this way out, not this key.
  if (!isJson) return 'territory'
  // An error that speaks of something else may be due to the text: it must not hold the key for all.
  return message === '' || ACCESS.test(`${message} ${codes.join(' ')}`) ? 'unauthorized' : 'unclear_rejection'
}

const ACCESS =
  /\bkey\b|api_?key|auth|permi(?:t|ss)|access|forbidden|credential|token|account|organi[sz]ation|project|member|subscri|plan\b|role|denied|allowed|scope|\bip\b/

function codeOfBadRequest(error: ErrorBody): FailureCode {
  const [field] = error.fields
  // A role or an order of messages that the server does not know: the same with every text.
  if (field?.endsWith('role') === true || error.codes.some((code) => code.startsWith('unsupported_'))) {
    return 'bad_configuration'
  }
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

export type Completion =
  | { ok: true; content: string; model: string; usage: Usage | null }
  | { ok: false; verdict: Verdict; usage: Usage | null }

/** How servers call the end of an answer at its cap, and one that their filter took away; in lower case. */
const CUT_OFF = /^(?:length|max_?(?:output_?)?tokens|model_length)$/
const FILTERED = /^(?:content_?filter|safety|prohibited_content|blocklist|recitation|spii|sensitive)$/

/** @param body of an answer with 200, parsed; anything, since gateways answer 200 with pages and errors of their own */
export function classifyCompletion(body: unknown): Completion {
  const usage = readUsage(field(body, 'usage'))
  const failed = (found: Verdict): Completion => ({ ok: false, verdict: found, usage })
  const failure = (code: FailureCode, detail: string) => failed(verdict(code, detail))
  const choices = field(body, 'choices')
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined
  const upstream = upstreamErrors(body, choice)
    .map(statedError)
    .find((found) => found !== null)
  if (upstream !== undefined) return failed(upstream)
  if (!Array.isArray(choices) && upstreamErrors(body, choice).some(isTold)) {
    return failure('outage', 'HTTP 200 with an error and no completion')
  }
  if (!Array.isArray(choices)) return failure('no_completion', 'HTTP 200 with no completion')
  if (choices.length === 0) return failure('no_completion', 'HTTP 200 with no choices')
  const message = field(choice, 'message')
  const refusal = field(message, 'refusal')
  const content = textOf(field(message, 'content'))
  const finish = String(field(choice, 'finish_reason')).toLowerCase()
  if (finish === 'error' || isObject(field(choice, 'error')) || isObject(field(message, 'error')))
    return failure('outage', 'HTTP 200 with an error of the upstream')
  // Before the content is looked at: a cut-off answer may parse by chance.
  if (CUT_OFF.test(finish)) return failure(isThinking(content) ? 'thought_out' : 'cut_off', 'finish_reason length')
  if (FILTERED.test(finish)) return failure('content_filter', 'finish_reason content_filter')
  if (typeof refusal === 'string' && refusal !== '') return failure('refused_by_model', 'the model refused')
  // Some servers return the whole answer as reasoning, parsed, or as the arguments of a function.
  const said = content.trim() === '' ? allTexts(message) : content
  if (said.trim() === '') return failure('unusable_answer', 'HTTP 200 with no content')
  const model = field(body, 'model')
  return { ok: true, content: said, model: typeof model === 'string' ? model : '', usage }
}

/** @returns where a gateway tells of an error, under 200 */
const upstreamErrors = (body: unknown, choice: unknown): unknown[] => [
  ...[Array.isArray(body) ? (body[0] as unknown) : body, choice].flatMap((of) => [
    field(of, 'error'),
    field(of, 'errors'),
  ]),
  field(field(choice, 'message'), 'error'),
]

const isTold = (error: unknown): boolean =>
  (typeof error === 'string' && error !== '') || (isObject(error) && Object.keys(error).length > 0)

/** OpenRouter and its like: the status of whom they asked is in the body, under 200. @returns null for no error with a status */
function statedError(error: unknown): Verdict | null {
  if (Array.isArray(error)) return statedError(error[0])
  if (!isObject(error)) return null
  const status = Number(field(error, 'code') ?? field(error, 'status'))
  if (status >= 400 && status <= 599) return classifyStatus(status, JSON.stringify({ error }))
  const { codes } = readErrorBody(JSON.stringify({ error }))
  return codes.some((code) => /rate_?limit/.test(code)) ? verdict('rate_limited', 'HTTP 200, a rate limit') : null
}

/**
 * @returns the text of a message's content: it may be a list of parts, of which those that think are left out, or one part, or
 * the answer itself as an object
 */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) {
    if (!isObject(content)) return ''
    return field(content, 'type') === undefined ? JSON.stringify(content) : textOf([content])
  }
  const texts = content.map((part: unknown) => {
    if (typeof part === 'string') return part
    const type = field(part, 'type') ?? 'text'
    const given = field(part, 'text')
    const text = field(given, 'value') ?? given
    return (type === 'text' || type === 'output_text') && typeof text === 'string' ? text : ''
  })
  return texts.join('')
}

/** @returns all that a message holds beside its role, a text a line; objects as JSON */
function allTexts(message: unknown): string {
  const texts: string[] = []
  const open: [key: string, value: unknown][] = isObject(message) ? Object.entries(message).toReversed() : []
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [key, value] = next
    if (typeof value === 'string' && !NO_ANSWERS.has(key)) texts.push(value)
    if (!isObject(value)) continue
    if (key === 'parsed' || key === 'arguments' || key === 'input') texts.push(JSON.stringify(value))
    else for (const child of Object.entries(value)) open.push(child)
  }
  return texts.join('\n')
}

const NO_ANSWERS: ReadonlySet<string> = new Set(['role', 'refusal', 'content', 'type', 'id', 'name', 'signature'])

/** The answer holds reasoning only: the cap was used up by it. */
function isThinking(content: string): boolean {
  const text = content.trim()
  return text === '' || (START_OF_THINKING.test(text) && text.search(END_OF_THINKING) < 0)
}

/** The notations of find-answer.ts's `END_OF_THINKING`, where they open. */
const START_OF_THINKING =
  /^(?:<[|]?[^<>\s/]{0,20}(?:think|thought|reason|reflect|analysis)|\[think|◁think|<\|channel\|>analysis)/i

function readUsage(usage: unknown): Usage | null {
  const count = (name: string) => {
    const value = field(usage, name)
    return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : null
  }
  const promptTokens = count('prompt_tokens')
  const completionTokens = count('completion_tokens')
  if (promptTokens === null || completionTokens === null) return null
  const totalTokens = count('total_tokens') ?? 0
  return { promptTokens, completionTokens, totalTokens: Math.max(totalTokens, promptTokens + completionTokens) }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

function field(of: unknown, name: string): unknown {
  return isObject(of) ? (of as Record<string, unknown>)[name] : undefined
}
