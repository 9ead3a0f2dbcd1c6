/** One chat completion by the `openai` package, over our own transport. */
import { AsyncLocalStorage } from 'node:async_hooks'
import OpenAI from 'openai'
import type { Config } from '../config.ts'
import type { Body } from './form.ts'
import type { Question } from './reply.ts'
import type { Exchange, Transport } from './transport.ts'

/** The package's own limit must never come first: it counts by the wall clock, which may jump. */
const PACKAGE_TIMEOUT_MS = 24 * 3_600_000
const USER_AGENT = 'resume-scoring-worker'

/** A call that is under way. */
interface Call {
  keyInHeaders: Record<string, string>
  question: Pick<Question, 'sendByMs' | 'onSent' | 'signal'>
  /** null: not ended. */
  exchange: Exchange | null
}

/** `parsed`: the completion; null when there is none, or none that is JSON. */
export type OpenaiCall = (
  keyInHeaders: Record<string, string>,
  body: Body,
  question: Call['question'],
) => Promise<{ exchange: Exchange; parsed: unknown }>

/** @returns what makes one HTTP request, without any retry; it rejects for a fault of ours only */
export function createOpenaiCall({
  settings,
  transport,
}: {
  settings: Pick<Config['provider'], 'baseUrl' | 'timeoutMs'>
  transport: Transport
}): OpenaiCall {
  const base = splitBaseUrl(settings.baseUrl)
  // One client for all calls, since making one takes longer than a call of it; its fetch finds here what its call is about.
  const calls = new AsyncLocalStorage<Call>()

  async function fetch(url: string | URL | Request, init?: RequestInit): Promise<Response> {
    const call = calls.getStore()
    if (call === undefined) throw new TypeError('the openai package has lost the context of its call')
    const { sendByMs, onSent, signal } = call.question
    const exchange = await transport.post({
      url: new URL(url instanceof Request ? url.url : url),
      headers: { ...call.keyInHeaders, ...requestHeaders },
      body: init?.body as string,
      sendByMs,
      onSent,
      timeoutMs: settings.timeoutMs,
      signal,
    })
    call.exchange = exchange
    if (exchange.kind !== 'answered' || !isSuccess(exchange.status)) throw new NoCompletion()
    return new TextResponse(exchange.body)
  }

  // The key is not sent: see `requestHeaders`.
  const client = new OpenAI({ ...packageSettings, apiKey: 'none', baseURL: base.url, defaultQuery: base.query, fetch })

  return async (keyInHeaders, body, question) => {
    const call: Call = { keyInHeaders, question, exchange: null }
    try {
      const parsed: unknown = await calls.run(call, () => client.chat.completions.create(body))
      if (call.exchange !== null) return { exchange: call.exchange, parsed }
    } catch (error) {
      // No completion, or none that is JSON: what came says the rest.
      if (call.exchange !== null) return { exchange: call.exchange, parsed: null }
      throw error
    }
    throw new TypeError('the openai package answered without a request')
  }
}

class NoCompletion extends Error {}

/** A text that is there already: a Response's own body is a stream, which costs more than all that the package does with it. */
class TextResponse extends Response {
  override readonly text: () => Promise<string>

  constructor(text: string) {
    // Some servers name another type; what is no JSON is found out by parsing it.
    super(null, { headers: { 'content-type': 'application/json' } })
    this.text = () => Promise.resolve(text)
  }
}

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
const requestHeaders = {
  'content-type': 'application/json',
  accept: 'application/json',
  'accept-encoding': 'identity',
  'user-agent': USER_AGENT,
}

/** Azure's older addresses end in `?api-version=...`; the package takes a query apart from the base. */
function splitBaseUrl(baseUrl: string): { url: string; query: Record<string, string> } {
  const url = new URL(baseUrl)
  const query = Object.fromEntries(url.searchParams)
  url.search = ''
  return { url: url.href.replace(/\/$/, ''), query }
}

export const isSuccess = (status: number) => status >= 200 && status < 300
