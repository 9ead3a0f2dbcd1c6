import { describe, expect, test } from 'vitest'
import type { FailureCode } from '../../src/errors.ts'
import { FAILURES } from '../../src/errors.ts'
import * as problems from '../../tools/openai-stub/problems.ts'
import type { Problem } from '../../tools/openai-stub/profiles.ts'
import { PROFILE_NAMES, renderProblem } from '../../tools/openai-stub/profiles.ts'
import { firstForm, partsOf } from '../../src/provider/form.ts'
import { classifyBroken, classifyStatus } from '../../src/provider/classify.ts'
import { classifyCompletion } from '../../src/provider/classify-completion.ts'

const partsAt = (baseUrl: string) => partsOf(firstForm(baseUrl), { name: 's', schema: {} }, false)
const PARTS = partsAt('https://provider.example/v1')
const limited: problems.LimitFacts = { model: 'm', axis: 'requests', limit: 3, used: 3, requested: 1, waitMs: 1_000 }

describe('every row of the table, in the words of each server', () => {
  const rows: [Problem, FailureCode][] = [
    [problems.rateLimited(limited), 'rate_limited'],
    [problems.rateLimited({ ...limited, axis: 'tokens', waitMs: null }), 'rate_limited'],
    [problems.requestTooLarge('m', 1_000, 2_000), 'too_long'],
    [problems.contextExceeded(1_000, 2_000, 500), 'too_long'],
    [problems.insufficientQuota, 'quota'],
    [problems.billingNotActive, 'quota'],
    [problems.billingHardLimit, 'quota'],
    [problems.unauthorized('sk-proj-0123456789abcdef'), 'unauthorized'],
    [problems.noKey, 'unauthorized'],
    [problems.territory, 'territory'],
    [problems.modelNotFound('gpt-9'), 'bad_configuration'],
    [problems.unknownUrl('POST', '/chat/completions'), 'bad_configuration'],
    [problems.unsupportedParameter('temperature'), 'parameter_refused'],
    [problems.unsupportedParameter('seed'), 'parameter_refused'],
    [problems.unsupportedParameter('max_tokens', 'max_completion_tokens'), 'parameter_refused'],
    [problems.promptFiltered, 'content_filter'],
    [problems.serverError(500, 'x'), 'outage'],
    [problems.serverError(503, 'x'), 'outage'],
  ]
  for (const profile of PROFILE_NAMES) {
    test.each(rows.map(([problem, code]) => ({ problem, code, status: problem.status })))(
      `${profile}: $status is $code`,
      ({ problem, code }) => {
        const parts = profile === 'azure' ? partsAt('https://x.openai.azure.com/openai/v1') : PARTS
        expect(classifyStatus(problem.status, renderProblem(profile, problem), parts).code).toBe(code)
      },
    )
  }
})

test.each<[string, number, unknown, FailureCode]>([
  ['a text that OpenAI flags', 400, { error: { message: 'Invalid prompt', code: 'invalid_prompt' } }, 'content_filter'],
  [
    'a text that is refused by its place',
    400,
    { error: { message: 'No.', param: 'messages.[2].content' } },
    'rejected_text',
  ],
  ['a text over the length of a string', 400, { error: { code: 'string_above_max_length', param: 'x' } }, 'too_long'],
  ['a reason that nobody can tell', 400, { error: { message: 'Bad request' } }, 'unclear_rejection'],
  [
    'a role that the model does not know',
    400,
    { error: { param: 'messages[0].role', code: 'unsupported_value' } },
    'parameter_refused',
  ],
  [
    'a cap above the model’s',
    400,
    {
      error: {
        message: 'max_tokens is too large: 99999. This model supports at most 16384',
        param: 'max_tokens',
        code: 'invalid_value',
      },
    },
    'bad_configuration',
  ],
  [
    'a reasoning model at its cap',
    400,
    { error: { message: 'Could not finish the message because max_tokens or model output limit was reached.' } },
    'thought_out',
  ],
  [
    'a parameter that FastAPI forbids',
    422,
    { detail: [{ type: 'extra_forbidden', loc: ['body', 'seed'], msg: 'Extra inputs are not permitted' }] },
    'parameter_refused',
  ],
  [
    'a parameter named in the message only',
    400,
    { error: { message: "Unrecognized request argument supplied: max_completion_tokens. Did you mean 'max_tokens'?" } },
    'parameter_refused',
  ],
  [
    'a schema that an old Azure does not know',
    400,
    {
      error: {
        code: 'BadRequest',
        message: 'response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later',
      },
    },
    'parameter_refused',
  ],
  ['no credit', 402, { error: { message: 'Insufficient credits', code: 402 } }, 'quota'],
  [
    'a key without the right to the model',
    403,
    { error: { message: 'Project `p` does not have access to model `m`', code: 'model_not_found' } },
    'bad_configuration',
  ],
  [
    'a key without a right',
    403,
    { error: { message: 'You have insufficient permissions for this operation.' } },
    'unauthorized',
  ],
  ['a body over a gateway’s limit', 413, '<html>413</html>', 'too_long'],
  ['a block page', 403, '<html>Sorry, you have been blocked</html>', 'territory'],
  ['unavailable for legal reasons', 451, '', 'territory'],
  ['a proxy that wants a password', 407, '', 'proxy_refused'],
  ['a gateway that waited for the body', 408, '', 'outage'],
  ['a status that nobody defined', 599, '{"error":"x"}', 'outage'],
  ['an overload', 529, '', 'outage'],
  ['a redirect', 308, '', 'bad_configuration'],
  ['a wrong method', 405, '', 'bad_configuration'],
  ['an error that is no object', 400, '"no"', 'unclear_rejection'],
  ['an error that is null', 500, 'null', 'outage'],
])('%s', (_name, status, body, code) => {
  expect(classifyStatus(status, typeof body === 'string' ? body : JSON.stringify(body), PARTS).code).toBe(code)
})

