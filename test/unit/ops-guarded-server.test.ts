/** What clients on raw sockets can do to the probes' port, with limits that are short enough to wait for. */
import { once } from 'node:events'
import type { RequestListener, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { Log } from '../../src/logging/log.ts'
import type { Limits } from '../../src/ops/guarded-server.ts'
import { createGuardedServer, LIMITS } from '../../src/ops/guarded-server.ts'
import type { OpsServer } from '../../src/ops/server.ts'
import { startOpsServer } from '../../src/ops/server.ts'

const SHORT: Limits = { connections: 8, headersMs: 400, answerMs: 400, idleMs: 400, requestsPerConnection: 20 }
/** Nothing here waits for so long where all is well. */
const NEVER_MS = 60_000
const quiet = () => {}
const log: Log = { error: quiet, warn: quiet, info: quiet, debug: quiet }
const servers: OpsServer[] = []
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

interface Counted {
  port: number
  readings: () => number
  /** Lets the readings that are under way end. */
  release: () => void
}

async function start(limits: Limits, { held = false } = {}): Promise<Counted> {
  let readings = 0
  const gate = Promise.withResolvers<void>()
  if (!held) gate.resolve()
  const render = async () => {
    readings++
    await gate.promise
    return 'metric 1\n'
  }
  const readiness = async () => {
    readings++
    await gate.promise
    return { ready: true, checks: {} }
  }
  const server = await startOpsServer({
    host: '127.0.0.1',
    port: 0,
    metrics: { contentType: 'text/plain', render },
    readiness,
    log,
    limits,
  })
  servers.push(server)
  return { port: server.port, readings: () => readings, release: () => gate.resolve() }
}

/** The server without the routes. */
async function listening(handle: RequestListener, limits: Partial<Limits> = {}): Promise<{ port: number }> {
  const server = createGuardedServer(handle, { ...SHORT, ...limits })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  servers.push({ port, close: async () => void server.close() })
  return { port }
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  socket.on('error', quiet)
  await once(socket, 'connect')
  return socket
}

/** Resolves with what came until the server closed the connection. */
async function untilClosed(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  if (socket.closed) return text
  // events.once() would reject with an error that comes first, such as a reset.
  await new Promise((resolve) => socket.once('close', resolve))
  return text
}

const isWell = async (port: number) => (await fetch(`http://127.0.0.1:${port}/livez`)).ok

test('headers have 5 s, and no more than 64 connections are held', () => {
  expect(LIMITS).toMatchObject({ headersMs: 5_000, connections: 64 })
})

describe('a client is cut', () => {
  test('that says nothing', async () => {
    const { port } = await start(SHORT)
    expect(await untilClosed(await open(port))).toMatch(/^(HTTP\/1.1 408 .*)?$/s)
  })

  test('that sends its headers byte by byte', async () => {
    const { port } = await start(SHORT)
    const socket = await open(port)
    const bytes = Array.from('GET /metrics HTTP/1.1\r\nhost: x\r\nx-slow: ')
    const drip = setInterval(() => socket.write(bytes.shift() ?? 'x'), 20)
    socket.once('close', () => clearInterval(drip))
    expect(await untilClosed(socket)).toMatch(/^HTTP\/1.1 408 /)
  })

  test('that sends more headers than anybody needs', async () => {
    const { port } = await start({ ...SHORT, headersMs: NEVER_MS })
    const socket = await open(port)
    socket.write(`GET /metrics HTTP/1.1\r\n${'x-many: x\r\n'.repeat(2_000)}`)
    expect(await untilClosed(socket)).toMatch(/^HTTP\/1.1 431 /)
  })

  test('that has got its answer and stays', async () => {
    const { port } = await start({ ...SHORT, headersMs: NEVER_MS })
    const socket = await open(port)
    socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
    expect(await untilClosed(socket)).toMatch(/^HTTP\/1.1 200 .*ok\n$/s)
  })

  test('that does not read its answer', async () => {
    const cut = Promise.withResolvers<boolean>()
    const server = await listening((_request, response) => {
      response.once('close', () => cut.resolve(!response.writableFinished))
      // More than the kernel's buffers take.
      response.end(Buffer.alloc(30_000_000))
    })
    const socket = await open(server.port)
    socket.pause()
    socket.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n')
    expect(await cut.promise).toBe(true)
  })
})

describe('a body is refused', () => {
  test.each([
    ['of a known length', 'content-length: 1000000'],
    ['of an unknown length', 'transfer-encoding: chunked'],
    ['that waits to be asked for', 'content-length: 1000000\r\nexpect: 100-continue'],
  ])('%s', async (_name, headers) => {
    const { port, readings } = await start({ ...SHORT, headersMs: NEVER_MS, idleMs: NEVER_MS })
    const socket = await open(port)
    socket.write(`GET /metrics HTTP/1.1\r\nhost: x\r\n${headers}\r\n\r\n`)
    const answer = await untilClosed(socket)
    expect(answer).toMatch(/^HTTP\/1.1 413 /)
    expect(answer).toMatch(/^connection: close/im)
    expect(readings()).toBe(0)
  })
})

describe('many clients', () => {
  test('that say nothing do not keep a probe out, which comes later', async () => {
    const { port } = await start({ ...SHORT, headersMs: NEVER_MS })
    const silent = await Promise.all(Array.from({ length: 5 * SHORT.connections }, () => open(port)))
    expect(await isWell(port)).toBe(true)
    expect(silent.filter((socket) => !socket.closed && !socket.readableEnded).length).toBeLessThanOrEqual(
      SHORT.connections,
    )
  })

  test('that wait for an answer are no more than are allowed; the newest is turned away', async () => {
    const waiting: ServerResponse[] = []
    const { port } = await listening((_request, response) => void waiting.push(response), { answerMs: NEVER_MS })
    const answers = Array.from({ length: SHORT.connections }, async () => {
      const socket = await open(port)
      socket.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
      return untilClosed(socket)
    })
    await expect.poll(() => waiting.length, { timeout: NEVER_MS }).toBe(SHORT.connections)
    expect(await untilClosed(await open(port))).toBe('')
    for (const response of waiting) response.end('answered')
    for (const answer of await Promise.all(answers)) expect(answer).toMatch(/answered/)
  })

  test('that scrape at once cost one reading; the next one is a new reading', async () => {
    const { port, release, readings } = await start(LIMITS, { held: true })
    const get = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text()
    const scrapes = Array.from({ length: 30 }, () => get('/metrics'))
    const probes = Array.from({ length: 20 }, () => get('/readyz'))
    await expect.poll(readings, { timeout: NEVER_MS }).toBe(2)
    // Answered behind all the others, which have therefore arrived.
    expect(await isWell(port)).toBe(true)
    release()
    expect(new Set(await Promise.all(scrapes))).toEqual(new Set(['metric 1\n']))
    await Promise.all(probes)
    expect(readings()).toBe(2)
    await get('/metrics')
    expect(readings()).toBe(3)
  })

  test('requests of one connection are bounded, however they are packed', async () => {
    const { port } = await start({ ...SHORT, headersMs: NEVER_MS, idleMs: NEVER_MS })
    const socket = await open(port)
    socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(1_000))
    const answered = (await untilClosed(socket)).split('HTTP/1.1 200 ').length - 1
    expect(answered).toBe(SHORT.requestsPerConnection)
  })
})

test('all addresses are those of IPv4 too', async () => {
  const server = await startOpsServer({
    host: '::',
    port: 0,
    metrics: { contentType: 'text/plain', render: () => Promise.resolve('') },
    readiness: () => Promise.resolve({ ready: true, checks: {} }),
    log,
  })
  servers.push(server)
  expect(await isWell(server.port)).toBe(true)
})
