/** A real forwarding HTTP proxy: CONNECT tunnels and absolute-form requests, with credentials, over http or https. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer, request as httpRequest } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'

export interface ForwardProxyOptions {
  /** Without credentials the proxy accepts everybody. */
  credentials?: { username: string; password: string }
  /** PEM; with them the way to the proxy is https. */
  tls?: { key: string; cert: string }
}

/** What the proxy was asked for. */
export interface ProxyRequest {
  form: 'connect' | 'absolute'
  /** host:port */
  target: string
  authorized: boolean
}

export interface ForwardProxy {
  port: number
  /** For `OPENAI_PROXY_URL`, credentials included. */
  url: string
  requests(): readonly ProxyRequest[]
  /** The local ports from which it connected to its targets: any other connection to a target bypassed the proxy. */
  outgoingPorts(): ReadonlySet<number>
  /** Answers every request with this status instead of forwarding it; null: forwards again. */
  refuseWith(status: number | null): void
  /** Cuts all connections, tunnels too; new ones are served. */
  reset(): void
  /** Cuts all connections and closes the port. */
  stop: () => Promise<void>
}

const HOP_HEADERS = ['proxy-authorization', 'proxy-connection', 'connection', 'keep-alive']

function expectedHeader({ credentials }: ForwardProxyOptions): string | null {
  if (credentials === undefined) return null
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`
}

interface Books {
  requests: ProxyRequest[]
  ports: Set<number>
  sockets: Set<Socket>
  refusal: number | null
}

/** Notes every socket to a target, so that a test can tell it from one that bypassed the proxy. */
function noteOutgoing(socket: Socket, books: Books): void {
  books.sockets.add(socket)
  socket.once('connect', () => socket.localPort !== undefined && books.ports.add(socket.localPort))
  socket.once('close', () => books.sockets.delete(socket))
}

function tunnel(target: string, client: Duplex, head: Buffer, books: Books): void {
  const { hostname, port } = new URL(`http://${target}`)
  const upstream = connect(Number(port === '' ? 80 : port), hostname.replace(/^\[|\]$/g, ''))
  noteOutgoing(upstream, books)
  upstream.once('connect', () => {
    client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
    upstream.write(head)
    upstream.pipe(client)
    client.pipe(upstream)
  })
  upstream.on('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n'))
  client.on('error', () => upstream.destroy())
  client.once('close', () => upstream.destroy())
}

function forward(req: IncomingMessage, res: ServerResponse, books: Books): void {
  const headers = Object.fromEntries(Object.entries(req.headers).filter(([name]) => !HOP_HEADERS.includes(name)))
  const outgoing = httpRequest(req.url ?? '', { method: req.method ?? 'GET', headers, agent: false }, (reply) => {
    res.writeHead(reply.statusCode ?? 502, reply.headers)
    reply.pipe(res)
    reply.on('error', () => res.destroy())
  })
  outgoing.once('socket', (socket: Socket) => noteOutgoing(socket, books))
  outgoing.on('error', () => {
    if (res.headersSent) res.destroy()
    else res.writeHead(502).end()
  })
  res.once('close', () => outgoing.destroy())
  req.pipe(outgoing)
}

function serve(server: Server, options: ForwardProxyOptions, books: Books): void {
  const expected = expectedHeader(options)
  /** The status to refuse with, or null to forward; each request is noted. */
  const refusal = (req: IncomingMessage, form: ProxyRequest['form'], target: string): number | null => {
    const authorized = expected === null || req.headers['proxy-authorization'] === expected
    books.requests.push({ form, target, authorized })
    return authorized ? books.refusal : 407
  }
  server.on('connect', (req: IncomingMessage, client: Duplex, head: Buffer) => {
    const target = req.url ?? ''
    const status = refusal(req, 'connect', target)
    if (status === null) return tunnel(target, client, head, books)
    const challenge = status === 407 ? 'proxy-authenticate: Basic realm="proxy"\r\n' : ''
    client.end(`HTTP/1.1 ${status} Refused\r\n${challenge}content-length: 0\r\n\r\n`)
  })
  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    if (!URL.canParse(req.url ?? '')) return void res.writeHead(400).end()
    const status = refusal(req, 'absolute', new URL(req.url ?? '').host)
    if (status === null) return forward(req, res, books)
    res.writeHead(status, status === 407 ? { 'proxy-authenticate': 'Basic realm="proxy"' } : {}).end()
  })
}

/** Starts the proxy on a free port of 127.0.0.1. */
export async function startForwardProxy(options: ForwardProxyOptions = {}): Promise<ForwardProxy> {
  const books: Books = { requests: [], ports: new Set(), sockets: new Set(), refusal: null }
  const server: Server = options.tls === undefined ? createServer() : createTlsServer(options.tls)
  server.on('connection', (socket: Socket) => {
    books.sockets.add(socket)
    socket.once('close', () => books.sockets.delete(socket))
    socket.on('error', () => socket.destroy())
  })
  serve(server, options, books)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const { username, password } = options.credentials ?? {}
  const user = username === undefined ? '' : `${encodeURIComponent(username)}:${encodeURIComponent(password ?? '')}@`
  const reset = () => {
    for (const socket of books.sockets) socket.resetAndDestroy()
  }
  return {
    port,
    url: options.tls === undefined ? `http://${user}127.0.0.1:${port}` : `https://${user}localhost:${port}`,
    requests: () => books.requests,
    outgoingPorts: () => books.ports,
    refuseWith: (status) => {
      books.refusal = status
    },
    reset,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        reset()
      }),
  }
}
