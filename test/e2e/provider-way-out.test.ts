/** OPENAI_PROXY_URL: everything goes through the proxy, or nowhere. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Server } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Stub } from '../../tools/openai-stub/server.ts'
import { startStub } from '../../tools/openai-stub/server.ts'
import { makeCertificate } from '../support/certificate.ts'
import type { ForwardProxy, ForwardProxyOptions } from '../support/proxy.ts'
import { startForwardProxy } from '../support/proxy.ts'
import { createTestProvider, outcome, question, recordedLog } from '../support/provider.ts'
import { waitUntil } from '../support/wait.ts'

const certificate = makeCertificate()
const authorities = getCACertificates('default')
const { log } = recordedLog()
let stub: Stub
/** The stub behind TLS: what arrives is passed on to it. */
let secure: Server
let secureUrl: string
/** The ports that the provider's two servers were reached from. */
let peers: Set<number>
/** The port of every address that this process tried to connect to. */
let tried: Set<number>
/** The local and the remote port of every connection that this process made. */
let made: { from: number; to: number }[]
const cleanups: (() => unknown)[] = []
const onSocket = (message: unknown) => {
  const { socket } = message as { socket: Socket }
  socket.on('connectionAttempt', (_ip: string, port: number) => tried.add(port))
  socket.once('connect', () => made.push({ from: socket.localPort ?? 0, to: socket.remotePort ?? 0 }))
}

beforeAll(async () => {
  setDefaultCACertificates([...authorities, certificate.cert])
  stub = await startStub()
  secure = createServer(certificate, (req, res) => {
    peers.add(req.socket.remotePort ?? 0)
    res.end(JSON.stringify({ model: 'm', choices: [{ finish_reason: 'stop', message: { content: '{"score":1}' } }] }))
  })
  await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve))
  secureUrl = `https://127.0.0.1:${(secure.address() as AddressInfo).port}/v1`
})
beforeEach(() => {
  peers = new Set()
  tried = new Set()
  made = []
  subscribe('net.client.socket', onSocket)
})
afterEach(async () => {
  unsubscribe('net.client.socket', onSocket)
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})
afterAll(async () => {
  setDefaultCACertificates(authorities)
  secure.closeAllConnections()
  await new Promise((resolve) => secure.close(resolve))
  await stub.stop()
})

async function proxyOf(options: ForwardProxyOptions = {}): Promise<ForwardProxy> {
  const proxy = await startForwardProxy(options)
  cleanups.push(() => proxy.stop())
  return proxy
}

function providerBehind(proxyUrl: string, baseUrl: string) {
  const provider = createTestProvider(baseUrl, log, { proxyUrl })
  cleanups.push(provider.close)
  return provider
}

/** Where the worker's connections lead; the proxy runs in this process too, so its own are left out. */
function targetPorts(proxy: ForwardProxy): Set<number> {
  return new Set(made.filter(({ from }) => !proxy.outgoingPorts().has(from)).map(({ to }) => to))
}

describe.each([
  { way: 'an http proxy', tls: false },
  { way: 'an https proxy', tls: true },
])('through $way with credentials', ({ tls }) => {
  const options = () => ({
    credentials: { username: 'воркер', password: 'p@ss:/wörd' },
    ...(tls ? { tls: certificate } : {}),
  })

  test('an https provider is reached by a tunnel, and no socket leads past it', async () => {
    const proxy = await proxyOf(options())
    const provider = providerBehind(proxy.url, secureUrl)
    const replies = await Promise.all(Array.from({ length: 5 }, () => provider.ask(question())))
    expect(replies.map(outcome)).toEqual(Array.from({ length: 5 }, () => 'answer'))
    expect(new Set(proxy.requests().map(({ form, authorized }) => `${form} ${authorized}`))).toEqual(
      new Set(['connect true']),
    )
    expect(targetPorts(proxy)).toEqual(new Set([proxy.port]))
    expect([...peers].filter((port) => !proxy.outgoingPorts().has(port))).toEqual([])
    expect(peers.size).toBe(5)
  })

  test('an http provider is reached in the absolute form, side by side', async () => {
    const proxy = await proxyOf(options())
    const provider = providerBehind(proxy.url, stub.baseUrl)
    const stop = new AbortController()
    stub.misbehave({ fault: 'hang', count: 1 })
    const before = stub.arrivals().length
    const stalled = provider.ask(question({ signal: stop.signal }))
    await waitUntil(
      () => stub.arrivals().length > before,
      10_000,
      () => 'the first call did not arrive',
    )
    const others = await Promise.all(Array.from({ length: 5 }, () => provider.ask(question())))
    expect(others.map(outcome)).toEqual(Array.from({ length: 5 }, () => 'answer'))
    stop.abort(new Error('over'))
    expect((await stalled).kind).toBe('aborted')
    expect(new Set(proxy.requests().map(({ form }) => form))).toEqual(new Set(['absolute']))
    expect(targetPorts(proxy)).toEqual(new Set([proxy.port]))
  })
})

