import { once } from 'node:events'
import type { IncomingMessage, RequestListener } from 'node:http'
import { createServer as createHttpServer, request } from 'node:http'
import { request as tlsRequest } from 'node:https'
import type { AddressInfo, Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ProxyAgent, fetch } from 'undici'
import { afterEach, describe, expect, test } from 'vitest'
import { makeCertificate } from '../support/certificate.ts'
import type { ForwardProxyOptions } from '../support/proxy.ts'
import { startForwardProxy } from '../support/proxy.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { waitUntil } from '../support/wait.ts'

const LIMIT_MS = 20_000

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** @returns the port */
async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A TCP proxy before a server that sends everything back. */
async function echoThrough(onChunk?: (direction: string, chunk: Buffer) => void) {
  const port = await listening(createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)))
  const proxy = await startTcpProxy({ to: { host: '127.0.0.1', port }, ...(onChunk === undefined ? {} : { onChunk }) })
  cleanups.push(proxy.stop)
  return proxy
}

async function client(port: number) {
  const socket = connect(port, '127.0.0.1')
  const seen = { text: '', closed: false, error: '' }
  socket.on('data', (chunk: Buffer) => (seen.text += chunk.toString()))
  socket.on('error', (error: NodeJS.ErrnoException) => (seen.error = error.code ?? error.message))
  socket.on('close', () => (seen.closed = true))
  cleanups.push(() => socket.destroy())
  await Promise.race(['connect', 'close'].map((event) => new Promise((resolve) => void socket.once(event, resolve))))
  return { socket, seen, says: (text: string) => socket.write(text) }
}

const until = (done: () => boolean, what: string) => waitUntil(done, LIMIT_MS, () => what)

describe('the TCP proxy', () => {
  test('passes everything both ways, and the end of a stream', async () => {
    const proxy = await echoThrough()
    const { socket, seen } = await client(proxy.port)
    const large = 'x'.repeat(2_000_000)
    socket.end(large)
    await until(() => seen.closed, 'the end did not come through')
    expect(seen.text.length).toBe(large.length)
    expect([proxy.bytes('up'), proxy.bytes('down')]).toEqual([2_000_000, 2_000_000])
    expect([proxy.accepted(), proxy.connections()]).toEqual([1, 0])
  })

  test('cuts what is open and refuses what is new until it is healed', async () => {
    const proxy = await echoThrough()
    const before = await client(proxy.port)
    before.says('a')
    await until(() => before.seen.text === 'a', 'no echo')
    proxy.cut()
    await until(() => before.seen.closed, 'the open connection was not cut')
    expect(before.seen.error).toBe('ECONNRESET')
    const during = await client(proxy.port)
    during.says('b')
    await until(() => during.seen.closed, 'a new connection was let in')
    proxy.heal()
    const after = await client(proxy.port)
    after.says('c')
    await until(() => after.seen.text === 'c', 'no echo after the healing')
    expect(during.seen.text).toBe('')
  })

  test('can let requests through and swallow the replies, which come once it is healed', async () => {
    let arrived = 0
    const proxy = await echoThrough((direction, chunk) => (arrived += direction === 'up' ? chunk.length : 0))
    const { seen, says } = await client(proxy.port)
    proxy.silence('down')
    says('ab')
    await until(() => arrived === 2, 'the request did not get through')
    await sleep(100)
    expect(seen).toEqual({ text: '', closed: false, error: '' })
    proxy.heal()
    await until(() => seen.text === 'ab', 'the reply was lost')
  })

  test('holds requests back in a full silence, and keeps their order', async () => {
    const proxy = await echoThrough()
    const { seen, says } = await client(proxy.port)
    proxy.silence()
    for (let i = 0; i < 200; i += 1) {
      says(`${i},`)
      await sleep(0)
    }
    expect(proxy.bytes('up')).toBe(0)
    proxy.heal()
    await until(() => seen.text.endsWith('199,'), 'not everything came')
    expect(seen.text).toBe(Array.from({ length: 200 }, (_, i) => `${i},`).join(''))
  })

  test('delays each piece, not the connection as a whole', async () => {
    const proxy = await echoThrough()
    const { seen, says } = await client(proxy.port)
    proxy.delay(200)
    const begun = performance.now()
    for (let i = 0; i < 10; i += 1) {
      says('x')
      await sleep(10)
    }
    await until(() => seen.text.length === 10, 'not everything came')
    expect(performance.now() - begun).toBeGreaterThanOrEqual(400)
    // Ten pieces one after another would take 4 s.
    expect(performance.now() - begun).toBeLessThan(3_000)
  })

  test('lets a test cut at the very piece that it waits for', async () => {
    const proxy = await echoThrough((direction, chunk) => {
      if (direction === 'down' && chunk.includes('z')) proxy.cut()
    })
    const { seen, says } = await client(proxy.port)
    says('z')
    await until(() => seen.closed, 'it was not cut')
    expect(seen.text).toBe('')
  })

  test('resets its client when the server is not there', async () => {
    const server = createServer()
    const port = await listening(server)
    await new Promise<void>((resolve) => server.close(() => resolve()))
    const proxy = await startTcpProxy({ to: { host: '127.0.0.1', port } })
    cleanups.push(proxy.stop)
    const { seen } = await client(proxy.port)
    await until(() => seen.closed, 'the client was left waiting')
    expect(seen.error).toBe('ECONNRESET')
  })
})

