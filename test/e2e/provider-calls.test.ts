/** One call to a real HTTP server that misbehaves in every way, or takes another form. */
import { describe, expect, test } from 'vitest'
import type { FailureCode } from '../../src/errors.ts'
import type { Question } from '../../src/provider/reply.ts'
import type { FaultName } from '../../tools/openai-stub/faults.ts'
import { PROFILE_NAMES } from '../../tools/openai-stub/profiles.ts'
import { KEY, createTestProvider, memory, outcome, question } from '../support/provider.ts'
import { waitUntil } from '../support/wait.ts'
import { lines, providerOf, stubOf, COMPLETION, THOUGHT_OUT, rawServer } from '../support/provider-servers.ts'

describe('each fault of a server is told apart', () => {
  const rows: [FaultName, FailureCode | 'answer'][] = [
    ['rate_limited', 'rate_limited'],
    ['rate_limited_no_hint', 'rate_limited'],
    ['request_too_large', 'too_long'],
    ['context_length', 'too_long'],
    ['insufficient_quota', 'quota'],
    ['billing_not_active', 'quota'],
    ['billing_hard_limit', 'quota'],
    ['unauthorized', 'unauthorized'],
    ['echo_key', 'unauthorized'],
    ['territory', 'territory'],
    ['model_not_found', 'bad_configuration'],
    ['rejected_text', 'content_filter'],
    ['content_filter_prompt', 'content_filter'],
    ['http_500', 'outage'],
    ['http_503', 'outage'],
    ['http_502', 'outage'],
    ['http_504', 'outage'],
    ['reset', 'outage'],
    ['close', 'outage'],
    ['reset_body', 'outage'],
    ['close_body', 'outage'],
    ['html_200', 'no_completion'],
    ['empty_200', 'no_completion'],
    ['broken_200', 'no_completion'],
    ['error_200', 'outage'],
    ['empty_choices', 'no_completion'],
    ['null_content', 'unusable_answer'],
    ['refusal', 'refused_by_model'],
    ['content_filter', 'content_filter'],
    ['length', 'cut_off'],
    ['length_parses', 'cut_off'],
    ['no_usage', 'answer'],
    ['limit_garbage', 'answer'],
  ]
  test.each(rows)('%s: %s', async (fault, expected) => {
    const stub = await stubOf()
    const { ask } = providerOf(stub.baseUrl)
    stub.misbehave({ fault, count: 1 })
    lines.length = 0
    const reply = await ask(question())
    expect(outcome(reply)).toBe(expected)
    // The server saw one attempt, and the next call works.
    expect(stub.arrivals()).toHaveLength(1)
    expect(outcome(await ask(question()))).toBe('answer')
    // Neither the key nor the texts are passed on. An answer's content is exempt: the model wrote it.
    expect(JSON.stringify([reply.kind === 'answer' ? null : reply, lines])).not.toMatch(/sk-proj|Петров/)
  })

  test.each<FaultName>(['hang', 'stall', 'stall_body', 'trickle'])('%s: cut at the limit', async (fault) => {
    const stub = await stubOf()
    const { ask } = providerOf(stub.baseUrl, { timeoutMs: 1_000 })
    stub.misbehave({ fault, count: 1, delayMs: 20 })
    expect(await ask(question())).toMatchObject({ kind: 'failure', code: 'timeout', sent: true })
    await waitUntil(
      () => stub.arrivals()[0]?.aborted === true,
      10_000,
      () => 'the server still holds the connection',
    )
  })
})

test('what the provider says of its limits and its bill is handed on', async () => {
  const stub = await stubOf({ limits: { rpm: 1 } })
  const { ask } = providerOf(stub.baseUrl)
  const answer = await ask(question())
  expect(answer).toMatchObject({ kind: 'answer', usage: { totalTokens: stub.arrivals()[0]?.billedTokens } })
  expect(answer).toMatchObject({ limits: { 'x-ratelimit-remaining-requests': '0' } })
  const refused = await ask(question())
  expect(refused).toMatchObject({ kind: 'failure', code: 'rate_limited', sent: true, usage: null })
  expect(refused.kind === 'failure' ? refused.retryAfterMs : null).toBeGreaterThan(0)
})

test('an answer that was cut off says what was billed for it', async () => {
  const stub = await stubOf()
  stub.misbehave({ fault: 'length', count: 1 })
  const reply = await providerOf(stub.baseUrl).ask(question())
  expect(reply).toMatchObject({ code: 'cut_off', usage: { completionTokens: 500 } })
})

/** Asks until there is no other way left, as the pipeline does. @returns the outcomes of its calls */
async function askOut(provider: ReturnType<typeof createTestProvider>, changes: Partial<Question> = {}) {
  const outcomes: string[] = []
  for (let trial: Question['trial'] = null; ;) {
    const reply = await provider.ask(question({ ...changes, maxCompletionTokens: provider.capOf(trial), trial }))
    outcomes.push(outcome(reply))
    if (reply.kind !== 'failure' || reply.next === null) return outcomes
    trial = reply.next
  }
}

