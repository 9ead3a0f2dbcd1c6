/**
 * Tokens for SASL OAUTHBEARER, by the client credentials grant (RFC 6749, 4.4). kafkajs asks at each login and each
 * re-authentication; all connections share one token, and one request for it.
 */
import kafkajs from 'kafkajs'
import type { OauthbearerProviderResponse } from 'kafkajs'
import type { Config } from '../config.ts'
import type { Log } from '../logging/log.ts'

const { KafkaJSNonRetriableError } = kafkajs

export type OauthSettings = Extract<Config['kafka']['sasl'], { mechanism: 'oauthbearer' }>

/** Shorter than the 10 s that kafkajs gives a login. */
const REQUEST_TIMEOUT_MS = 5_000
/** The assumed life of a token whose answer has no `expires_in`, which the standard only recommends. */
const DEFAULT_LIFE_SECONDS = 60
/**
 * A token is handed out only in the first half of its life: a Kafka session ends with its token, so an old token would force a
 * re-authentication soon after the login.
 */
const FRESH_PART = 0.5
/** After a failure the endpoint is not asked again for this time, because consumer, producers and admin client all retry at once. */
const FAILED_FOR_MS = 1_000
const REASON_MAX_LENGTH = 300
const TOKEN_MAX_BYTES = 64 * 1_024

export interface TokenOptions {
  fetch?: typeof fetch
  /** performance.now() */
  now?: () => number
}

interface Token {
  value: string
  freshUntilMs: number
  expiresAtMs: number
}

/**
 * @returns a function that gives a token with at least half of its life left, or, while the endpoint gives no other, one that has not
 * expired. It rejects with a KafkaJSNonRetriableError that gives the reason and holds no secret
 */
export function createTokenSource(settings: OauthSettings, log: Log, options: TokenOptions = {}) {
  const { fetch = globalThis.fetch, now = () => performance.now() } = options
  let token: Token | null = null
  let asking: Promise<Token> | null = null
  let failure: { error: Error; untilMs: number } | null = null

  async function renew(): Promise<Token> {
    const askedAtMs = now()
    try {
      const { value, lifeMs } = await requestToken(settings, fetch)
      token = { value, freshUntilMs: askedAtMs + lifeMs * FRESH_PART, expiresAtMs: askedAtMs + lifeMs }
      if (failure !== null) log.info('there are tokens for Kafka again')
      failure = null
      return token
    } catch (error) {
      const reason = withoutSecret((error as Error).message, settings)
      const refused = new KafkaJSNonRetriableError(`SASL OAUTHBEARER: no token from KAFKA_OAUTH_TOKEN_URL: ${reason}`)
      if (failure === null) log.warn('there is no token for Kafka', { reason })
      failure = { error: refused, untilMs: now() + FAILED_FOR_MS }
      throw refused
    }
  }

  function ask(): Promise<Token> {
    if (failure !== null && now() < failure.untilMs) return Promise.reject(failure.error)
    asking ??= renew().finally(() => (asking = null))
    return asking
  }

  return async (): Promise<OauthbearerProviderResponse & { extensions: Record<string, string> }> => {
    const known = token
    const { value } =
      known !== null && now() < known.freshUntilMs
        ? known
        : await ask().catch((error: unknown) => {
            if (known !== null && now() < known.expiresAtMs) return known
            throw error
          })
    return { value, extensions: settings.extensions }
  }
}

/** @throws Error whose message says what is wrong with the answer, or that there is none */
async function requestToken(settings: OauthSettings, fetch: typeof globalThis.fetch) {
  const { tokenUrl, scope } = settings
  const response = await fetch(tokenUrl, {
    method: 'POST',
    headers: { accept: 'application/json', authorization: `Basic ${credentialsOf(settings)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...(scope === null ? {} : { scope }) }),
    // No redirects: the secret is sent only to the configured address.
    redirect: 'error',
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  }).catch((error: unknown) => {
    throw new Error(whyUnreachable(error), { cause: error })
  })
  const answer = parseAnswer(await readText(response))
  if (!response.ok) {
    const told = [answer['error'], answer['error_description']].filter((each) => typeof each === 'string')
    throw new Error(`it refuses with ${[response.status, ...told].join(', ')}`)
  }
  const { access_token: value, expires_in: seconds = DEFAULT_LIFE_SECONDS } = answer
  // Other characters could end the SASL message early or begin another field of it (RFC 6750, 2.1).
  if (typeof value !== 'string' || !/^[\w.~+/-]+=*$/.test(value)) throw new Error('its answer holds no access_token')
  // Some servers send the number as a string.
  const life = Number(seconds)
  if (!(life > 0)) throw new Error('its answer has an expires_in that is not a positive number')
  return { value, lifeMs: life * 1_000 }
}

/** RFC 6749, 2.3.1: both are form-encoded before they are joined. Every server has to accept HTTP Basic credentials. */
const credentialsOf = ({ clientId, clientSecret }: OauthSettings) =>
  Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString('base64')

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += (chunk as Uint8Array).length
    if (bytes > TOKEN_MAX_BYTES) throw new Error('its answer is too large for a token')
    chunks.push(chunk as Uint8Array)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseAnswer(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** @returns why the request failed: fetch()'s error says only that it failed, its causes say why */
function whyUnreachable(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${REQUEST_TIMEOUT_MS / 1_000} s`
  const causes: string[] = []
  for (let each = error; each instanceof Error; each = each.cause) {
    if (each instanceof AggregateError && each.errors.length > 0) causes.push((each.errors[0] as Error).message)
    else if (each.message !== '') causes.push(each.message)
  }
  return causes.at(-1) ?? 'it cannot be reached'
}

/** Removes the secret, which a server may quote, and control characters, and shortens the text. */
function withoutSecret(text: string, settings: OauthSettings): string {
  const { clientSecret } = settings
  let clean = text.replace(/\p{Cc}+/gu, ' ')
  for (const secret of [clientSecret, encodeURIComponent(clientSecret), credentialsOf(settings)]) {
    clean = clean.replaceAll(secret, '***')
  }
  return clean.length > REASON_MAX_LENGTH ? `${clean.slice(0, REASON_MAX_LENGTH)}...` : clean
}
