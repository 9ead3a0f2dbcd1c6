/** One call over connections that fail, stall, are given up or closed. */
import type { AddressInfo, Socket } from 'node:net'
import { createServer as createTcpServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { KEY, outcome, question } from '../support/provider.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { waitUntil } from '../support/wait.ts'
import { cleanups, providerOf, stubOf, rawServer } from '../support/provider-servers.ts'

test('an answer without end is cut off in memory too', async () => {
  const { baseUrl } = await rawServer((_req, res) => {
    const chunk = Buffer.alloc(65_536, 'x')
    const more = () => {
      while (!res.destroyed && res.write(chunk)) continue
    }
    res.on('drain', more)
    more()
  })
  expect(await providerOf(baseUrl).ask(question())).toMatchObject({ code: 'no_completion', sent: true })
})

test('a redirect is not followed: the key goes nowhere else', async () => {
  let elsewhere = 0
  const other = await rawServer((_req, res) => {
    elsewhere++
    res.end()
  })
  const { baseUrl } = await rawServer((_req, res) => res.writeHead(307, { location: other.baseUrl }).end())
  expect(outcome(await providerOf(baseUrl).ask(question()))).toBe('bad_configuration')
  expect(elsewhere).toBe(0)
})

test('a query of the base URL stays, and its path is not lost', async () => {
  const { promise, resolve } = Promise.withResolvers<string>()
  const { baseUrl } = await rawServer((req, res) => {
    resolve(req.url ?? '')
    res.end('{}')
  })
  await providerOf(`${baseUrl}/deployments/d%2F1/?api-version=2024-10-21`).ask(question())
  expect(await promise).toBe('/v1/deployments/d%2F1/chat/completions?api-version=2024-10-21')
})

test('variables of the openai package change nothing, and it prints nothing', async () => {
  const variables = {
    OPENAI_BASE_URL: 'http://127.0.0.1:9/v1',
    OPENAI_API_KEY: 'sk-of-the-environment',
    OPENAI_ORG_ID: 'org-x',
    OPENAI_PROJECT_ID: 'proj-x',
    OPENAI_CUSTOM_HEADERS: 'authorization: Bearer other\nx-extra: 1',
    OPENAI_LOG: 'debug',
    HTTP_PROXY: 'http://127.0.0.1:9',
    http_proxy: 'http://127.0.0.1:9',
    ALL_PROXY: 'http://127.0.0.1:9',
  }
  const before = { ...process.env }
  Object.assign(process.env, variables)
  cleanups.push(() => (process.env = before))
  const printed: unknown[] = []
  const methods = ['debug', 'info', 'warn', 'error', 'log'] as const
  const originals = methods.map((method) => console[method])
  for (const method of methods) console[method] = (...args) => void printed.push(args)
  cleanups.push(() => {
    for (const [index, method] of methods.entries()) console[method] = originals[index] ?? console.log
  })
  const { promise, resolve } = Promise.withResolvers<NodeJS.Dict<string | string[]>>()
  const { baseUrl } = await rawServer((req, res) => {
    resolve(req.headers)
    res.writeHead(500).end('no')
  })
  await providerOf(baseUrl).ask(question())
  const headers = await promise
  expect(Object.keys(headers).toSorted()).toEqual([
    'accept',
    'accept-encoding',
    'authorization',
    'connection',
    'content-length',
    'content-type',
    'host',
    'user-agent',
  ])
  expect(headers['authorization']).toBe(`Bearer ${KEY}`)
  expect(printed).toEqual([])
})

describe('before the first byte', () => {
  test('a call whose time to send has passed is not written, and the next finds the connection ready', async () => {
    const stub = await stubOf()
    const line = await startTcpProxy({ to: { host: '127.0.0.1', port: stub.port } })
    cleanups.push(() => line.stop())
    const { ask } = providerOf(`http://127.0.0.1:${line.port}/v1`)
    expect(await ask(question({ sendByMs: performance.now() - 1 }))).toEqual({ kind: 'not_sent' })
    expect(stub.arrivals()).toEqual([])
    expect(line.bytes('up')).toBe(0)
    expect(outcome(await ask(question()))).toBe('answer')
    expect(line.accepted()).toBe(1)
  })

  test('nobody there: an outage, nothing sent', async () => {
    const { server, baseUrl } = await rawServer(() => {})
    await new Promise((resolve) => server.close(resolve))
    expect(await providerOf(baseUrl).ask(question())).toMatchObject({
      kind: 'failure',
      code: 'outage',
      sent: false,
      detail: 'connection failed: ECONNREFUSED',
    })
  })

  test('a name that does not resolve, and a server that speaks no TLS, are outages', async () => {
    expect(outcome(await providerOf('http://no-such-host.invalid/v1').ask(question()))).toBe('outage')
    const { baseUrl } = await rawServer(() => {})
    const reply = await providerOf(baseUrl.replace('http:', 'https:')).ask(question())
    expect(reply).toMatchObject({ kind: 'failure', code: 'outage', sent: false })
  })

  test('a key that cannot be read holds the key’s scope instead of failing the request', async () => {
    const { ask, identity } = providerOf('http://127.0.0.1:9/v1', { key: null, keyFile: '/no/such/file' })
    expect(await ask(question())).toMatchObject({ kind: 'failure', code: 'unauthorized', sent: false })
    expect((await identity()).key).toMatch(/:none$/)
  })
})

describe('an abort', () => {
  test('ends a call under way at once, and the server sees the connection go', async () => {
    const stub = await stubOf()
    const { ask } = providerOf(stub.baseUrl)
    stub.misbehave({ fault: 'hang', count: 1 })
    const stop = new AbortController()
    const reply = ask(question({ signal: stop.signal }))
    await waitUntil(
      () => stub.arrivals().length === 1,
      10_000,
      () => 'the call did not arrive',
    )
    stop.abort(new Error('drained'))
    expect(await reply).toEqual({ kind: 'aborted', sent: true })
    await waitUntil(
      () => stub.arrivals()[0]?.aborted === true,
      10_000,
      () => 'the connection is still open',
    )
  })

  test('before the call: nothing is connected', async () => {
    const stub = await stubOf()
    const reply = await providerOf(stub.baseUrl).ask(question({ signal: AbortSignal.abort(new Error('stop')) }))
    expect(reply).toEqual({ kind: 'aborted', sent: false })
    expect(stub.arrivals()).toEqual([])
  })

  test('while connecting: nothing is ever written', async () => {
    // Accepts and says nothing: a TLS handshake that never ends.
    const { promise: connected, resolve: onConnection } = Promise.withResolvers<Socket>()
    const silent = createTcpServer(onConnection)
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => silent.close())
    const stop = new AbortController()
    const reply = providerOf(`https://127.0.0.1:${(silent.address() as AddressInfo).port}/v1`).ask(
      question({ signal: stop.signal }),
    )
    const socket = await connected
    cleanups.push(() => socket.destroy())
    stop.abort(new Error('drained'))
    expect(await reply).toEqual({ kind: 'aborted', sent: false })
  })
})

