/**
 * What an answer of the provider means: every row of the table in errors.ts, for OpenAI, Azure, vLLM and their like.
 * Pure. Providers echo keys and texts in their messages, so those are looked at and never handed on.
 *
 * Sources: platform.openai.com/docs/guides/error-codes, learn.microsoft.com/azure/ai-services/openai (content filtering),
 * and what the servers named answer.
 */
import type { FailureCode } from '../errors.ts'
import type { Adjustable } from './parameters.ts'
import { ADJUSTABLE } from './parameters.ts'
import type { Usage } from './reply.ts'

export interface Verdict {
  code: FailureCode
  /** For the log: status, codes and names of fields only. */
  detail: string
  /** The parameter of ours that was refused; null when it is none, or not told. */
  refusedParameter: Adjustable | null
}

/** The parts of an error's body that decide; messages are in lower case, names of fields as they came. */
interface ErrorBody {
  message: string
  code: string
  /** Azure's second code, which says more. */
  innerCode: string
  type: string
  param: string
  /** false: a page of some gateway instead of an API's answer. */
  isJson: boolean
}

/** What codes and messages tell, whatever the status; the first that matches counts. */
const TOLD: readonly (readonly [RegExp, FailureCode])[] = [
  [/unsupported_country_region_territory|country, region, or territory not supported/, 'territory'],
  [
    /insufficient_(quota|balance|funds|credits)|quota_exceeded|billing|exceeded your current quota|account is not active|spend(ing)? limit|usage limit|credit balance|insufficient (balance|credit|funds)/,
    'quota',
  ],
  [
    /content_filter|content_policy|responsibleaipolicyviolation|invalid_prompt|content management policy/,
    'content_filter',
  ],
  [
    /context_length_exceeded|string_above_max_length|tokens_limit_reached|maximum context length|context window|request too large|(prompt|input) is too long|too many (input )?tokens|input tokens exceed/,
    'too_long',
  ],
  // Reasoning models answer 400 when they have thought up to the cap.
  [/max_tokens or model output limit was reached/, 'cut_off'],
  [
    /model_not_found|deploymentnotfound|(unknown|invalid)_model|not have access to (the )?model|model .{0,100}(does not exist|not found)/,
    'bad_configuration',
  ],
]
/** Which of these count with a status; with the others it says enough by itself. */
const TOLD_WITH: Readonly<Record<number, readonly FailureCode[]>> = {
  400: ['territory', 'quota', 'content_filter', 'too_long', 'cut_off', 'bad_configuration'],
  401: ['quota'],
  403: ['territory', 'quota', 'content_filter', 'bad_configuration'],
  422: ['quota', 'content_filter', 'too_long', 'bad_configuration'],
  429: ['quota', 'too_long'],
}
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
const REFUSED_PARAMETER =
  /unsupported|not support|unrecognized|unknown|extra_forbidden|extra inputs|not permitted|not allowed|unexpected|invalid (parameter|schema)|enabled only|input should be|one of/

/**
 * @param status not 200 to 299
 * @param body as it came, JSON or not
 */
export function classifyStatus(status: number, body: string): Verdict {
  const error = readErrorBody(body)
  const told = codeTold(status, error)
  const refusable = told === null && (status === 400 || status === 422)
  const refusedParameter = refusable ? findRefusedParameter(error) : null
  const code = told ?? (refusedParameter === null ? codeOfStatus(status, error) : 'parameter_refused')
  return { code, detail: describe(status, error), refusedParameter }
}

/** Codes before messages: a message may quote a resume that speaks of quotas and context windows. */
function codeTold(status: number, error: ErrorBody): FailureCode | null {
  const allowed = TOLD_WITH[status] ?? []
  for (const text of [`${error.code} ${error.innerCode} ${error.type}`.toLowerCase(), error.message.slice(0, 300)]) {
    const found = TOLD.find(([pattern, code]) => allowed.includes(code) && pattern.test(text))
    if (found !== undefined) return found[1]
  }
  return null
}

function codeOfStatus(status: number, error: ErrorBody): FailureCode {
  if (status === 400 || status === 422) return codeOfBadRequest(error)
  // A page of a gateway in between: it blocks this way out, not this key.
  if (status === 403) return error.isJson ? 'unauthorized' : 'territory'
  // Redirects are not followed: the address is wrong.
  return PLAIN[status] ?? (status >= 300 && status < 500 ? 'bad_configuration' : 'outage')
}

function codeOfBadRequest(error: ErrorBody): FailureCode {
  // A role or an order of messages that the server does not know: the same with every text.
  if (error.param.endsWith('.role') || error.code.startsWith('unsupported_')) return 'bad_configuration'
  if (/^(messages|prompt|input)\b/.test(error.param)) return 'rejected_text'
  return error.param === '' ? 'unclear_rejection' : 'bad_configuration'
}

