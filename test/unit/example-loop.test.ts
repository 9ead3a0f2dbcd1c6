/** The example of examples/loop over HTTP, with canned answers instead of Kafka and a worker; test/e2e/example.test.ts has those. */
import type { LookupFunction } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fetch } from 'undici'
import { describe, expect, onTestFinished, test } from 'vitest'
import { mockBus } from '../../examples/loop/bus.ts'
import type { LoopOptions } from '../../examples/loop/loop.ts'
import { startLoop } from '../../examples/loop/loop.ts'
import type { Received } from '../../examples/loop/receiver.ts'
import { startReceiver } from '../../examples/loop/receiver.ts'
import { checkUrl, isPublic, safeAgent } from '../../examples/loop/safe-address.ts'
import type { HistoryEvent } from '../../examples/loop/store.ts'
import { openStore } from '../../examples/loop/store.ts'
import { sign } from '../../examples/loop/notifier.ts'

const SECRET = Buffer.from('a secret of both').toString('base64')

async function receiverOf(answers: number[] = [], secret = SECRET) {
  const calls: Received[] = []
  const receiver = await startReceiver(secret, (call) => calls.push(call), answers)
  onTestFinished(() => receiver.close())
  return { url: receiver.url, calls }
}

async function loopOf(options: Partial<LoopOptions> = {}) {
  const loop = await startLoop({
    file: ':memory:',
    port: 0,
    secret: SECRET,
    allowLoopback: true,
    connect: mockBus,
    backoffMs: 1,
    say: () => {},
    ...options,
  })
  onTestFinished(() => loop.close())
  const post = async (callbackUrl: string, resume: string) => {
    const response = await fetch(`${loop.url}/requests`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ callback_url: callbackUrl, requirements: '- Kafka', resume, user_id: 7 }),
    })
    return { status: response.status, body: (await response.json()) as { processing_id: number; state: string } }
  }
  const get = (path: string) => fetch(`${loop.url}${path}`)
  /** The stream ends when nothing more happens to the request. */
  const events = async (id: number) => {
    const text = await (await get(`/requests/${id}/events`)).text()
    return [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data ?? '') as HistoryEvent)
  }
  return { ...loop, post, get, events }
}

describe('a request', () => {
  test('goes from HTTP to a signed callback and into the database', async () => {
    const { url, calls } = await receiverOf()
    const loop = await loopOf()
    const { status, body } = await loop.post(url, 'Работал с Kafka.')
    expect([status, body.state]).toEqual([202, 'queued'])
    const id = body.processing_id

    const events = await loop.events(id)
    expect(events.map(({ what }) => what)).toEqual(['accepted', 'stored', 'scored', 'called back'])
    expect(calls).toEqual([
      expect.objectContaining({
        id: String(id),
        isSigned: true,
        retryAfter: null,
        body: expect.objectContaining({ status: 200, score: 50, processing_id: id, user_id: 7 }) as unknown,
      }),
    ])
    expect(loop.store.score(BigInt(id))).toMatchObject({ score: 50n, user_id: 7n, verdict: 'Подходит' })
    expect(await (await loop.get(`/requests/${id}`)).json()).toMatchObject({ state: 'scored', history: events })
    const result = await loop.get(`/requests/${id}/result`)
    expect([result.status, ((await result.json()) as { score: number }).score]).toEqual([200, 50])
  })

  test.each([
    ['[refuse]', 429, '60', 'refused'],
    ['[fail]', 500, null, 'failed'],
  ])('that ends with %s gives %i', async (wish, code, retryAfter, state) => {
    const { url, calls } = await receiverOf()
    const loop = await loopOf()
    const id = (await loop.post(url, wish)).body.processing_id
    await loop.events(id)
    expect(calls).toMatchObject([{ retryAfter, isSigned: true, body: { status: code } }])
    const result = await loop.get(`/requests/${id}/result`)
    expect([result.status, result.headers.get('retry-after')]).toEqual([code, retryAfter])
    expect(await (await loop.get(`/requests/${id}`)).json()).toMatchObject({ state })
    expect(loop.store.score(BigInt(id))).toBeNull()
  })

  test('with a wrong body, or that Kafka does not take, is refused at once', async () => {
    const loop = await loopOf({
      connect: () => ({ publish: () => Promise.reject(new Error('away')), close: async () => {} }),
    })
    expect((await loop.post('ftp://example.com/', 'x')).status).toBe(400)
    expect((await loop.post('https://example.com/', ' ')).status).toBe(400)
    expect((await loop.post('https://example.com/', 'x')).status).toBe(503)
    expect((await loop.get('/requests/5')).status).toBe(404)
  })

  test('is described by OpenAPI', async () => {
    const document = (await (await (await loopOf()).get('/openapi.json')).json()) as { paths: object }
    expect(Object.keys(document.paths)).toEqual([
      '/requests',
      '/requests/{id}',
      '/requests/{id}/result',
      '/requests/{id}/events',
    ])
  })
})

