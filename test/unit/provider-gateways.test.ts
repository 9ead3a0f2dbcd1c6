/** What servers of other makers answer, in their own words and in words that nobody has sent yet. */
import { describe, expect, test } from 'vitest'
import type { FailureCode } from '../../src/errors.ts'
import { classifyCompletion } from '../../src/provider/classify-completion.ts'
import { classify, gemini } from '../support/classified.ts'

describe('blame where it belongs', () => {
  const groq = (text: string) => ({ error: { message: text, type: 'requests', code: 'rate_limit_exceeded' } })
  const upgrade = ' Need more tokens? Upgrade to Dev Tier today at https://console.groq.com/settings/billing'
  test.each([0, 50, 150, 200, 230, 260, 280, 295, 300, 1_000])(
    'a rate limit that links to billing after %i characters',
    (length) => {
      const text = `Rate limit reached for model \`${'m'.repeat(length)}\` on requests per minute (RPM): Limit 30.${upgrade}`
      expect(classify(429, groq(text)).code).toBe('rate_limited')
      expect(classify(429, { error: { message: text } }).code).toBe('rate_limited')
    },
  )

  test.each<[string, number, unknown, FailureCode]>([
    [
      'Groq: the model’s own broken JSON',
      400,
      {
        error: {
          message: "Failed to validate JSON. Please adjust your prompt. See 'failed_generation' for more details.",
          type: 'invalid_request_error',
          code: 'json_validate_failed',
          failed_generation: '{"requirements": [{"requirement": "context length exceeded"',
        },
      },
      'unusable_answer',
    ],
    [
      'the same without a code',
      400,
      { error: { message: 'Failed to generate JSON. Please adjust your prompt.' } },
      'unusable_answer',
    ],
    ['the same in other words', 422, { detail: 'The model output does not match the schema' }, 'unusable_answer'],
    [
      'OpenRouter: a text that was flagged',
      403,
      {
        error: {
          code: 403,
          message: 'Your input was flagged',
          metadata: { reasons: ['violence'], flagged_input: 'Иван', provider_name: 'OpenAI' },
        },
      },
      'content_filter',
    ],
    [
      'the same without reasons',
      403,
      { error: { message: 'openai/gpt-4 requires moderation. Your input was flagged for "sexual".' } },
      'content_filter',
    ],
    [
      'DeepSeek: a text with a risk',
      400,
      { error: { message: 'Content Exists Risk', code: 'invalid_request_error' } },
      'content_filter',
    ],
    [
      'a guardrail',
      400,
      { error: { message: 'The request was blocked by a guardrail: prompt attack' } },
      'content_filter',
    ],
    ['a page that blocks', 403, '<html>Request blocked: prompt flagged by moderation</html>', 'territory'],
    [
      'Gemini: where one is',
      400,
      gemini(400, 'User location is not supported for the API use.', 'FAILED_PRECONDITION'),
      'territory',
    ],
    [
      'the same in other words',
      403,
      { error: { message: 'This service is not available in your country' } },
      'territory',
    ],
    ['and in others', 403, { error: { message: 'Access from unsupported region is restricted' } }, 'territory'],
    [
      'Gemini: a wrong key',
      400,
      gemini(400, 'API key not valid. Please pass a valid API key.', 'INVALID_ARGUMENT', [
        { reason: 'API_KEY_INVALID' },
      ]),
      'unauthorized',
    ],
    [
      'a spent account behind LiteLLM',
      429,
      {
        error: {
          message:
            'litellm.RateLimitError: RateLimitError: OpenAIException - You exceeded your current quota, please check your plan and billing details.',
          type: 'throttling_error',
          param: null,
          code: '429',
        },
      },
      'quota',
    ],
    [
      'absent things as texts',
      400,
      { error: { message: 'Bad', type: 'None', param: 'None', code: '400' } },
      'unclear_rejection',
    ],
    [
      'absent things as null',
      400,
      { error: { message: 'Bad', type: null, param: null, code: null } },
      'unclear_rejection',
    ],
    [
      'absent things in other letters',
      400,
      { error: { message: 'Bad', param: 'null', code: 'undefined' } },
      'unclear_rejection',
    ],
  ])('%s', (_what, status, body, code) => {
    expect(classify(status, body).code).toBe(code)
  })

  test('Gemini tells in the body how long to wait, and its quota a minute is no account', () => {
    const message = 'You exceeded your current quota, please check your plan and billing details.'
    const details = [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '36.5s' }]
    expect(classify(429, gemini(429, message, 'RESOURCE_EXHAUSTED', details))).toMatchObject({
      code: 'rate_limited',
      retryAfterMs: 36_500,
    })
  })

  test('names of absent things are not told', () => {
    expect(classify(400, { error: { message: 'x', param: 'None', code: '400', type: 'None' } }).detail).toBe('HTTP 400')
  })
})

describe('completions', () => {
  const read = (message: unknown, rest: object = {}) => {
    const found = classifyCompletion({ choices: [{ finish_reason: 'stop', message, ...rest }] })
    return found.ok ? found.content : found.failure.code
  }
  const thinking = { type: 'thinking', thinking: [{ type: 'text', text: 'hm {"a":1}' }] }

  test.each<[string, unknown, object, string]>([
    ['parts: thinking, then text', { content: [thinking, { type: 'text', text: '{"b":2}' }] }, {}, '{"b":2}'],
    ['parts: texts', { content: ['{"b"', { type: 'output_text', text: ':2}' }] }, {}, '{"b":2}'],
    ['parts: reasoning with a text', { content: [{ type: 'reasoning', text: '{}' }, { text: 'x' }] }, {}, 'x'],
    ['the answer among the thoughts', { content: '', reasoning_content: '{"b":2}' }, {}, '{"b":2}'],
    ['the answer among the thoughts of others', { content: null, reasoning: '{"b":2}' }, {}, '{"b":2}'],
    ['thoughts beside an answer', { content: 'x', reasoning_content: 'y' }, {}, 'x'],
    ['nothing at all', { content: '', reasoning_content: '' }, {}, 'unusable_answer'],
    [
      'an end at the cap without a word',
      { content: '', reasoning_content: 'hm' },
      { finish_reason: 'length' },
      'thought_out',
    ],
    ['an end at the cap in the thinking', { content: '<think>hm' }, { finish_reason: 'length' }, 'thought_out'],
    ['an end at the cap in the answer', { content: '<think>hm</think>{"a' }, { finish_reason: 'length' }, 'cut_off'],
    ['an end at the cap by another name', { content: '{"a' }, { finish_reason: 'MAX_TOKENS' }, 'cut_off'],
    ['a filter by another name', { content: '' }, { finish_reason: 'SAFETY' }, 'content_filter'],
    ['an error of the upstream', { content: '' }, { error: { code: 502, message: 'Bad gateway' } }, 'outage'],
    ['an error of the upstream as text', { content: '' }, { error: { code: '503', message: 'x' } }, 'outage'],
    ['a rate limit of the upstream', { content: '' }, { error: { code: 429, message: 'slow down' } }, 'rate_limited'],
    ['a rate limit by its name', { content: '' }, { error: { code: 'rate_limit_exceeded' } }, 'rate_limited'],
    ['an error without a status', { content: '' }, { error: { message: 'gone' } }, 'outage'],
    ['an end by an error', { content: '' }, { finish_reason: 'error' }, 'outage'],
    ['no error', { content: 'x' }, { error: null }, 'x'],
  ])('%s', (_what, message, rest, expected) => {
    expect(read(message, rest)).toBe(expected)
  })
})
