/** Makes one chat completion with the `openai` package, over our own transport. */
import { AsyncLocalStorage } from 'node:async_hooks'
import OpenAI from 'openai'
import type { Config } from '../config.ts'
import type { Body } from './form.ts'
import type { Question } from './reply.ts'
import type { Exchange, Transport } from './transport.ts'

/** The package's time limit uses the wall clock, which may jump, so it must never apply before ours. */
const PACKAGE_TIMEOUT_MS = 24 * 3_600_000
const USER_AGENT = 'resume-scoring-worker'

/** A call in flight. */
interface Call {
  keyInHeaders: Record<string, string>
  question: Pick<Question, 'sendByMs' | 'onSent' | 'signal'>
  /** null until the exchange has ended. */
  exchange: Exchange | null
}

/** `parsed`: the body of a success as JSON; null when there is none. */
export type OpenaiCall = (
  keyInHeaders: Record<string, string>,
  body: Body,
  question: Call['question'],
) => Promise<{ exchange: Exchange; parsed: unknown }>

/** @returns a function that makes one HTTP request, without a retry; it rejects only because of a bug */
export function createOpenaiCall({
  settings,
  transport,
}: {
  settings: Pick<Config['provider'], 'baseUrl' | 'timeoutMs'>
  transport: Transport
}): OpenaiCall {
  const base = splitBaseUrl(settings.baseUrl)
  // All calls share one client, because creating one takes longer than a call. Here `fetch` finds the call that it works for.
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

  // This key is never sent: `fetch` replaces the package's headers.
  const client = new OpenAI({ ...packageSettings, apiKey: 'none', baseURL: base.url, defaultQuery: base.query, fetch })

  return async (keyInHeaders, body, question) => {
    const call: Call = { keyInHeaders, question, exchange: null }
    try {
      const parsed: unknown = await calls.run(call, () => client.chat.completions.create(body))
      if (call.exchange !== null) return { exchange: call.exchange, parsed }
    } catch (error) {
      // No completion, or no JSON: the exchange has the details.
      if (call.exchange !== null) return { exchange: call.exchange, parsed: null }
      throw error
    }
    throw new TypeError('the openai package answered without a request')
  }
}

class NoCompletion extends Error {}

/** A Response whose text is known. A usual body is a stream, which costs more than all that the package does with it. */
class TextResponse extends Response {
  override readonly text: () => Promise<string>

  constructor(text: string) {
    // Always JSON, because some servers name another type for it; parsing shows whether it is.
    super(null, { headers: { 'content-type': 'application/json' } })
    this.text = () => Promise.resolve(text)
  }
}

/** Settings that the package would otherwise read from its own environment variables, and no logging of its own. */
const packageSettings = {
  adminAPIKey: null,
  organization: null,
  project: null,
  webhookSecret: null,
  maxRetries: 0,
  timeout: PACKAGE_TIMEOUT_MS,
  logLevel: 'off',
} as const

/** Replace the package's own headers, which OPENAI_CUSTOM_HEADERS could change. */
const requestHeaders = {
  'content-type': 'application/json',
  accept: 'application/json',
  'accept-encoding': 'identity',
  'user-agent': USER_AGENT,
}

/** Azure's older addresses end in `?api-version=...`, and the package expects the query separately. */
function splitBaseUrl(baseUrl: string): { url: string; query: Record<string, string> } {
  const url = new URL(baseUrl)
  const query = Object.fromEntries(url.searchParams)
  url.search = ''
  return { url: url.href.replace(/\/$/, ''), query }
}

export const isSuccess = (status: number) => status >= 200 && status < 300
