/**
 * An HTTP server for small answers on a port that anybody may reach. It cuts connections that are slow, silent or too many, so that it
 * still answers an orchestrator's probe and memory stays bounded.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { Socket } from 'node:net'

export interface Limits {
  /** Most connections at the same time. One more replaces the oldest that waits for a request. */
  connections: number
  /** From the connection (or the answer before) to the end of the request's headers. */
  headersMs: number
  /** From the request to the end of its answer, which the client may be slow to read. */
  answerMs: number
  /** How long a connection is kept open for a next request. */
  idleMs: number
  requestsPerConnection: number
}

export const LIMITS: Limits = {
  connections: 64,
  headersMs: 5_000,
  answerMs: 10_000,
  idleMs: 5_000,
  requestsPerConnection: 100,
}

const MAX_HEADER_BYTES = 8 * 1_024
/** How often Node checks connections, as a part of `headersMs`; Node's default of 30 s is too rare. */
const LOOK_EVERY_PART = 0.2

/**
 * @param handle answers a request; a request with a body gets 413 instead
 * @returns the server, which does not listen yet
 */
export function createGuardedServer(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  limits: Limits = LIMITS,
): Server {
  /** The open connections, oldest first: how many requests have come on each, and how many are being answered. */
  const connections = new Map<Socket, { came: number; answering: number }>()

  function makeRoom(): void {
    if (connections.size <= limits.connections) return
    const idle = [...connections].find(([, { answering }]) => answering === 0)
    // When every connection waits for an answer, cut the newest, the last in the map: its client may retry.
    const [socket] = idle ?? [...connections].at(-1) ?? []
    socket?.destroy()
    if (socket !== undefined) connections.delete(socket)
  }

  function serve(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request
    const state = connections.get(socket)
    if (state === undefined) return void socket.destroy()
    state.came++
    // The answer to the last allowed request closes the connection, so ignore pipelined requests after it.
    if (state.came > limits.requestsPerConnection) return
    if (state.came === limits.requestsPerConnection) response.setHeader('connection', 'close')
    state.answering++
    const limit = setTimeout(() => socket.destroy(), limits.answerMs)
    response.once('close', () => {
      clearTimeout(limit)
      state.answering--
    })
    if (!hasBody(request)) return handle(request, response)
    response.writeHead(413, { connection: 'close', 'content-length': 0 }).end()
  }

  const server = createServer(
    {
      headersTimeout: limits.headersMs,
      requestTimeout: limits.headersMs,
      keepAliveTimeout: limits.idleMs,
      // Node adds this time to the announced one.
      keepAliveTimeoutBuffer: 0,
      connectionsCheckingInterval: limits.headersMs * LOOK_EVERY_PART,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    serve,
  )
  // Otherwise Node itself answers 100 Continue and so asks for the body.
  server.on('checkContinue', serve)
  server.on('connection', (socket) => {
    connections.set(socket, { came: 0, answering: 0 })
    socket.once('close', () => connections.delete(socket))
    makeRoom()
  })
  return server
}

const hasBody = ({ headers }: IncomingMessage) =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0