describe('a callback', () => {
  test('is repeated with the same id until it is taken', async () => {
    const { url, calls } = await receiverOf([503, 429])
    const loop = await loopOf()
    const id = (await loop.post(url, 'Kafka')).body.processing_id
    const what = (await loop.events(id)).map((event) => event.what)
    expect(what.filter((each) => each === 'callback failed')).toHaveLength(2)
    expect(what.at(-1)).toBe('called back')
    expect(calls.map((call) => call.id)).toEqual([String(id), String(id), String(id)])
  })

  test.each([400, 302])('is given up after %i', async (status) => {
    const { url, calls } = await receiverOf([status])
    const loop = await loopOf()
    const last = (await loop.events((await loop.post(url, 'Kafka')).body.processing_id)).at(-1)
    expect(last).toMatchObject({ what: 'callback given up', detail: `HTTP ${status}` })
    expect(calls).toHaveLength(1)
  })

  test('is signed as the libraries of Standard Webhooks sign', () => {
    const signed = sign(
      'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      'msg_p5jXN8AQM9LWM0D4loKWxJek',
      1_614_265_330,
      '{"test": 2432232314}',
    )
    expect(signed).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
  })

  test('with another secret is not taken for signed', async () => {
    const { url, calls } = await receiverOf([], Buffer.from('another secret').toString('base64'))
    const loop = await loopOf()
    await loop.events((await loop.post(url, 'Kafka')).body.processing_id)
    expect(calls).toMatchObject([{ isSigned: false }])
  })

  test('that was due at the end of one process is sent by the next, once for each id', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'example-loop-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const file = join(directory, 'example.sqlite')
    const { url, calls } = await receiverOf()
    const before = openStore(file)
    const callback = { id: 2n ** 62n, url, body: '{"status":200}', retryAfterSeconds: null }
    before.enqueueCallback(callback)
    before.enqueueCallback(callback)
    before.close()
    await loopOf({ file })
    await expect.poll(() => calls).toMatchObject([{ id: '4611686018427387904' }])
  })

  test('never reaches this machine unless that is allowed', async () => {
    const { url, calls } = await receiverOf()
    const loop = await loopOf({ allowLoopback: false })
    for (const each of [url, url.replace('127.0.0.1', 'localhost'), url.replace('127.0.0.1', '[::ffff:127.0.0.1]')]) {
      const last = (await loop.events((await loop.post(each, 'Kafka')).body.processing_id)).at(-1)
      expect(last).toMatchObject({ what: 'callback given up', detail: 'not a public address' })
    }
    expect(calls).toEqual([])
  })
})

describe('addresses', () => {
  test.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '::1',
    'fe80::1',
    'fc00::1',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
  ])('%s is not public', (address) => {
    expect(isPublic(address, false)).toBe(false)
  })

  test.each(['93.184.216.34', '2606:2800:220:1::1'])('%s is public', (address) => {
    expect(isPublic(address, false)).toBe(true)
  })

  test.each(['http://2130706433/', 'http://0x7f.1/', 'http://127.1/', 'file:///etc/passwd'])('%s is refused', (url) => {
    expect(() => checkUrl(url, false)).toThrow(/not a public address|neither http nor https/)
  })

  test('a name that changes its address after the check is checked when it is connected to', async () => {
    const { url, calls } = await receiverOf()
    const answers = ['93.184.216.34', '127.0.0.1']
    let lookups = 0
    const rebinding: LookupFunction = (_host, _options, done) => {
      const address = answers[Math.min(lookups++, 1)] ?? ''
      ;(done as unknown as (e: null, all: object[]) => void)(null, [{ address, family: 4 }])
    }
    // What a naive check sees: a public address.
    await new Promise((resolve) => rebinding('rebind.example', {}, resolve))
    const agent = safeAgent(false, rebinding)
    onTestFinished(() => agent.close())
    const attempt = fetch(url.replace('127.0.0.1', 'rebind.example'), { method: 'POST', body: '{}', dispatcher: agent })
    await expect(attempt).rejects.toMatchObject({ cause: { message: 'not a public address' } })
    expect([lookups, calls]).toEqual([2, []])
  })
})
