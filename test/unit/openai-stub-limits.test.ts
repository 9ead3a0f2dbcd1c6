/** How the stub counts, what it tells, and how it runs as a process. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { createLimits, createWindow } from '../../tools/openai-stub/windows.ts'
import { waitUntil } from '../support/wait.ts'
import { stubWith, messages, ask, plain } from '../support/stub-client.ts'

describe('limits', () => {
  test('are enforced by arrival, told in headers, and the refusal says when to come back', async () => {
    const stub = await stubWith({ limits: { rpm: 2 } })
    const first = await ask(stub.baseUrl, plain)
    expect(first.headers.get('x-ratelimit-limit-requests')).toBe('2')
    expect(first.headers.get('x-ratelimit-remaining-requests')).toBe('1')
    expect(first.headers.get('x-ratelimit-reset-requests')).toMatch(/^(1m0s|59\.\d+s)$/)
    await ask(stub.baseUrl, plain)
    const { status, headers, error } = await ask(stub.baseUrl, plain)
    expect(status).toBe(429)
    expect(error).toMatchObject({ type: 'requests', code: 'rate_limit_exceeded' })
    expect(Number(headers.get('retry-after-ms'))).toBeGreaterThan(30_000)
    expect(Number(headers.get('retry-after'))).toBe(Math.ceil(Number(headers.get('retry-after-ms')) / 1_000))
    expect(stub.summary().windows.perMinute).toEqual({ limit: 2, used: 3, most: 3 })
  })

  test('count billed tokens, and tell what can never fit from what must wait', async () => {
    const stub = await stubWith()
    await ask(stub.baseUrl, plain)
    const bill = stub.summary().billedTokens
    stub.configure({ limits: { tpm: 2 * bill } })
    expect((await ask(stub.baseUrl, plain)).status).toBe(200)
    expect((await ask(stub.baseUrl, plain)).error['message']).toContain('Rate limit reached')
    stub.configure({ limits: { tpm: bill - 1 } })
    const large = await ask(stub.baseUrl, plain)
    expect([large.status, large.error['type']]).toEqual([429, 'tokens'])
    expect(large.error['message']).toContain('Request too large')
    expect(stub.summary().windows.tokensPerMinute).toMatchObject({ used: 2 * bill, most: 2 * bill })
  })

  test('hold in every rolling window: an entry leaves exactly one window after it came', () => {
    const window = createWindow(60_000, 1)
    for (const at of [0, 30_000, 59_999]) window.add(at, 1)
    expect(window.used(59_999)).toBe(3)
    expect(window.fitsInMs(59_999, 1, 3)).toBe(1)
    expect(window.used(60_000)).toBe(2)
    expect(window.fitsInMs(60_000, 2, 3)).toBe(30_000)
    expect(window.fitsInMs(60_000, 4, 3)).toBe(Number.POSITIVE_INFINITY)
    window.add(60_000, 1)
    expect([window.most(), window.emptyInMs(60_000)]).toEqual([3, 60_000])
    expect(window.used(200_000)).toBe(0)
  })

  test('of the day, minute and second hold together; the longest wait is told', () => {
    const limits = createLimits({ rps: 1, rpm: 3, rpd: 4 })
    const arrive = (atMs: number) => {
      const refusal = limits.refusal(atMs, 1)
      limits.countRequest(atMs)
      return refusal === null ? null : [refusal.axis, refusal.waitMs]
    }
    expect([0, 500, 2_000, 4_000].map(arrive)).toEqual([null, ['requests', 500], null, ['requests', 56_000]])
    expect(arrive(60_000)).toEqual(['day', 86_400_000 - 60_000])
  })

  test('cost no more when the windows are full', () => {
    const window = createWindow(60_000, 1)
    for (let i = 0; i < 300_000; i += 1) window.add(i, 1)
    expect([window.used(300_000), window.most()]).toEqual([59_999, 60_000])
  })
})

describe('the log', () => {
  test('is bounded, counts on, and can be read from a number on', async () => {
    const stub = await stubWith({ logCapacity: 3 })
    for (let i = 0; i < 5; i += 1) await ask(stub.baseUrl, { ...plain, messages: messages(`Go ref:r${i}`) })
    expect(stub.arrivals().map(({ n, ref }) => [n, ref])).toEqual([
      [3, 'r2'],
      [4, 'r3'],
      [5, 'r4'],
    ])
    const over = await fetch(`http://127.0.0.1:${stub.port}/__stub/log?since=4`)
    expect(await over.json()).toMatchObject([{ n: 5, ref: 'r4', status: 200 }])
    expect(stub.summary()).toMatchObject({ arrivals: 5, inFlight: 0 })
  })

  test('knows who is in flight and who went away', async () => {
    const stub = await stubWith({ latencyMs: 60_000 })
    const impatient = new AbortController()
    const asked = ask(stub.baseUrl, plain).catch(() => 'gone')
    const url = `${stub.baseUrl}/chat/completions`
    const aborted = fetch(url, {
      method: 'POST',
      signal: impatient.signal,
      headers: { authorization: 'Bearer k' },
      body: JSON.stringify(plain),
    }).catch(() => 'gone')
    const inFlight = (count: number) =>
      waitUntil(
        () => stub.summary().inFlight === count,
        10_000,
        () => `in flight: ${stub.summary().inFlight}`,
      )
    await inFlight(2)
    impatient.abort()
    await inFlight(1)
    expect(stub.arrivals().map((arrival) => [arrival.status, arrival.aborted])).toContainEqual([null, true])
    expect(stub.arrivals().map((arrival) => [arrival.status, arrival.aborted])).toContainEqual([null, false])
    await stub.stop()
    expect(await Promise.all([asked, aborted])).toEqual(['gone', 'gone'])
    expect(stub.summary().mostInFlight).toBe(2)
  })
})

test('as a process of its own it answers, is told to misbehave over HTTP, and ends by a signal', async () => {
  const child = spawn(process.execPath, ['tools/openai-stub/main.ts', '--port', '0', '--latency-ms', '1', '--key', 'k'])
  const exit = once(child, 'exit')
  const line = String((await once(child.stdout, 'data'))[0])
  const baseUrl = /http:\S+\/v1/.exec(line)?.[0] ?? ''
  const control = baseUrl.replace('/v1', '/__stub/misbehave')
  const authorization = { authorization: 'Bearer k' }
  const order = (fault: string) => fetch(control, { method: 'POST', body: JSON.stringify({ fault, count: 1 }) })
  expect((await order('no such thing')).status).toBe(400)
  expect((await order('http_503')).status).toBe(200)
  expect((await ask(baseUrl, plain, authorization)).status).toBe(503)
  expect((await ask(baseUrl, plain, authorization)).status).toBe(200)
  child.kill('SIGTERM')
  expect(await exit).toEqual([0, null])
})
