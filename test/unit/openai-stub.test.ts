import { spawn } from 'node:child_process'
import { once } from 'node:events'
import OpenAI from 'openai'
import { afterEach, describe, expect, test } from 'vitest'
import type { Answer } from '../../tools/openai-stub/answer.ts'
import { startStub } from '../../tools/openai-stub/server.ts'
import type { StubOptions } from '../../tools/openai-stub/server.ts'
import { createLimits, createWindow } from '../../tools/openai-stub/windows.ts'
import { waitUntil } from '../support/wait.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

async function stubWith(options: StubOptions = {}) {
  const stub = await startStub(options)
  stops.push(stub.stop)
  return stub
}

const messages = (resume = 'Пишу на Go. Знаю Kafka и Redis.') => [
  { role: 'system' as const, content: 'Отвечай в json.' },
  { role: 'user' as const, content: 'Go\nKafka\nRedis' },
  { role: 'user' as const, content: resume },
]

const finding = {
  type: 'object',
  properties: {
    requirement: { type: 'string' },
    quote: { type: 'string' },
    evidence: { type: 'string', enum: ['stated', 'insufficient', 'planned', 'denied', 'not_mentioned'] },
  },
  required: ['requirement', 'quote', 'evidence'],
  additionalProperties: false,
}
const schema = {
  type: 'object',
  properties: {
    requirements: { type: 'array', items: finding },
    score: { type: 'integer' },
    recommendation: { type: 'string' },
  },
  required: ['requirements', 'score', 'recommendation'],
  additionalProperties: false,
}
const strict = { type: 'json_schema' as const, json_schema: { name: 'resume_score', strict: true, schema } }

const clientOf = (baseURL: string, apiKey = 'sk-test') => new OpenAI({ baseURL, apiKey, maxRetries: 0 })

/** One plain request; headers and body as they come. */
async function ask(baseUrl: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${baseUrl}/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk-test', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, error: errorOf(text), text }
}

function errorOf(text: string): Record<string, unknown> {
  const body = JSON.parse(text) as Record<string, unknown> & { error?: Record<string, unknown> }
  return body.error ?? body
}

const plain = { model: 'gpt-4.1-mini', messages: messages() }

describe.each(['openai', 'azure', 'vllm'] as const)('the server as %s', (profile) => {
  const response_format = profile === 'vllm' ? { type: 'json_object' as const } : strict
  const cap = profile === 'vllm' ? { max_tokens: 1_000 } : { max_completion_tokens: 1_000 }

  test('answers the openai package, and bills in its log what it says in its answer', async () => {
    const stub = await stubWith({ profile })
    const reply = await clientOf(stub.baseUrl).chat.completions.create({
      model: 'my-model',
      messages: messages(),
      temperature: 0,
      seed: 7,
      response_format,
      ...cap,
    })
    const content = JSON.parse(reply.choices[0]?.message.content ?? '') as Answer
    expect(content).toMatchObject({ score: 100, requirements: [{ quote: 'Пишу на Go.' }, {}, {}] })
    expect(reply.choices[0]?.finish_reason).toBe('stop')
    expect(reply.model).toBe(profile === 'azure' ? 'gpt-4.1-mini-2025-04-14' : 'my-model')
    const [arrival] = stub.arrivals()
    expect(reply.usage?.total_tokens).toBe(arrival?.billedTokens)
    expect(reply.usage?.prompt_tokens).toBe(arrival?.promptTokens)
    expect(arrival).toMatchObject({ n: 1, status: 200, fault: null, aborted: false })
    expect(JSON.stringify(arrival)).not.toMatch(/Kafka|sk-test/)
  })

  test('is the same for the same request, and cuts what is longer than allowed', async () => {
    const stub = await stubWith({ profile })
    const short = { ...plain, max_tokens: 10 }
    const replies = await Promise.all([1, 2].map(() => ask(stub.baseUrl, short)))
    const [one, two] = replies.map(({ text }) => JSON.parse(text) as OpenAI.ChatCompletion)
    expect(one?.choices).toEqual(two?.choices)
    expect(one?.choices[0]?.finish_reason).toBe('length')
    expect(one?.usage?.completion_tokens).toBe(10)
  })

  test('refuses what does not fit its context', async () => {
    const stub = await stubWith({ profile, contextTokens: 500 })
    const { status, error } = await ask(stub.baseUrl, { ...plain, messages: messages('слово '.repeat(400)) })
    expect(status).toBe(400)
    expect(error['message']).toContain("This model's maximum context length is 500 tokens")
    expect(error['code']).toBe(profile === 'vllm' ? 400 : 'context_length_exceeded')
  })

  test('lets only the keys in that it is given, and takes new ones while it runs', async () => {
    const stub = await stubWith({ profile, keys: ['sk-old'] })
    expect((await ask(stub.baseUrl, plain)).status).toBe(401)
    stub.configure({ keys: ['sk-test'] })
    expect((await ask(stub.baseUrl, plain)).status).toBe(200)
    expect((await ask(stub.baseUrl, plain, { authorization: '' })).status).toBe(401)
  })
})