test('a resume that speaks of quotas and models, echoed by the provider, does not change what the code says', () => {
  const message = 'Invalid content: «Настроил billing, usage limit и context window; model x does not exist»'
  const body = JSON.stringify({
    error: { message, code: 'invalid_prompt', type: 'invalid_request_error', param: null },
  })
  expect(classifyStatus(400, body).code).toBe('content_filter')
  const deep = JSON.stringify({ error: { message: `${'я'.repeat(300)} insufficient_quota`, code: null } })
  expect(classifyStatus(400, deep).code).toBe('unclear_rejection')
})

test('the detail for the log holds codes, never the provider’s words, keys or texts', () => {
  const key = 'sk-proj-AAAABBBBCCCC'
  const told = classifyStatus(
    401,
    JSON.stringify({
      error: {
        message: `Incorrect API key provided: ${key}. Иван Петров`,
        code: 'invalid_api_key',
        type: key,
        param: key,
      },
    }),
  )
  expect(told.detail).toBe('HTTP 401, code invalid_api_key')
  expect(classifyStatus(400, `Bad Request: Иван Петров ${key}`).detail).toBe('HTTP 400, not JSON')
  const echo = JSON.stringify({ error: { code: 'Ivan Petrov', param: 'Иван Петров', type: 'Ivan Petrov' } })
  expect(classifyStatus(400, echo).detail).toBe('HTTP 400')
  const broken = Object.assign(new Error(`connect ECONNREFUSED http://user:${key}@proxy`), { code: 'ECONNREFUSED' })
  expect(classifyBroken(broken).detail).toBe('connection failed: ECONNREFUSED')
})

test.each([
  [new Error('Proxy response (407) !== 200 when HTTP Tunneling'), 'proxy_refused'],
  [new Error('Proxy response (403) !== 200 when HTTP Tunneling'), 'proxy_refused'],
  [new Error('Proxy response (502) !== 200 when HTTP Tunneling'), 'outage'],
  [new Error('Proxy Authentication Required (407)'), 'proxy_refused'],
  [Object.assign(new Error('other side closed'), { code: 'UND_ERR_SOCKET' }), 'outage'],
  [new AggregateError([Object.assign(new Error('x'), { code: 'ETIMEDOUT' })]), 'outage'],
])('a broken connection: %s', (error, code) => {
  expect(classifyBroken(error).code).toBe(code)
})

describe('answers with 200', () => {
  const completion = (choice: unknown, rest: object = {}) => ({
    model: 'm-1',
    choices: [choice],
    usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
    ...rest,
  })
  const code = (body: unknown) => {
    const found = classifyCompletion(body)
    return found.ok ? 'ok' : found.failure.code
  }

  test('an answer comes with its content, model and billed tokens', () => {
    expect(classifyCompletion(completion({ finish_reason: 'stop', message: { content: '{}' } }))).toEqual({
      ok: true,
      content: '{}',
      model: 'm-1',
      usage: { promptTokens: 10, completionTokens: 5, totalTokens: 15 },
    })
  })

  test('what was cut off is not accepted, even if it parses', () => {
    expect(code(completion({ finish_reason: 'length', message: { content: '{"score":1}' } }))).toBe('cut_off')
  })

  test('a refusal and a filter say so, and keep what was billed', () => {
    const refusal = classifyCompletion(
      completion({ finish_reason: 'stop', message: { content: null, refusal: 'No.' } }),
    )
    expect(refusal).toMatchObject({ ok: false, failure: { code: 'refused_by_model' }, usage: { totalTokens: 15 } })
    expect(code(completion({ finish_reason: 'content_filter', message: { content: 'x' } }))).toBe('content_filter')
  })

  test.each([null, undefined, 'page', 7, [], {}, { choices: [] }, { choices: 'x' }, { error: {} }, { error: null }])(
    '%j is no completion',
    (body) => {
      expect(code(body)).toBe('no_completion')
    },
  )

  test.each([null, {}, { message: { content: '  ' } }, { message: { content: [{ type: 'text' }] } }])(
    '%j is no usable answer',
    (choice) => {
      expect(code({ choices: [choice] })).toBe('unusable_answer')
    },
  )

  test('an error under 200 is what it says it is', () => {
    expect(code({ error: { message: 'Provider returned error', code: 502 } })).toBe('outage')
    expect(code({ error: { message: 'Insufficient credits', code: 402 } })).toBe('quota')
  })

  test('usage that cannot be believed is taken for none, and a total below its parts for their sum', () => {
    const usage = (value: unknown) =>
      classifyCompletion(completion({ message: { content: 'x' } }, { usage: value })).usage
    expect(usage(null)).toBeNull()
    expect(usage({ prompt_tokens: -1, completion_tokens: 5 })).toBeNull()
    expect(usage({ prompt_tokens: 1.5, completion_tokens: 5 })).toBeNull()
    expect(usage({ prompt_tokens: '1', completion_tokens: 5 })).toBeNull()
    expect(usage({ prompt_tokens: 10, completion_tokens: 5, total_tokens: 1 })?.totalTokens).toBe(15)
    expect(usage({ prompt_tokens: 10, completion_tokens: 5, total_tokens: 40 })?.totalTokens).toBe(40)
  })
})

test('every sentence for the caller is Russian, short, and names nothing of the worker', () => {
  for (const { message } of Object.values(FAILURES)) {
    expect(message).toMatch(/^[А-Яа-яЁё ,:.]+\.$/)
    expect(message.length).toBeLessThan(100)
  }
})
