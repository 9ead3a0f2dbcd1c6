/** How servers of other makers say that a text is too long for the model. */
import { describe, expect, test } from 'vitest'
import { classify, gemini } from '../support/classified.ts'

describe('too long, in any words', () => {
  test.each<[string, number, unknown]>([
    [
      'Gemini',
      400,
      gemini(400, 'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).'),
    ],
    [
      'llama.cpp',
      400,
      {
        error: {
          code: 400,
          message:
            'the request exceeds the available context size. try increasing the context size or enable context shift',
          type: 'exceed_context_size_error',
          n_prompt_tokens: 9000,
          n_ctx: 4096,
        },
      },
    ],
    [
      'llama.cpp of older times',
      500,
      {
        error: {
          code: 500,
          message: 'input is too large to process. increase the physical batch size',
          type: 'server_error',
        },
      },
    ],
    [
      'LM Studio',
      400,
      {
        error:
          'Trying to keep the first 6029 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough.',
      },
    ],
    [
      'TGI',
      422,
      {
        error:
          'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens and 1000 `max_new_tokens`',
        error_type: 'validation',
      },
    ],
    [
      'vLLM',
      400,
      {
        error: {
          message:
            "'max_tokens' or 'max_completion_tokens' is too large: 1000. This model's maximum context length is 4096 tokens and your request has 3900 input tokens (1000 > 4096 - 3900).",
          type: 'BadRequestError',
          param: null,
          code: 400,
        },
      },
    ],
    [
      'vLLM, by its length',
      400,
      { object: 'error', message: 'The decoder prompt (length 5000) is longer than the maximum model length of 4096.' },
    ],
    [
      'Anthropic',
      400,
      {
        type: 'error',
        error: { type: 'invalid_request_error', message: 'prompt is too long: 210000 tokens > 200000 maximum' },
      },
    ],
    [
      'Mistral',
      400,
      {
        object: 'error',
        message:
          'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
        type: 'invalid_request_prompt',
        code: '3051',
      },
    ],
    [
      'Kimi',
      400,
      {
        error: {
          message: 'Invalid request: Your request exceeded model token limit: 8192',
          type: 'invalid_request_error',
        },
      },
    ],
    [
      'xAI',
      400,
      {
        code: 'Client specified an invalid argument',
        error: "This model's maximum prompt length is 131072 but the request contains 200000 tokens.",
      },
    ],
    ['DashScope', 400, { error: { message: 'Range of input length should be [1, 30720]', code: 'InvalidParameter' } }],
    ['Bedrock', 400, { message: 'Input is too long for requested model.' }],
    [
      'YandexGPT',
      400,
      { error: { message: 'number of input tokens must be no more than 8000, got 9000; limit exceeded' } },
    ],
    ['in words of their own', 422, { detail: 'Your messages are too many tokens for the context window we serve.' }],
  ])('%s', (_server, status, body) => {
    expect(classify(status, body).code).toBe('too_long')
  })
})