describe('what a profile is particular about', () => {
  test('azure takes the deployment from the path and the key from its own header', async () => {
    const stub = await stubWith({ profile: 'azure', models: ['scoring'], keys: ['azure-key'] })
    const url = `http://127.0.0.1:${stub.port}/openai/deployments/scoring`
    const reply = await ask(url, { messages: messages() }, { 'api-key': 'azure-key' })
    expect(reply.status).toBe(200)
    expect(reply.headers.get('x-ratelimit-remaining-requests')).not.toBe(null)
    expect(reply.headers.get('x-ratelimit-reset-requests')).toBe(null)
    const unknown = await ask(url.replace('scoring', 'other'), { messages: messages() }, { 'api-key': 'azure-key' })
    expect([unknown.status, unknown.error['code']]).toEqual([404, 'DeploymentNotFound'])
  })

  test('vllm knows neither schemas nor max_completion_tokens, and sends no headers about limits', async () => {
    const stub = await stubWith({ profile: 'vllm', limits: { rpm: 3 } })
    const withSchema = await ask(stub.baseUrl, { ...plain, response_format: strict })
    expect([withSchema.status, withSchema.error['type']]).toEqual([400, 'BadRequestError'])
    expect(withSchema.error['message']).toContain('response_format')
    const withCap = await ask(stub.baseUrl, { ...plain, max_completion_tokens: 10 })
    expect(withCap.error['message']).toContain("'extra_forbidden', 'loc': ('body', 'max_completion_tokens')")
    await ask(stub.baseUrl, plain)
    const limited = await ask(stub.baseUrl, plain)
    expect(limited.status).toBe(429)
    expect([...limited.headers.keys()].filter((name) => /ratelimit|retry-after|request-id/.test(name))).toEqual([])
  })

  test('models that reason refuse max_tokens and a temperature', async () => {
    const stub = await stubWith()
    const reasoning = { ...plain, model: 'gpt-5-mini' }
    const withTokens = await ask(stub.baseUrl, { ...reasoning, max_tokens: 10 })
    expect(withTokens.error).toMatchObject({ code: 'unsupported_parameter', param: 'max_tokens' })
    const withTemperature = await ask(stub.baseUrl, { ...reasoning, temperature: 0 })
    expect(withTemperature.error).toMatchObject({ code: 'unsupported_value', param: 'temperature' })
    expect((await ask(stub.baseUrl, { ...reasoning, max_completion_tokens: 1_000 })).status).toBe(200)
  })
})

describe('a body that the real server refuses', () => {
  test.each([
    ['{"model":', { code: null }],
    [{ messages: messages() }, { message: 'you must provide a model parameter' }],
    [{ model: 'm' }, { code: 'missing_required_parameter', param: 'messages' }],
    [
      { model: 'm', messages: [] },
      { code: 'empty_array', param: 'messages' },
    ],
    [
      { model: 'm', messages: [{ role: 'user', content: 5 }] },
      { code: 'invalid_type', param: 'messages[0].content' },
    ],
    [
      { model: 'm', messages: [{ role: 'boss', content: '' }] },
      { code: 'invalid_value', param: 'messages[0].role' },
    ],
    [
      { ...plain, temperature: 3 },
      { code: 'decimal_above_max_value', param: 'temperature' },
    ],
    [
      { ...plain, max_completion_tokens: 0 },
      { code: 'integer_below_min_value', param: 'max_completion_tokens' },
    ],
    [{ ...plain, max_completion_tokens: 10, max_tokens: 10 }, { param: 'max_tokens' }],
    [{ ...plain, mood: 'good' }, { message: 'Unrecognized request argument supplied: mood' }],
    [{ ...plain, response_format: { type: 'xml' } }, { param: 'response_format.type' }],
    [
      { model: 'm', messages: [{ role: 'user', content: 'x' }], response_format: { type: 'json_object' } },
      { param: 'messages', message: expect.stringContaining("must contain the word 'json'") as string },
    ],
    [
      { ...plain, response_format: { type: 'json_schema', json_schema: { name: 'a', strict: true, schema: {} } } },
      { param: 'response_format' },
    ],
  ])('%j', async (body, expected) => {
    const stub = await stubWith()
    const { status, error } = await ask(stub.baseUrl, body)
    expect(status).toBe(400)
    expect(error).toMatchObject({ type: 'invalid_request_error', ...expected })
    expect(stub.summary()).toMatchObject({ arrivals: 1, billedTokens: 0, byStatus: { 400: 1 } })
  })
})

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