describe('a server of another kind is asked in the form that it takes', () => {
  test.each(PROFILE_NAMES)('%s', async (profile) => {
    const stub = await stubOf({ profile })
    const redis = memory()
    const provider = providerOf(stub.baseUrl, { maxCompletionTokens: 1_000 }, redis)
    const outcomes = await askOut(provider)
    expect(outcomes.length).toBeLessThanOrEqual(3)
    expect(outcomes.at(-1)).toBe('answer')
    // From then on the first call succeeds, also with JSON in the prompt.
    expect(await askOut(provider)).toEqual(['answer'])
    expect(await askOut(provider, { schema: null })).toEqual(['answer'])
    // A worker that starts later need not learn it again.
    expect(await askOut(await restarted(stub.baseUrl, redis))).toEqual(['answer'])
  })

  async function restarted(baseUrl: string, redis: ReturnType<typeof memory>) {
    const provider = providerOf(baseUrl, { maxCompletionTokens: 1_000 }, redis)
    await provider.load()
    return provider
  }

  test('calls that were under way together are refused together, and then go on', async () => {
    const stub = await stubOf({ profile: 'vllm', latencyMs: 50 })
    const provider = providerOf(stub.baseUrl)
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => askOut(provider)))
    for (const one of outcomes) expect(one.at(-1)).toBe('answer')
    for (const one of outcomes) expect(one.length).toBeLessThanOrEqual(3)
    expect(await askOut(provider)).toEqual(['answer'])
  })

  test('one that refuses one thing after the other is asked in the plainest form, and the rest is learned by the next', async () => {
    const stub = await stubOf()
    const provider = providerOf(stub.baseUrl)
    for (const parameter of ['seed', 'temperature', 'response_format', 'max_completion_tokens']) {
      stub.misbehave({ fault: 'refuse_parameter', parameter })
    }
    expect(await askOut(provider)).toEqual(['parameter_refused', 'parameter_refused', 'answer'])
    const second = await askOut(provider)
    expect(second.length).toBeLessThanOrEqual(3)
    expect(second.at(-1)).toBe('answer')
    await askOut(provider)
    expect(await askOut(provider)).toEqual(['answer'])
    expect(lines.join('\n')).toContain('max_tokens instead of max_completion_tokens')
  })

  test('one that names nothing is asked in barer forms, unless it took such requests before', async () => {
    const { baseUrl } = await rawServer((req, res) => {
      let body = ''
      req.on('data', (chunk: Buffer) => (body += chunk.toString()))
      req.on('end', () => {
        const isPlain = !/"(?:response_format|seed)"/.test(body)
        res.writeHead(isPlain ? 200 : 400).end(isPlain ? COMPLETION : '{"error":"Bad request"}')
      })
    })
    const provider = providerOf(baseUrl)
    expect(await askOut(provider)).toEqual(['parameter_refused', 'answer'])
    // The second request shows that it is the form, and not a moment in which the server refused everything.
    expect(await askOut(provider)).toEqual(['parameter_refused', 'answer'])
    expect(await askOut(provider)).toEqual(['answer'])

    const { baseUrl: silent } = await rawServer((_req, res) => res.writeHead(400).end('{"error":"Bad request"}'))
    expect(await askOut(providerOf(silent))).toEqual(['parameter_refused', 'parameter_refused', 'unclear_rejection'])

    let calls = 0
    const { baseUrl: moody } = await rawServer((_req, res) => {
      calls++
      res.writeHead(calls === 1 ? 200 : 400).end(calls === 1 ? COMPLETION : '{"error":"Bad request"}')
    })
    const proved = providerOf(moody)
    expect(await askOut(proved)).toEqual(['answer'])
    expect(await askOut(proved)).toEqual(['unclear_rejection'])
  })

  test('what only one text brings about is not learned', async () => {
    const stub = await stubOf()
    const provider = providerOf(stub.baseUrl)
    stub.misbehave({ fault: 'refuse_parameter', parameter: 'seed', count: 1 })
    stub.misbehave({ fault: 'rejected_text', count: 1 })
    lines.length = 0
    expect(await askOut(provider)).toEqual(['parameter_refused', 'content_filter'])
    expect(await askOut(provider)).toEqual(['answer'])
    expect(lines.join('\n')).not.toContain('the server refuses')
  })

  test('a key that is looked for in another header is sent in every one', async () => {
    const { baseUrl } = await rawServer((req, res) => {
      const isSeen = req.headers['api-key'] === KEY
      res.writeHead(isSeen ? 200 : 401).end(isSeen ? COMPLETION : '{"message":"Missing api-key header"}')
    })
    const provider = providerOf(baseUrl)
    expect(await askOut(provider)).toEqual(['parameter_refused', 'answer'])
    expect(await askOut(provider)).toEqual(['answer'])
    // Azure's own addresses are known.
    expect(await askOut(providerOf(`${baseUrl}/openai/deployments/d?api-version=2024-10-21`))).toEqual(['answer'])
  })

  test('a model that thinks is given a larger cap, within a bound, and keeps it', async () => {
    const thinks = (tokens: number) =>
      rawServer((req, res) => {
        let body = ''
        req.on('data', (chunk: Buffer) => (body += chunk.toString()))
        req.on('end', () => {
          const { max_completion_tokens: cap } = JSON.parse(body) as { max_completion_tokens: number }
          res.end(cap >= tokens ? COMPLETION : THOUGHT_OUT)
        })
      })
    const provider = providerOf((await thinks(3_000)).baseUrl)
    expect(await askOut(provider)).toEqual(['thought_out', 'thought_out', 'answer'])
    expect(await askOut(provider)).toEqual(['answer'])
    expect(provider.capOf(null)).toBe(8_000)
    const without = providerOf((await thinks(100_000)).baseUrl)
    expect(await askOut(without)).toEqual(['thought_out', 'thought_out', 'thought_out'])
    expect(without.capOf(null)).toBe(500)
  })

  test('a cap that is refused by both of its names is a wrong configuration', async () => {
    const stub = await stubOf()
    stub.misbehave({ fault: 'refuse_parameter', parameter: 'max_completion_tokens' })
    stub.misbehave({ fault: 'refuse_parameter', parameter: 'max_tokens' })
    expect(await askOut(providerOf(stub.baseUrl))).toEqual(['parameter_refused', 'bad_configuration'])
  })
})
