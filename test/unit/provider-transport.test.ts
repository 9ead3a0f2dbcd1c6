/** Misbehaving gateways, and SOCKS5 proxies: one exchange over real sockets. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo, Server, Socket } from 'node:net'
import { connect, createServer as createTcpServer } from 'node:net'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import { classifyBroken } from '../../src/provider/classify.ts'
import type { Exchange } from '../../src/provider/transport.ts'
import { createTransport } from '../../src/provider/transport.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => new Promise((resolve) => server.close(resolve)))
  return (server.address() as AddressInfo).port
}

async function serverOf(answer: (req: IncomingMessage, res: ServerResponse) => void): Promise<URL> {
  const server = createServer(answer)
  const port = await listening(server)
  cleanups.push(() => server.closeAllConnections())
  return new URL(`http://127.0.0.1:${port}/v1/chat/completions`)
}

async function post(url: URL, proxyUrl: string | null = null) {
  const transport = createTransport(proxyUrl)
  cleanups.push(() => transport.close())
  const { signal } = new AbortController()
  return await transport.post({
    url,
    headers: {},
    body: '{}',
    sendByMs: performance.now() + 10_000,
    timeoutMs: 10_000,
    signal,
  })
}

describe('an answer that is compressed although that was not asked for', () => {
  const text = JSON.stringify({ content: 'Подходит. '.repeat(100) })
  test.each<[string, Buffer]>([
    ['gzip', gzipSync(text)],
    ['x-gzip', gzipSync(text)],
    ['deflate', deflateSync(text)],
    // Without zlib's header, as some servers send it.
    ['deflate', deflateRawSync(text)],
    ['Deflate , X-GZIP', gzipSync(deflateRawSync(text))],
    // The gateway unpacked it and left the header.
    ['deflate', Buffer.from(text)],
    ['zstd', Buffer.from(text)],
    ['br', brotliCompressSync(text)],
    ['zstd', zstdCompressSync(text)],
    ['gzip, br', brotliCompressSync(gzipSync(text))],
    ['identity', Buffer.from(text)],
    ['GZIP', gzipSync(text)],
  ])('%s is read', async (encoding, body) => {
    const url = await serverOf((_req, res) => res.writeHead(200, { 'content-encoding': encoding }).end(body))
    expect(await post(url)).toMatchObject({ kind: 'answered', status: 200, body: text })
  })

  test('that is none, or broken, is handed on as it came', async () => {
    const url = await serverOf((_req, res) => res.writeHead(502, { 'content-encoding': 'gzip' }).end('<html>'))
    expect(await post(url)).toMatchObject({ kind: 'answered', status: 502, body: '<html>' })
  })

  const packers: [string, (data: Buffer) => Buffer][] = [
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ]
  test.each(packers)('%s that is cut short is no completion', async (encoding, pack) => {
    const cut = pack(Buffer.from(text)).subarray(0, -6)
    const url = await serverOf((_req, res) => res.writeHead(200, { 'content-encoding': encoding }).end(cut))
    const exchange = await post(url)
    expect(exchange).toMatchObject({ kind: 'answered', status: 200 })
    expect(() => JSON.parse((exchange as Exchange & { kind: 'answered' }).body) as unknown).toThrow(SyntaxError)
  })

  test.each([...packers, ['gzip, gzip', (data: Buffer) => gzipSync(gzipSync(data))] as (typeof packers)[number]])(
    '%s that grows without end is cut off',
    async (encoding, pack) => {
      const bomb = pack(Buffer.alloc(64 * 1024 * 1024))
      const url = await serverOf((_req, res) => res.writeHead(200, { 'content-encoding': encoding }).end(bomb))
      expect(await post(url)).toEqual({ kind: 'too_big' })
    },
  )
})

/** As much of RFC 1928 and 1929 as a client meets. */
async function socksProxy({ login = '', reply = 0 } = {}) {
  const targets: string[] = []
  const sockets = new Set<Socket>()
  const server = createTcpServer((client) => {
    sockets.add(client)
    client.on('error', () => client.destroy())
    let step: 'greeting' | 'login' | 'request' = 'greeting'
    const onData = (data: Buffer) => {
      if (step === 'greeting') {
        step = login === '' ? 'request' : 'login'
        client.write(Buffer.from([5, login === '' ? 0 : 2]))
      } else if (step === 'login') {
        const nameLength = data[1] ?? 0
        const name = data.subarray(2, 2 + nameLength).toString()
        const password = data.subarray(3 + nameLength).toString()
        step = 'request'
        client.write(Buffer.from([1, `${name}:${password}` === login ? 0 : 1]))
      } else {
        client.off('data', onData)
        const isName = data[3] === 3
        const host = isName ? data.subarray(5, 5 + (data[4] ?? 0)).toString() : data.subarray(4, 8).join('.')
        const port = data.readUInt16BE(data.length - 2)
        targets.push(`${host}:${port}`)
        client.write(Buffer.from([5, reply, 0, 1, 0, 0, 0, 0, 0, 0]))
        if (reply !== 0) {
          client.end()
          return
        }
        const upstream = connect(port, '127.0.0.1')
        sockets.add(upstream)
        upstream.on('error', () => client.destroy())
        client.pipe(upstream).pipe(client)
      }
    }
    client.on('data', onData)
  })
  const port = await listening(server)
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
  })
  return { port, targets }
}

describe('a SOCKS5 proxy', () => {
  const hello = () => serverOf((_req, res) => res.end('hello'))

  test('is gone through, with credentials, and resolves the names', async () => {
    const proxy = await socksProxy({ login: 'воркер:p@ss:/wörd' })
    const url = await hello()
    url.hostname = 'provider.test'
    const user = `${encodeURIComponent('воркер')}:${encodeURIComponent('p@ss:/wörd')}`
    expect(await post(url, `socks5://${user}@127.0.0.1:${proxy.port}`)).toMatchObject({ status: 200, body: 'hello' })
    expect(proxy.targets).toEqual([`provider.test:${url.port}`])
  })

  test.each([
    ['a wrong password', { login: 'a:b' }, 'proxy_refused'],
    ['a target that it forbids', { reply: 2 }, 'proxy_refused'],
    ['a target that it cannot reach', { reply: 4 }, 'outage'],
  ])('refuses %s', async (_what, options, code) => {
    const proxy = await socksProxy(options)
    const exchange = await post(await hello(), `socks5h://a:wrong@127.0.0.1:${proxy.port}`)
    expect(exchange).toMatchObject({ kind: 'broken', sent: false })
    expect(classifyBroken((exchange as Exchange & { kind: 'broken' }).error).code).toBe(code)
  })

  test('that is down is an outage: nothing goes another way', async () => {
    let calls = 0
    const url = await serverOf((_req, res) => {
      calls++
      res.end()
    })
    const gone = await socksProxy()
    await cleanups.splice(-2, 1)[0]?.()
    const exchange = await post(url, `socks5://127.0.0.1:${gone.port}`)
    expect(exchange).toMatchObject({ kind: 'broken', sent: false })
    expect(calls).toBe(0)
  })
})
