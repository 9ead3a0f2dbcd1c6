/** Every fault that the stub can be told to show. */
import { describe, expect, test } from 'vitest'
import type { FaultName } from '../../tools/openai-stub/faults.ts'
import { FAULTS } from '../../tools/openai-stub/faults.ts'
import { waitUntil } from '../support/wait.ts'
import type { Outcome } from '../support/stub-faults.ts'
import { stubWith, KEY, bodyOf, ask, replyOf, contentOf } from '../support/stub-faults.ts'

/** What a client sees of each error: status, and what tells it from others. */
const ERRORS: [FaultName, number, Record<string, unknown>][] = [
  ['rate_limited', 429, { type: 'requests', code: 'rate_limit_exceeded' }],
  ['rate_limited_no_hint', 429, { code: 'rate_limit_exceeded' }],
  ['request_too_large', 429, { type: 'tokens', message: expect.stringContaining('Request too large') as string }],
  ['context_length', 400, { code: 'context_length_exceeded', param: 'messages' }],
  ['insufficient_quota', 429, { type: 'insufficient_quota', code: 'insufficient_quota' }],
  ['billing_not_active', 429, { code: 'billing_not_active' }],
  ['billing_hard_limit', 400, { code: 'billing_hard_limit_reached' }],
  ['unauthorized', 401, { code: 'invalid_api_key', message: expect.stringContaining('sk-proj-***cret') as string }],
  ['echo_key', 401, { message: expect.stringContaining(KEY) as string }],
  ['territory', 403, { code: 'unsupported_country_region_territory', type: 'request_forbidden' }],
  ['model_not_found', 404, { code: 'model_not_found' }],
  ['refuse_parameter', 400, { code: 'unsupported_parameter', param: 'temperature' }],
  ['rejected_text', 400, { code: 'invalid_prompt' }],
  ['content_filter_prompt', 400, { code: 'content_filter' }],
  ['http_status', 500, { type: 'server_error' }],
  ['http_500', 500, { type: 'server_error' }],
  ['http_503', 503, { code: 'service_unavailable' }],
]

const PAGES: [FaultName, number][] = [
  ['http_502', 502],
  ['http_504', 504],
  ['html_200', 200],
]

/** How the answer fails to arrive: its status (0: none), and whether any of its body came. */
const DELIVERIES: [FaultName, number, boolean][] = [
  ['hang', 0, false],
  ['reset', 0, false],
  ['close', 0, false],
  ['stall', 200, false],
  ['stall_body', 200, true],
  ['reset_body', 200, true],
  ['close_body', 200, true],
  ['trickle', 200, true],
]