test('one call that stalls delays no other, and none shares its connection', async () => {
  const stub = await stubOf()
  const { ask } = providerOf(stub.baseUrl)
  const stop = new AbortController()
  cleanups.push(() => stop.abort(new Error('over')))
  stub.misbehave({ fault: 'stall_body', count: 1 })
  const stalled = ask(question({ signal: stop.signal }))
  await waitUntil(
    () => stub.arrivals().length === 1,
    10_000,
    () => 'the first call did not arrive',
  )
  const others = await Promise.all(Array.from({ length: 10 }, () => ask(question())))
  expect(new Set(others.map(outcome))).toEqual(new Set(['answer']))
  stop.abort(new Error('over'))
  expect((await stalled).kind).toBe('aborted')
})

test('a connection that the server closed while it was idle costs no attempt', async () => {
  let calls = 0
  const { server, baseUrl } = await rawServer((_req, res) => {
    calls++
    res.end('{}')
  })
  // Announces no time limit, as uvicorn, and closes all the same.
  server.keepAliveTimeout = 0
  const { ask } = providerOf(baseUrl)
  await ask(question())
  server.closeIdleConnections()
  await waitUntil(
    () => new Promise((resolve) => server.getConnections((_error, count) => resolve(count === 0))),
    10_000,
    () => 'the connection is still open',
  )
  expect(outcome(await ask(question()))).toBe('no_completion')
  expect(calls).toBe(2)
})