/** A connection that could not be made, or broke. @param error of undici or node:net, tls, dns */
export function classifyBroken(error: Error): Verdict {
  const proxyStatus = /^Proxy response \((\d{3})\)/.exec(error.message)?.[1]
  if (proxyStatus !== undefined) {
    // The proxy's own no to a tunnel; its 5xx means that it cannot reach the provider.
    const code = Number(proxyStatus) < 500 ? 'proxy_refused' : 'outage'
    return { code, detail: `the proxy answered ${proxyStatus} to CONNECT`, refusedParameter: null }
  }
  if (error.message.startsWith('Proxy Authentication Required')) {
    return { code: 'proxy_refused', detail: 'the proxy answered 407', refusedParameter: null }
  }
  return { code: 'outage', detail: `connection failed: ${errorCode(error)}`, refusedParameter: null }
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

/** @param body of an answer with 200, parsed; anything, since gateways answer 200 with pages and errors of their own */
export function classifyCompletion(body: unknown): Completion {
  const usage = readUsage(field(body, 'usage'))
  const failure = (code: FailureCode, detail: string): Completion => ({
    ok: false,
    verdict: { code, detail, refusedParameter: null },
    usage,
  })
  const error = field(body, 'error')
  if (typeof error === 'object' && error !== null) {
    // OpenRouter and its like: the status of whom they asked is in the body.
    const status = Number(field(error, 'code'))
    if (status >= 400 && status <= 599)
      return { ok: false, verdict: classifyStatus(status, JSON.stringify(body)), usage }
  }
  const choices = field(body, 'choices')
  if (!Array.isArray(choices)) return failure('no_completion', 'HTTP 200 with no completion')
  if (choices.length === 0) return failure('no_completion', 'HTTP 200 with no choices')
  const choice: unknown = choices[0]
  const message = field(choice, 'message')
  const refusal = field(message, 'refusal')
  const content = field(message, 'content')
  const finish = field(choice, 'finish_reason')
  // Before the content is looked at: what was cut off may parse by chance.
  if (finish === 'length') return failure('cut_off', 'finish_reason length')
  if (finish === 'content_filter') return failure('content_filter', 'finish_reason content_filter')
  if (typeof refusal === 'string' && refusal !== '') return failure('refused_by_model', 'the model refused')
  if (typeof content !== 'string' || content.trim() === '')
    return failure('unusable_answer', 'HTTP 200 with no content')
  const model = field(body, 'model')
  return { ok: true, content, model: typeof model === 'string' ? model : '', usage }
}

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

function field(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null ? (of as Record<string, unknown>)[name] : undefined
}

const text = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '')

/** OpenAI and Azure nest the error; older vLLM does not; FastAPI has `detail`, a text or a list of fields. */
function readErrorBody(body: string): ErrorBody {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    return { message: body.slice(0, 2_000).toLowerCase(), code: '', innerCode: '', type: '', param: '', isJson: false }
  }
  const nested = field(parsed, 'error')
  const error = typeof nested === 'object' && nested !== null ? nested : parsed
  const inner = field(error, 'innererror')
  const detail = field(error, 'detail') ?? field(field(error, 'message'), 'detail')
  const fault: unknown = Array.isArray(detail) ? detail[0] : undefined
  const location = field(fault, 'loc')
  const message = field(error, 'message')
  return {
    message: [message, nested, detail, field(fault, 'type'), field(fault, 'msg')].map(text).join(' ').toLowerCase(),
    code: text(field(error, 'code')),
    innerCode: text(field(inner, 'code')),
    type: text(field(error, 'type')),
    param: text(field(error, 'param')) || (Array.isArray(location) ? text(location.at(-1)) : ''),
    isJson: typeof parsed === 'object' && parsed !== null,
  }
}

function findRefusedParameter(error: ErrorBody): Adjustable | null {
  if (!REFUSED_PARAMETER.test(`${error.code} ${error.message}`.toLowerCase())) return null
  const named = ADJUSTABLE.find((name) => error.param === name || error.param.startsWith(`${name}.`))
  if (named !== undefined) return named
  if (error.param !== '') return null
  // The refused one stands before the one that is recommended instead.
  const found = ADJUSTABLE.map((name) => ({ name, at: error.message.indexOf(name) })).filter(({ at }) => at >= 0)
  return found.toSorted((a, b) => a.at - b.at)[0]?.name ?? null
}

/** Names that servers use for errors; whatever looks otherwise may be an echo of the request. */
const IDENTIFIER = /^[a-zA-Z][a-zA-Z0-9_]{0,63}$|^\d{1,4}$/

function describe(status: number, error: ErrorBody): string {
  const parts = [`HTTP ${status}`]
  for (const code of [error.code, error.innerCode]) if (IDENTIFIER.test(code)) parts.push(`code ${code}`)
  if (IDENTIFIER.test(error.type)) parts.push(`type ${error.type}`)
  if (/^[a-z_]{1,40}(\[\d{1,3}\])?(\.[a-z_]{1,40}){0,3}$/.test(error.param)) parts.push(`param ${error.param}`)
  if (!error.isJson) parts.push('not JSON')
  return parts.join(', ')
}
