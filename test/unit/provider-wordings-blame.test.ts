/** Whom errors blame, in wordings and forms that nobody has reported. Each row stands for a kind of server, none for one that exists. */
import { expect, test } from 'vitest'
import { classifyStatus } from '../../src/provider/classify.ts'
import { firstForm, partsOf } from '../../src/provider/form.ts'

const PARTS = partsOf(firstForm('https://provider.example/v1'), { name: 's', schema: {} }, false)
const classify = (status: number, body: unknown) =>
  classifyStatus(status, typeof body === 'string' ? body : JSON.stringify(body), PARTS)
const says = (m: string, rest: object = {}) => ({ error: { message: m, ...rest } })
const rows: [string, number, unknown, string][] = [
  // territory
  [
    'terr gemini',
    400,
    [
      {
        error: { code: 400, message: 'User location is not supported for the API use.', status: 'FAILED_PRECONDITION' },
      },
    ],
    'territory',
  ],
  [
    'terr anth',
    403,
    says('Access to Anthropic models is not allowed from unsupported countries, regions, or territories.'),
    'territory',
  ],
  ['terr x', 403, says('Your country is restricted from using this service'), 'territory'],
  ['terr y', 403, says('This service is not offered in your region.'), 'territory'],
  ['terr z', 403, says('The API is not available where you are located'), 'territory'],
  ['terr w', 400, { detail: 'Requests from your geographic area are denied' }, 'territory'],
  // too long
  [
    'long ds',
    400,
    says(
      "This model's maximum context length is 65536 tokens. However, you requested 90000 tokens (89000 in the messages, 1000 in the completion).",
    ),
    'too_long',
  ],
  ['long anth', 400, says('prompt is too long: 205000 tokens > 200000 maximum'), 'too_long'],
  ['long groq', 413, says('Request too large for model'), 'too_long'],
  [
    'long groq 429',
    429,
    says(
      'Request too large for model `x` in organization on tokens per minute (TPM): Limit 6000, Requested 9000, please reduce your message size',
      { type: 'tokens', code: 'rate_limit_exceeded' },
    ),
    'too_long',
  ],
  [
    'long mistral',
    400,
    {
      message: 'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
      code: 3051,
    },
    'too_long',
  ],
  [
    'long cohere',
    400,
    { message: 'too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292.' },
    'too_long',
  ],
  ['long kimi', 400, says('Invalid request: Your request exceeded model token limit: 8192'), 'too_long'],
  ['long zhipu', 400, says('Prompt 超长', { code: '1261' }), 'too_long'],
  [
    'long qwen',
    400,
    says('Range of input length should be [1, 30720]', { code: 'invalid_parameter_error' }),
    'too_long',
  ],
  ['long ollama', 400, { error: 'input length exceeds the context length' }, 'too_long'],
  [
    'long xai',
    400,
    { code: 'x', error: "This model's maximum prompt length is 131072 but the request contains 140000 tokens." },
    'too_long',
  ],
  ['long 500', 500, says('the request exceeds the available context size, try increasing it'), 'too_long'],
  [
    'long sg',
    400,
    { object: 'error', message: "The input (9000 tokens) is longer than the model's context length (8192 tokens)." },
    'too_long',
  ],
  ['long mlx', 400, { error: 'Too many tokens: 9000, this model handles 4096' }, 'too_long'],
  ['long window', 400, says('Your conversation does not fit into the window of this model'), 'too_long'],
  ['long n_ctx', 400, { error: 'Requested tokens (9000) exceed context window of 2048' }, 'too_long'],
  [
    'long es',
    400,
    says('Reduce the length of the messages or completion.', { code: 'context_length_exceeded' }),
    'too_long',
  ],
  // model's JSON
  [
    'json groq',
    400,
    says("Failed to generate JSON. Please adjust your prompt. See 'failed_generation' for more details.", {
      code: 'json_validate_failed',
      failed_generation: '{"',
    }),
    'unusable_answer',
  ],
  [
    'json other',
    400,
    says('Model output did not match the requested JSON schema', { code: 'output_schema_mismatch' }),
    'unusable_answer',
  ],
  ['json 422', 422, says('The model produced invalid JSON', { type: 'generation_error' }), 'unusable_answer'],
  ['json 500', 500, says('Generated text is not valid JSON'), 'unusable_answer'],
  ['json 400 c', 400, says('Could not parse the completion of the model as JSON'), 'unusable_answer'],
  // 429
  [
    '429 groq',
    429,
    says(
      'Rate limit reached for model `x` on requests per minute (RPM): Limit 30, Used 30. Upgrade at https://console.groq.com/settings/billing',
      { code: 'rate_limit_exceeded', type: 'requests' },
    ),
    'rate_limited',
  ],
  [
    '429 plan',
    429,
    says('You exceeded your current quota, please check your plan and billing details.', {
      status: 'RESOURCE_EXHAUSTED',
      details: [{ '@type': 'x', retryDelay: '30s' }],
    }),
    'rate_limited',
  ],
  [
    '429 quota',
    429,
    says('You exceeded your current quota, please check your plan and billing details.', {
      code: 'insufficient_quota',
    }),
    'quota',
  ],
  [
    '429 rle+quota',
    429,
    says('Exceeded your current quota; visit billing', { code: 'rate_limit_exceeded', type: 'insufficient_quota' }),
    'rate_limited',
  ],
  [
    '429 slow',
    429,
    says('Slow down. Buy more credits on the billing page to raise your limits.', { type: 'rate_limit_error' }),
    'rate_limited',
  ],
  ['429 ds', 402, says('Insufficient Balance'), 'quota'],
  ['429 text', 429, 'Too Many Requests', 'rate_limited'],
  ['429 concurrency', 429, says('Concurrency limit reached, add credit balance to increase'), 'rate_limited'],
  // moderation
  [
    'mod or',
    403,
    {
      error: {
        code: 403,
        message: 'Your chosen model requires moderation and your input was flagged',
        metadata: { reasons: ['violence'], flagged_input: 'x', provider_name: 'y' },
      },
    },
    'content_filter',
  ],
  [
    'mod 2',
    400,
    says('Input data may contain inappropriate content.', { code: 'data_inspection_failed' }),
    'content_filter',
  ],
  ['mod 3', 403, { error: { message: 'Blocked by guardrail', categories: ['pii'] } }, 'content_filter'],
  ['mod 4', 400, says('Content Exists Risk'), 'content_filter'],
  ['mod 5', 400, says('系统检测到输入或生成内容可能包含不安全或敏感内容', { code: '1301' }), 'content_filter'],
  ['mod 6', 422, { detail: 'Request rejected: toxicity detected in prompt' }, 'unclear_rejection'],
  [
    'mod 7',
    403,
    { error: { message: 'Prompt rejected by policy', metadata: { violations: ['weapons'] } } },
    'content_filter',
  ],
  ['403 key', 403, says('Your API key does not have permission to use this model'), 'unauthorized'],
  // None
  ['none', 400, { error: { message: 'bad', param: 'None', code: '400', type: 'None' } }, 'unclear_rejection'],
  [
    'nones',
    400,
    { error: { message: 'bad', param: null, code: null, type: 'null', details: [] } },
    'unclear_rejection',
  ],
  ['none 2', 400, { error: { message: 'bad', param: 'N/A', code: 'nil' } }, 'unclear_rejection'],
  ['none 3', 400, { error: { message: 'bad', param: '-', code: '' } }, 'unclear_rejection'],
  ['none 4', 400, { error: { message: 'bad', param: 'undefined', code: 'NULL' } }, 'unclear_rejection'],
  // unnamed
  ['unn', 404, says('No endpoints found that can handle the requested parameters.'), 'unnamed'],
  ['unn2', 400, says('Some parameters are not supported by this model'), 'unclear_rejection'],
]
test.each(rows)('%s', (_name, status, body, want) => {
  const { code, refused } = classify(status, body)
  expect(code === 'parameter_refused' ? refused.join('+') : code).toBe(want)
})