test.each([{ kind: 'http' }, { kind: 'https' }])(
  'the name of an $kind provider is the proxy’s to resolve',
  async ({ kind }) => {
    const proxy = await proxyOf()
    const provider = providerBehind(proxy.url, `${kind}://provider.invalid:8443/v1`)
    expect(outcome(await provider.ask(question()))).toBe('outage')
    expect(proxy.requests().map(({ target }) => target)).toEqual(['provider.invalid:8443'])
  },
)

test.each([{ kind: 'http' }, { kind: 'https' }])(
  'a proxy that is down is an outage for an $kind provider, and nothing goes another way',
  async ({ kind }) => {
    const proxy = await startForwardProxy()
    await proxy.stop()
    const baseUrl = kind === 'http' ? stub.baseUrl : secureUrl
    const provider = providerBehind(proxy.url, baseUrl)
    const before = stub.arrivals().length
    const reply = await provider.ask(question())
    expect(reply).toMatchObject({
      kind: 'failure',
      code: 'outage',
      sent: false,
      detail: 'connection failed: ECONNREFUSED',
    })
    expect(stub.arrivals()).toHaveLength(before)
    expect(tried).toEqual(new Set([proxy.port]))
  },
)

test.each([{ kind: 'http' }, { kind: 'https' }])(
  'a proxy that refuses says so for an $kind provider, and its password is not told',
  async ({ kind }) => {
    const proxy = await proxyOf({ credentials: { username: 'worker', password: 'right' } })
    const provider = providerBehind(
      proxy.url.replace('right', 'wr0ng-secret'),
      kind === 'http' ? stub.baseUrl : secureUrl,
    )
    const reply = await provider.ask(question())
    expect(reply).toMatchObject({ kind: 'failure', code: 'proxy_refused' })
    expect(JSON.stringify([reply, await provider.identity()])).not.toContain('wr0ng-secret')
    expect(peers.size).toBe(0)
  },
)

test('a proxy that cannot reach the provider is an outage', async () => {
  const proxy = await proxyOf()
  proxy.refuseWith(503)
  expect(outcome(await providerBehind(proxy.url, secureUrl).ask(question()))).toBe('outage')
  expect(outcome(await providerBehind(proxy.url, stub.baseUrl).ask(question()))).toBe('outage')
  proxy.refuseWith(null)
  expect(outcome(await providerBehind(proxy.url, secureUrl).ask(question()))).toBe('answer')
})

test('a certificate that nobody vouches for is an outage, not a way in', async () => {
  setDefaultCACertificates(authorities)
  cleanups.push(() => setDefaultCACertificates([...authorities, certificate.cert]))
  const proxy = await proxyOf()
  const reply = await providerBehind(proxy.url, secureUrl).ask(question())
  expect(reply).toMatchObject({ kind: 'failure', code: 'outage', sent: false })
  expect(peers.size).toBe(0)
})

test('workers behind different proxies do not hold one another back', async () => {
  const scopes = async (proxyUrl: string | null) => {
    const provider = createTestProvider(stub.baseUrl, log, { proxyUrl })
    cleanups.push(provider.close)
    return await provider.identity()
  }
  const direct = await scopes(null)
  const behind = await scopes('http://worker:secret@proxy.invalid:3128')
  expect(behind.route).not.toBe(direct.route)
  expect(behind.outage).not.toBe(direct.outage)
  expect(behind.key).toBe(direct.key)
  expect(await scopes('http://worker:other@proxy.invalid:3128')).toEqual(behind)
})

test('a worker in which the configuration is mended is not held by those in which it is not', async () => {
  const configOf = async (changes: Parameters<typeof createTestProvider>[2]) => {
    const provider = createTestProvider(stub.baseUrl, log, changes)
    cleanups.push(provider.close)
    return (await provider.identity()).config
  }
  const changes = [{}, { model: 'gpt-other' }, { responseFormat: 'json_object' }, { maxCompletionTokens: 400 }] as const
  const scopes = await Promise.all(changes.map(configOf))
  expect(new Set(scopes).size).toBe(changes.length)
  expect(await configOf({})).toBe(scopes[0])
})
