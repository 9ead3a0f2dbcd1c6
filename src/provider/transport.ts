/** One HTTP exchange on undici: the one place that opens connections to the provider. */
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, inflateRaw, zstdDecompress } from 'node:zlib'
import type { Dispatcher } from 'undici'
import { Agent, Pool, ProxyAgent } from 'undici'
import { isSocks, socksConnector } from './socks.ts'

/** For TCP, TLS and the proxy's tunnel each; longer ones are outages, not slow answers. */
const CONNECT_TIMEOUT_MS = 10_000
/**
 * An idle connection lives so long, unless the server announces less: longer than the gap between two calls at one a minute,
 * so that not every call needs a new one, and shorter than the 5 minutes after which gateways forget a connection.
 */
const IDLE_MS = 65_000
/** The largest answer that is read, bytes. One of a few thousand tokens has some 20 KB. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024
/** A time limit that is noticed this late passed while the process stood still. What arrived meanwhile is read first, for so long. */
const STALL_MS = 50
const READ_WITHIN_MS = 250

export interface Send {
  url: URL
  headers: Record<string, string>
  body: string
  /** On performance.now()'s clock, compared when a connection is ready, right before the first byte is written. */
  sendByMs: number
  /** Called right before the first byte is written. */
  onSent?: (() => void) | undefined
  /** From this call to the answer's last byte, connecting included. */
  timeoutMs: number
  signal: AbortSignal
}

export type Fetch = Pick<Send, 'url' | 'headers' | 'timeoutMs' | 'signal'>

/** How an exchange ended; `sent`: at least a part of the request may have reached the provider. */
export type Exchange =
  | { kind: 'answered'; status: number; headers: Record<string, string>; body: string }
  | { kind: 'not_sent' }
  | { kind: 'aborted'; sent: boolean }
  | { kind: 'timeout'; sent: boolean }
  | { kind: 'too_big' }
  | { kind: 'broken'; sent: boolean; error: Error }

export interface Transport {
  /** Posts once: no retry, no redirect, no other way than the proxy if there is one. Never rejects. */
  post(send: Send): Promise<Exchange>
  /** Gets in the same way. Never rejects. */
  get(fetch: Fetch): Promise<Exchange>
  /** Cuts all connections. */
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
  // One connection per call in flight, so that one that stalls stalls no other.
  allowH2: false,
  pipelining: 1,
  connectTimeout: CONNECT_TIMEOUT_MS,
  keepAliveTimeout: IDLE_MS,
  keepAliveMaxTimeout: IDLE_MS,
  // exchange() limits the whole exchange.
  headersTimeout: 0,
  bodyTimeout: 0,
}

function dispatcherFor(uri: string | null): Dispatcher {
  if (uri === null) return new Agent(poolOptions)
  if (isSocks(uri)) return new Agent({ ...poolOptions, connect: socksConnector(uri, CONNECT_TIMEOUT_MS) })
  return new ProxyAgent({
    ...poolOptions,
    uri,
    // ProxyAgent does not hand its options on to these two. The first asks the proxy for tunnels, and only for those.
    clientFactory: (origin, options) =>
      new Pool(origin, { ...options, ...poolOptions, headersTimeout: CONNECT_TIMEOUT_MS }),
    factory: (origin, options: object) => new Pool(origin, { ...options, ...poolOptions }),
  })
}

/** Stops undici before it writes; thrown, not aborted, since an abort would close the connection. */
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
  // After a stall Node runs timers first, while a paid answer that came in time may still be unread.
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

/** The standard's `deflate` has zlib's header and checksum. Some servers leave both out. */
const inflateEither: Decode = async (body, options) => {
  try {
    return await promisify(inflate)(body, options)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'Z_DATA_ERROR') throw error
    return await wholeRaw(body, options)
  }
}

/** Without a checksum a plain text may look like a short stream: only what is one to its last byte is taken for it. */
function wholeRaw(body: Buffer, options: { maxOutputLength: number }): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  inflateRaw(body, { ...options, info: true }, (error, result) => {
    if (error !== null) return reject(error)
    const { buffer, engine } = result as unknown as { buffer: Buffer; engine: { bytesWritten: number } }
    if (engine.bytesWritten === body.length) resolve(buffer)
    else reject(new Error('no deflate stream'))
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
 * Some gateways compress although `identity` was asked for. What cannot be decoded stays as it came: it is no JSON.
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

/** @returns the headers by lower-case name; of a header that came several times, the first */
function plainHeaders(fields: Record<string, string | string[] | undefined>): Record<string, string> {
  const plain: Record<string, string> = {}
  for (const [name, value] of Object.entries(fields)) {
    const first = Array.isArray(value) ? value[0] : value
    if (first !== undefined) plain[name.toLowerCase()] = first
  }
  return plain
}
