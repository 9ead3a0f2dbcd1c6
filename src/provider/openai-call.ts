/** One chat completion by the `openai` package, over our own transport. */
import OpenAI from 'openai'
import type { Config } from '../config.ts'
import type { Body } from './form.ts'
import type { Question } from './reply.ts'
import type { Exchange, Transport } from './transport.ts'

/** The package's own limit must never come first: it counts by the wall clock, which may jump. */
const PACKAGE_TIMEOUT_MS = 24 * 3_600_000
const USER_AGENT = 'resume-scoring-worker'

/** `parsed`: the completion; null when there is none, or none that is JSON. */
export type OpenaiCall = (
  keyInHeaders: Record<string, string>,
  body: Body,
  question: Pick<Question, 'sendByMs' | 'onSent' | 'signal'>,
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

  // A client of its own for each call (some 10 µs): its fetch knows the call's key, deadline and signal.
  return async (keyInHeaders, body, question) => {
    let exchange: Exchange | null = null as Exchange | null
    const client = new OpenAI({
      ...packageSettings,
      // Not sent: see `requestHeaders`.
      apiKey: 'none',
      baseURL: base.url,
      defaultQuery: base.query,
      fetch: async (url, init) => {
        exchange = await transport.post({
          url: new URL(url instanceof Request ? url.url : url),
          headers: { ...keyInHeaders, ...requestHeaders },
          body: init?.body as string,
          sendByMs: question.sendByMs,
          onSent: question.onSent,
          timeoutMs: settings.timeoutMs,
          signal: question.signal,
        })
        if (exchange.kind !== 'answered' || !isSuccess(exchange.status)) throw new NoCompletion()
        return new TextResponse(exchange.body)
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