describe('the forwarding proxy', () => {
  const credentials = { username: 'worker', password: 'p@ss:word' }

  async function targetAndProxy(options: ForwardProxyOptions) {
    const cameFrom: number[] = []
    const listener: RequestListener = (req, res) => {
      cameFrom.push(req.socket.remotePort ?? 0)
      res.end(`${req.method} ${req.url} ${req.headers['proxy-authorization'] ?? 'no credentials'}`)
    }
    const port = await listening(createHttpServer(listener))
    const proxy = await startForwardProxy(options)
    cleanups.push(proxy.stop)
    return { target: `127.0.0.1:${port}`, proxy, cameFrom }
  }

  async function tunnelled(target: string, agent: ProxyAgent): Promise<string> {
    cleanups.push(() => agent.destroy())
    return (await fetch(`http://${target}/path`, { dispatcher: agent })).text()
  }

  test('tunnels, shows which sockets are its own, and passes no credentials on', async () => {
    const { target, proxy, cameFrom } = await targetAndProxy({ credentials })
    const agent = new ProxyAgent({ uri: proxy.url, proxyTunnel: true })
    expect(await tunnelled(target, agent)).toBe('GET /path no credentials')
    expect(proxy.requests()).toEqual([{ form: 'connect', target, authorized: true }])
    expect(cameFrom.every((port) => proxy.outgoingPorts().has(port))).toBe(true)
    expect(await (await fetch(`http://${target}/`)).text()).toContain('no credentials')
    expect(cameFrom.every((port) => proxy.outgoingPorts().has(port))).toBe(false)
  })

  test('tunnels over https', async () => {
    const tls = makeCertificate()
    const { target, proxy } = await targetAndProxy({ tls, credentials })
    const agent = new ProxyAgent({ uri: proxy.url, proxyTunnel: true, proxyTls: { ca: tls.cert } })
    expect(await tunnelled(target, agent)).toBe('GET /path no credentials')
    const stranger = new ProxyAgent({ uri: proxy.url, proxyTunnel: true })
    await expect(tunnelled(target, stranger)).rejects.toThrow('fetch failed')
  })

  async function absolute(port: number, target: string, headers: Record<string, string>, ca?: string) {
    const options = { port, path: `http://${target}/path`, method: 'POST', headers: { host: target, ...headers } }
    const outgoing =
      ca === undefined ? request(options) : tlsRequest({ ...options, host: 'localhost', ca, agent: false })
    outgoing.end('body')
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage]
    const body = Buffer.concat(await reply.toArray()).toString()
    return `${reply.statusCode} ${body}`
  }

  test('forwards requests in absolute form, over http and https', async () => {
    const tls = makeCertificate()
    for (const options of [{}, { tls }]) {
      const { target, proxy } = await targetAndProxy(options)
      const answer = await absolute(proxy.port, target, {}, 'tls' in options ? tls.cert : undefined)
      expect(answer).toBe('200 POST /path no credentials')
      expect(proxy.requests()).toEqual([{ form: 'absolute', target, authorized: true }])
    }
  })

  test('lets nobody through without the right credentials', async () => {
    const { target, proxy, cameFrom } = await targetAndProxy({ credentials })
    expect(await absolute(proxy.port, target, {})).toBe('407 ')
    const wrong = new ProxyAgent({ uri: `http://worker:wrong@127.0.0.1:${proxy.port}`, proxyTunnel: true })
    await expect(tunnelled(target, wrong)).rejects.toThrow('fetch failed')
    expect(proxy.requests().map(({ authorized }) => authorized)).toEqual([false, false])
    expect(cameFrom).toEqual([])
  })

  test('refuses while it is told to, and answers 502 for a target that is not there', async () => {
    const { target, proxy } = await targetAndProxy({})
    proxy.refuseWith(503)
    expect(await absolute(proxy.port, target, {})).toBe('503 ')
    proxy.refuseWith(null)
    expect(await absolute(proxy.port, target, {})).toContain('200 ')
    expect(await absolute(proxy.port, '127.0.0.1:1', {})).toBe('502 ')
  })
})
