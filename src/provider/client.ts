/** Asks the model once: from a question to a reply that says what happened. */
import { createHash } from 'node:crypto'
import OpenAI from 'openai'
import type { RateHeaders } from '../budget/rate-headers.ts'
import { retryAfterMs } from '../budget/rate-headers.ts'
import type { Config } from '../config.ts'
import type { Log } from '../logging/log.ts'
import type { Verdict } from './classify.ts'
import { classifyBroken, classifyCompletion, classifyStatus } from './classify.ts'
import type { Identity } from './holds.ts'
import type { ApiKey, KeySource } from './key.ts'
import type { Body } from './parameters.ts'
import { createParameters } from './parameters.ts'
import type { Question, Reply, Said, Usage } from './reply.ts'
import type { Exchange, Transport } from './transport.ts'

export interface ProviderOptions {
  settings: Config['provider']
  key: KeySource
  transport: Transport
  log: Log
}

export interface Provider {
  /**
   * One HTTP request at the most, without any retry. Never rejects but for a fault of ours (TypeError and its like).
   * @returns within OPENAI_TIMEOUT_SECONDS
   */
  ask: (question: Question) => Promise<Reply>
  /** The scopes of this worker's calls as they are now; see gate.ts. */
  identity: () => Promise<Identity>
}

/** The package's own limit must never come first: it counts by the wall clock, which may jump. */
const PACKAGE_TIMEOUT_MS = 24 * 3_600_000
const USER_AGENT = 'resume-scoring-worker'

export function createProvider({ settings, key, transport, log }: ProviderOptions): Provider {
  const base = splitBaseUrl(settings.baseUrl)
  const parameters = createParameters(settings.model, (refused, instead) => {
    log.warn('the model refuses a parameter: it is not sent any more', { parameter: refused, instead })
  })

  async function ask(question: Question): Promise<Reply> {
    const apiKey = await key()
    if (apiKey.value === null) return failure(NO_KEY, nothingSaid(apiKey), { retryAfterMs: null, sent: false })
    const body = parameters.body(question)
    const { exchange, parsed } = await call(apiKey.value, body, question)
    if (exchange.kind === 'not_sent' || exchange.kind === 'aborted') return exchange
    if (exchange.kind !== 'answered') {
      const sent = exchange.kind === 'too_big' || exchange.sent
      return failure(verdictOf(exchange), nothingSaid(apiKey), { retryAfterMs: null, sent })
    }
    const limits = rateHeaders(exchange.headers)
    const told = (usage: Usage | null): Said => ({ usage, limits, keyFingerprint: apiKey.fingerprint })
    const details = { retryAfterMs: retryAfterMs(limits), sent: true }
    if (!isSuccess(exchange.status)) {
      const verdict = classifyStatus(exchange.status, exchange.body)
      return failure(adjusted(verdict, body), told(null), details)
    }
    const completion = classifyCompletion(parsed)
    if (!completion.ok) return failure(completion.verdict, told(completion.usage), details)
    return { kind: 'answer', content: completion.content, model: completion.model, ...told(completion.usage) }
  }

  /** A refused parameter is left out from now on; where that cannot be done, the configuration is to blame. */
  function adjusted(verdict: Verdict, body: Body): Verdict {
    const refused = verdict.refusedParameter
    if (refused === null || parameters.refuse(refused, body)) return verdict
    return { ...verdict, code: 'bad_configuration' }
  }

  /** A client of its own for each call (some 10 µs): its fetch knows the call's key, deadline and signal. */
  async function call(
    apiKey: string,
    body: Body,
    question: Question,
  ): Promise<{ exchange: Exchange; parsed: unknown }> {
    let exchange: Exchange | null = null as Exchange | null
    const client = new OpenAI({
      ...packageSettings,
      apiKey,
      baseURL: base.url,
      defaultQuery: base.query,
      fetch: async (url, init) => {
        exchange = await transport.post({
          url: new URL(url instanceof Request ? url.url : url),
          headers: requestHeaders(apiKey),
          body: init?.body as string,
          sendByMs: question.sendByMs,
          timeoutMs: settings.timeoutMs,
          signal: question.signal,
        })
        if (exchange.kind !== 'answered' || !isSuccess(exchange.status)) throw new NoCompletion()
        // Some servers name another type; what is no JSON is found out by parsing it.
        return new Response(exchange.body, { headers: { 'content-type': 'application/json' } })
      },
    })
    try {
      const parsed: unknown = await client.chat.completions.create(body)
      if (exchange !== null) return { exchange, parsed }
    } catch (error) {
      // No completion, or none that is JSON: what came says the rest.
      if (exchange !== null) return { exchange, parsed: null }
      throw error
    }
    throw new TypeError('the openai package answered without a request')
  }

  async function identity(): Promise<Identity> {
    const { fingerprint } = await key()
    const server = digest(settings.baseUrl)
    const way = settings.proxyUrl === null ? 'direct' : digest(new URL(settings.proxyUrl).host)
    return {
      outage: `outage:${server}:${way}`,
      route: `route:${server}:${way}`,
      key: `key:${server}:${fingerprint}`,
      // All that the remedy of a bad configuration names: a worker in which it is mended is not held by those in which it is not.
      config: `config:${digest(settings.baseUrl, settings.model, settings.responseFormat, String(settings.maxCompletionTokens))}`,
    }
  }

  return { ask, identity }
}

class NoCompletion extends Error {}

/** All that the package would otherwise take from environment variables of its own, or log. */
const packageSettings = {
  adminAPIKey: null,
  organization: null,
  project: null,
  webhookSecret: null,
  maxRetries: 0,
  timeout: PACKAGE_TIMEOUT_MS,
  logLevel: 'off',
} as const

/** Instead of the package's own headers: OPENAI_CUSTOM_HEADERS would change those. */
function requestHeaders(apiKey: string): Record<string, string> {
  return {
    authorization: `Bearer ${apiKey}`,
    'content-type': 'application/json',
    accept: 'application/json',
    'accept-encoding': 'identity',
    'user-agent': USER_AGENT,
  }
}

/** Azure's older addresses end in `?api-version=...`; the package takes a query apart from the base. */
function splitBaseUrl(baseUrl: string): { url: string; query: Record<string, string> } {
  const url = new URL(baseUrl)
  const query = Object.fromEntries(url.searchParams)
  url.search = ''
  return { url: url.href.replace(/\/$/, ''), query }
}

const NO_KEY: Verdict = { code: 'unauthorized', detail: 'OPENAI_KEY_FILE gives no key', refusedParameter: null }

function verdictOf(exchange: Exchange & { kind: 'timeout' | 'too_big' | 'broken' }): Verdict {
  if (exchange.kind === 'broken') return classifyBroken(exchange.error)
  if (exchange.kind === 'timeout') return { code: 'timeout', detail: 'no whole answer in time', refusedParameter: null }
  return { code: 'no_completion', detail: 'an answer without end', refusedParameter: null }
}

function failure(verdict: Verdict, said: Said, details: { retryAfterMs: number | null; sent: boolean }): Reply {
  return { kind: 'failure', code: verdict.code, detail: verdict.detail, ...details, ...said }
}

const nothingSaid = (key: ApiKey): Said => ({ usage: null, limits: {}, keyFingerprint: key.fingerprint })

function rateHeaders(headers: Record<string, string>): RateHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => /^(retry-after|x-ratelimit-|date$)/.test(name)))
}

const isSuccess = (status: number) => status >= 200 && status < 300

const digest = (...parts: string[]) => createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12)
