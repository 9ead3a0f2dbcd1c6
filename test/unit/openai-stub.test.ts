/** What the stub answers, and what it refuses. */
import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import type { Answer } from '../../tools/openai-stub/answer.ts'
import { stubWith, messages, strict, clientOf, ask, plain } from '../support/stub-client.ts'

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

  test('a gateway sends no headers about limits either', async () => {
    const stub = await stubWith({ profile: 'deepseek' })
    const { headers } = await ask(stub.baseUrl, plain)
    expect([...headers.keys()].filter((name) => name.includes('ratelimit'))).toEqual([])
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