const UNUSABLE: [FaultName, (outcome: Outcome) => void][] = [
  ['empty_200', ({ text }) => expect(text).toBe('')],
  ['broken_200', (outcome) => expect(() => replyOf(outcome)).toThrow(SyntaxError)],
  ['error_200', (outcome) => expect(replyOf(outcome)).toEqual({ error: expect.anything() as unknown })],
  ['empty_choices', (outcome) => expect(replyOf(outcome).choices).toEqual([])],
  ['null_content', (outcome) => expect(replyOf(outcome).choices[0]?.message.content).toBe(null)],
  ['no_usage', (outcome) => expect(replyOf(outcome).usage).toBe(undefined)],
  ['refusal', (outcome) => expect(replyOf(outcome).choices[0]?.message.refusal).toContain('sorry')],
  ['content_filter', (outcome) => expect(replyOf(outcome).choices[0]?.finish_reason).toBe('content_filter')],
  ['length_parses', (outcome) => expect(replyOf(outcome).choices[0]?.finish_reason).toBe('length')],
  ['dear', (outcome) => expect(replyOf(outcome).usage?.completion_tokens).toBeGreaterThan(900)],
  ['code_fence', (outcome) => expect(contentOf(outcome)).toMatch(/^```json\n\{[^]*\}\n```$/)],
  ['trailing_words', (outcome) => expect(contentOf(outcome)).toMatch(/^\{[^]*\}\n\n[А-Я]/)],
  ['leading_words', (outcome) => expect(contentOf(outcome)).toMatch(/^Вот [^{]*\{/)],
  ['not_json', (outcome) => expect(contentOf(outcome)).not.toContain('{')],
  ['off_topic', (outcome) => expect(contentOf(outcome)).toContain('Приготовление супов')],
  ['wrong_schema', (outcome) => expect(contentOf(outcome)).not.toContain('score')],
  ['score_101', (outcome) => expect(contentOf(outcome)).toContain('"score":101')],
  ['score_negative', (outcome) => expect(contentOf(outcome)).toContain('"score":-1')],
  ['score_fraction', (outcome) => expect(contentOf(outcome)).toContain('"score":87.5')],
  ['score_text', (outcome) => expect(contentOf(outcome)).toContain('"score":"87"')],
  ['extra_keys', (outcome) => expect(contentOf(outcome)).toContain('"confidence"')],
  ['invented_quotes', (outcome) => expect(contentOf(outcome)).toContain('Десять лет отвечал за Go')],
  ['contradiction', (outcome) => expect(contentOf(outcome)).toContain('не подходит')],
  [
    'length',
    (outcome) => {
      expect(() => JSON.parse(contentOf(outcome)) as unknown).toThrow(SyntaxError)
      expect(replyOf(outcome)).toMatchObject({ usage: { completion_tokens: 900 } })
    },
  ],
  ['limit_garbage', ({ headers }) => expect(headers.get('x-ratelimit-remaining-requests')).toBe('-1')],
]

test('every fault is in one of the tables here', () => {
  const tested = [...ERRORS, ...PAGES, ...DELIVERIES, ...UNUSABLE].map(([name]) => name as string)
  expect([...tested, 'slow'].toSorted()).toEqual(Object.keys(FAULTS).toSorted())
})

describe('an error', () => {
  test.each(ERRORS)(
    '%s comes with status %i, is not billed, and leaves the next request alone',
    async (fault, status, error) => {
      const stub = await stubWith()
      stub.misbehave({ fault, count: 1 })
      const outcome = await ask(stub)
      expect(outcome.status).toBe(status)
      expect(replyOf(outcome).error).toMatchObject(error)
      expect(stub.arrivals()).toMatchObject([{ fault, status, billedTokens: 0 }])
      expect((await ask(stub)).status).toBe(200)
    },
  )

  test.each(PAGES)('%s is a page', async (fault, status) => {
    const stub = await stubWith()
    stub.misbehave({ fault, count: 1 })
    const { status: seen, headers, text } = await ask(stub)
    expect([seen, headers.get('content-type')]).toEqual([status, 'text/html'])
    expect(text).toContain('<html>')
  })

  test('for a rate limit tells the wait that it is given, or none', async () => {
    const stub = await stubWith()
    stub.misbehave({ fault: 'rate_limited', retryAfterMs: 90_500, count: 1 })
    const hinted = await ask(stub)
    expect(['retry-after', 'retry-after-ms'].map((name) => hinted.headers.get(name))).toEqual(['91', '90500'])
    expect(replyOf(hinted).error?.['message']).toContain('Please try again in 1m30.5s.')
    stub.misbehave({ fault: 'rate_limited_no_hint', count: 1 })
    const bare = await ask(stub)
    expect(bare.headers.get('retry-after')).toBe(null)
    expect(replyOf(bare).error?.['message']).not.toContain('try again in')
  })

  test.each([
    ['azure', 'unauthorized', { error: { code: '401' } }],
    ['azure', 'rate_limited', { error: { code: '429' } }],
    [
      'azure',
      'content_filter_prompt',
      { error: { status: 400, innererror: { code: 'ResponsibleAIPolicyViolation' } } },
    ],
    ['vllm', 'context_length', { object: 'error', type: 'BadRequestError', code: 400 }],
    ['vllm', 'model_not_found', { object: 'error', type: 'NotFoundError', code: 404 }],
    ['vllm', 'http_500', { object: 'error', type: 'InternalServerError', code: 500 }],
  ] as const)('of %s has its own form: %s', async (profile, fault, expected) => {
    const stub = await stubWith({ profile })
    stub.misbehave({ fault })
    const { max_completion_tokens: _cap, ...body } = bodyOf('Go')
    const response = await fetch(`${stub.baseUrl}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}` },
      body: JSON.stringify(body),
    })
    expect(await response.json()).toMatchObject(expected)
  })
})

describe('an answer that does not arrive', () => {
  test.each(DELIVERIES)('%s: status %i, some of it came: %s; and it is billed', async (fault, status, some) => {
    const stub = await stubWith()
    stub.misbehave({ fault, count: 1 })
    const outcome = await ask(stub, undefined, 2_000)
    expect([outcome.status, outcome.text !== '', outcome.whole]).toEqual([status, some, false])
    expect(outcome.failure).toBe(/reset|close/.test(fault) ? 'TypeError' : 'TimeoutError')
    await waitUntil(
      () => stub.summary().inFlight === 0,
      10_000,
      () => 'the connection stayed open',
    )
    const [arrival] = stub.arrivals()
    expect(arrival?.billedTokens).toBeGreaterThan(0)
    expect(arrival?.aborted).toBe(!/reset|close/.test(fault))
    expect(arrival?.status ?? null).toBe(fault === 'hang' ? null : /reset|close/.test(fault) ? 0 : 200)
    expect((await ask(stub)).whole).toBe(true)
  })

  test('slow: it comes, but late', async () => {
    const stub = await stubWith()
    stub.misbehave({ fault: 'slow', delayMs: 150, count: 1 })
    const begun = performance.now()
    expect((await ask(stub)).whole).toBe(true)
    expect(performance.now() - begun).toBeGreaterThanOrEqual(149)
  })
})

describe('an answer of no use', () => {
  test.each(UNUSABLE)('%s arrives with status 200', async (fault, check) => {
    const stub = await stubWith()
    stub.misbehave({ fault, count: 1 })
    const outcome = await ask(stub)
    expect([outcome.status, outcome.whole]).toEqual([200, true])
    check(outcome)
    expect(stub.arrivals()).toMatchObject([{ fault, status: 200 }])
    const after = await ask(stub)
    expect(contentOf(after)).toContain('"score":100')
  })
})
