/** HTTP exchanges over undici. No other file opens connections to the provider. */
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, inflateRaw, zstdDecompress } from 'node:zlib'
import type { Dispatcher } from 'undici'
import { Agent, Pool, ProxyAgent } from 'undici'
import { isSocks, socksConnector } from './socks.ts'

/** Limit for TCP, TLS and the proxy's tunnel, each. A connection that takes longer is an outage, not a slow answer. */
const CONNECT_TIMEOUT_MS = 10_000
/**
 * How long an idle connection is kept, unless the server announces less: more than the gap between calls at one a minute, so that
 * not every call needs a new one, and less than the 5 minutes after which gateways drop a connection.
 */
const IDLE_MS = 65_000
/** The most bytes of an answer: a larger one ends as `too_big`. An answer of a few thousand tokens has some 20 KB. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024
/** A timer that fires this late shows that the process was blocked or frozen. */
const STALL_MS = 50
/** After such a stall, an answer that has arrived in the meantime may still be read for this long. */
const READ_WITHIN_MS = 250

export interface Send {
  url: URL
  headers: Record<string, string>
  body: string
  /** On performance.now()'s clock; checked once a connection is ready, right before the first byte is written. */
  sendByMs: number
  /** Called right before the first byte is written. */
  onSent?: (() => void) | undefined
  /** From this call to the answer's last byte, connecting included. */
  timeoutMs: number
  signal: AbortSignal
}

export type Fetch = Pick<Send, 'url' | 'headers' | 'timeoutMs' | 'signal'>

/** How an exchange ended. `sent`: a part of the request may have reached the provider. */
export type Exchange =
  | { kind: 'answered'; status: number; headers: Record<string, string>; body: string }
  | { kind: 'not_sent' }
  | { kind: 'aborted'; sent: boolean }
  | { kind: 'timeout'; sent: boolean }
  | { kind: 'too_big' }
  | { kind: 'broken'; sent: boolean; error: Error }

export interface Transport {
  /** Posts once, without retry or redirect, and only through the proxy if there is one. Never rejects. */
  post(send: Send): Promise<Exchange>
  /** Gets in the same way. Never rejects. */
  get(fetch: Fetch): Promise<Exchange>
  /** Closes all connections at once. */
  close(): Promise<void>
}

/** @param proxyUrl http, https or socks5, with or without credentials; null connects directly */
export function createTransport(proxyUrl: string | null): Transport {
  const dispatcher = dispatcherFor(proxyUrl)
  return {
    post: (send) => exchange(dispatcher, 'POST', send),
    get: (fetch) => exchange(dispatcher, 'GET', { ...fetch, body: '', sendByMs: Infinity }),
    close: () => dispatcher.destroy(),
  }
}

const poolOptions = {
  // One connection per call in flight, so that a stalled one does not stall others.
  allowH2: false,
  pipelining: 1,
  connectTimeout: CONNECT_TIMEOUT_MS,
  keepAliveTimeout: IDLE_MS,
  keepAliveMaxTimeout: IDLE_MS,
  // No limits here: exchange() limits the whole exchange.
  headersTimeout: 0,
  bodyTimeout: 0,
}

function dispatcherFor(uri: string | null): Dispatcher {
  if (uri === null) return new Agent(poolOptions)
  if (isSocks(uri)) return new Agent({ ...poolOptions, connect: socksConnector(uri, CONNECT_TIMEOUT_MS) })
  return new ProxyAgent({
    ...poolOptions,
    uri,
    // ProxyAgent does not pass its options on to these two. The first only asks the proxy for tunnels.
    clientFactory: (origin, options) =>
      new Pool(origin, { ...options, ...poolOptions, headersTimeout: CONNECT_TIMEOUT_MS }),
    factory: (origin, options: object) => new Pool(origin, { ...options, ...poolOptions }),
  })
}

/** Thrown to stop undici before it writes. Aborting instead would close the connection. */
class NotWanted extends Error {}

