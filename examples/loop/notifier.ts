/** Turns notifications into callbacks: signed, retried with backoff, never into the internal network. */
import { createHmac } from 'node:crypto'
import { fetch } from 'undici'
import { stringifyExact } from '../../src/lib/json.ts'
import { pause } from '../../src/lib/abortable.ts'
import type { Notification } from '../../src/schemas.ts'
import { checkUrl, RefusedAddress, safeAgent } from './safe-address.ts'
import type { Callback, Store } from './store.ts'

const TIMEOUT_MS = 10_000
const MOST_ATTEMPTS = 8
const LONGEST_BACKOFF_MS = 10 * 60_000
const POLL_MS = 100
const AT_ONCE = 16

export interface NotifierOptions {
  store: Store
  /** Shared with the receiver. */
  secret: string
  allowLoopback: boolean
  /** The first retry comes after about this long, each further one after twice as long, up to about 10 minutes; ms. */
  backoffMs?: number
}

/** What a receiver is told: the HTTP status that it would hand on to its own caller, and the notification's fields. */
export function callbackBody(told: Notification): string {
  const status = told.success ? 200 : told.wait_seconds === null ? 500 : 429
  return stringifyExact({ status, retry_after: told.wait_seconds, ...told.response, message_error: told.message_error })
}

/**
 * As standardwebhooks.com says, so that receivers may use its libraries with the same secret.
 * @param secret the key in base64, with or without `whsec_` before it
 * @param atSeconds since the epoch
 */
export function sign(secret: string, id: string, atSeconds: number, body: string): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  return `v1,${createHmac('sha256', key).update(`${id}.${atSeconds}.${body}`).digest('base64')}`
}

/** @returns what to do with each notification, and a loop that sends what is due until `signal` aborts */
export function createNotifier({ store, secret, allowLoopback, backoffMs = 1_000 }: NotifierOptions) {
  const agent = safeAgent(allowLoopback)

  /** Only writes to the database: a slow receiver delays no notification, and a restart goes on with the callbacks that are due. */
  function take(told: Notification): void {
    const { processing_id: id, callback_url: url } = told.response
    const body = callbackBody(told)
    // One outcome for each id; a later one would be a copy.
    if (!store.keepOutcome(id, body)) return
    store.note(id, told.success ? 'scored' : told.wait_seconds === null ? 'failed' : 'refused', told.message_error)
    store.enqueueCallback({ id, url, body, retryAfterSeconds: told.wait_seconds })
  }

  async function post({ id, url, body, retryAfterSeconds }: Callback): Promise<void> {
    checkUrl(url, allowLoopback)
    const atSeconds = Math.floor(Date.now() / 1_000)
    const response = await fetch(url, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/json',
        // The same at each attempt: the receiver recognises a repetition by it.
        'webhook-id': String(id),
        'webhook-timestamp': String(atSeconds),
        'webhook-signature': sign(secret, String(id), atSeconds, body),
        ...(retryAfterSeconds === null ? {} : { 'retry-after': String(retryAfterSeconds) }),
      },
      dispatcher: agent,
      // A redirect could lead anywhere.
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    await response.body?.cancel()
    if (!response.ok) throw new Refused(response.status)
  }

  async function deliver(callback: Callback): Promise<void> {
    const { id, attempts } = callback
    try {
      await post(callback)
      store.callbackTried(id, null, 'delivered')
      store.note(id, 'called back')
    } catch (error) {
      const why = reasonOf(error)
      if (isFinal(error) || attempts + 1 >= MOST_ATTEMPTS) {
        store.callbackTried(id, null, why)
        store.note(id, 'callback given up', why)
        return
      }
      const waitMs = Math.min(LONGEST_BACKOFF_MS, backoffMs * 2 ** attempts) * (0.5 + Math.random())
      store.callbackTried(id, Date.now() + waitMs, why)
      store.note(id, 'callback failed', `${why}; again in ${(waitMs / 1_000).toFixed(1)} s`)
    }
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await Promise.all(store.dueCallbacks(Date.now(), AT_ONCE).map(deliver))
      await pause(POLL_MS, signal).catch(() => {
        // Only the signal ends the loop.
      })
    }
    await agent.close()
  }

  return { take, run }
}

class Refused extends Error {
  readonly status: number
  constructor(status: number) {
    super(`HTTP ${status}`)
    this.status = status
  }
}

/** Another attempt would not help: the address is not public, or the receiver refuses the callback (a redirect counts as a refusal). */
const isFinal = (error: unknown) =>
  causeOf(error) instanceof RefusedAddress ||
  (error instanceof Refused && error.status < 500 && error.status !== 408 && error.status !== 429)

const causeOf = (error: unknown) => (error instanceof Error && error.cause instanceof Error ? error.cause : error)

/** Short, and without the URL, which may hold a token. */
function reasonOf(error: unknown): string {
  const cause = causeOf(error)
  if (cause instanceof RefusedAddress || cause instanceof Refused) return cause.message
  return (cause as NodeJS.ErrnoException).code ?? (cause as Error).name
}