function exchange(dispatcher: Dispatcher, method: 'GET' | 'POST', send: Send): Promise<Exchange> {
  const { promise, resolve } = Promise.withResolvers<Exchange>()
  let over = false
  let sent = false
  let stop: (() => void) | null = null

  const finish = (outcome: Exchange) => {
    if (over) return
    over = true
    clearTimeout(timer)
    send.signal.removeEventListener('abort', onAbort)
    resolve(outcome)
    if (outcome.kind !== 'answered') stop?.()
  }
  const onAbort = () => finish({ kind: 'aborted', sent })
  const dueMs = performance.now() + send.timeoutMs
  const giveUp = () => finish({ kind: 'timeout', sent })
  // After a stall, Node runs timers before it reads sockets, where a paid answer may wait that came in time.
  const onTime = () => {
    if (performance.now() < dueMs + STALL_MS) giveUp()
    else timer = setTimeout(giveUp, READ_WITHIN_MS)
  }
  let timer = setTimeout(onTime, send.timeoutMs)
  send.signal.addEventListener('abort', onAbort, { once: true })
  if (send.signal.aborted) onAbort()

  let status = 0
  let headers: Record<string, string> = {}
  let bytes = 0
  const chunks: Buffer[] = []
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(controller) {
      // The call may have ended while its connection was being made.
      if (!over && performance.now() > send.sendByMs) finish({ kind: 'not_sent' })
      if (over) throw new NotWanted()
      sent = true
      send.onSent?.()
      stop = () => controller.abort(new NotWanted())
    },
    onResponseStart(_controller, statusCode, fields) {
      status = statusCode
      headers = plainHeaders(fields)
    },
    onResponseData(_controller, chunk) {
      bytes += chunk.length
      if (bytes > MAX_ANSWER_BYTES) finish({ kind: 'too_big' })
      else chunks.push(chunk)
    },
    onResponseEnd() {
      void decoded(Buffer.concat(chunks), headers['content-encoding']).then((body) => {
        finish(body === null ? { kind: 'too_big' } : { kind: 'answered', status, headers, body: body.toString('utf8') })
      })
    },
    onResponseError(_controller, error) {
      finish({ kind: 'broken', sent, error })
    },
  }
  const { origin, pathname, search } = send.url
  try {
    if (!over)
      dispatcher.dispatch(
        { origin, path: pathname + search, method, headers: send.headers, body: method === 'GET' ? null : send.body },
        handler,
      )
  } catch (error) {
    finish({ kind: 'broken', sent, error: error as Error })
  }
  return promise
}

type Decode = (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>

/** Standard `deflate` has zlib's header and checksum, which some servers leave out. */
const inflateEither: Decode = async (body, options) => {
  try {
    return await promisify(inflate)(body, options)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'Z_DATA_ERROR') throw error
    return await wholeRaw(body, options)
  }
}

/** Without a checksum, a plain text may begin like a stream, so the stream must end with the last byte. */
function wholeRaw(body: Buffer, options: { maxOutputLength: number }): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  inflateRaw(body, { ...options, info: true }, (error, result) => {
    if (error !== null) return reject(error)
    const { buffer, engine } = result as unknown as { buffer: Buffer; engine: { bytesWritten: number } }
    if (engine.bytesWritten === body.length) resolve(buffer)
    else reject(new Error('not a deflate stream'))
  })
  return promise
}

const DECODERS = new Map<string, Decode>([
  ['gzip', promisify(gunzip)],
  ['x-gzip', promisify(gunzip)],
  ['deflate', inflateEither],
  ['br', promisify(brotliDecompress)],
  ['zstd', promisify(zstdDecompress)],
])

/**
 * Some gateways compress although the request asks for `identity`. A body that cannot be decoded is returned as received; it is no
 * JSON then.
 * @returns null for an answer that is too big once it is decoded
 */
async function decoded(body: Buffer, encoding = ''): Promise<Buffer | null> {
  let plain = body
  // Encodings are listed in the order in which they were applied.
  for (const name of encoding.toLowerCase().split(',').toReversed()) {
    const decode = DECODERS.get(name.trim())
    if (decode === undefined || plain.length === 0) continue
    try {
      plain = await decode(plain, { maxOutputLength: MAX_ANSWER_BYTES })
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? null : body
    }
  }
  return plain
}

/** @returns the headers by lower-case name; of a repeated header, the first */
function plainHeaders(fields: Record<string, string | string[] | undefined>): Record<string, string> {
  const plain: Record<string, string> = {}
  for (const [name, value] of Object.entries(fields)) {
    const first = Array.isArray(value) ? value[0] : value
    if (first !== undefined) plain[name.toLowerCase()] = first
  }
  return plain
}
