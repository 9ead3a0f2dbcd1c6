/**
 * Which cause an error is blamed on, in wordings and forms that nobody has reported. Each row represents a kind of server, not an existing
 * one.
 */
import { expect, test } from 'vitest'
import { blamed, says } from '../support/classified.ts'

const rows: [string, number, unknown, string][] = [
  // territory
  [
    'Gemini: the location is not supported',
    400,
    [
      {
        error: { code: 400, message: 'User location is not supported for the API use.', status: 'FAILED_PRECONDITION' },
      },
    ],
    'territory',
  ],
  [
    'Anthropic: unsupported countries, regions or territories',
    403,
    says('Access to Anthropic models is not allowed from unsupported countries, regions, or territories.'),
    'territory',
  ],
  ['the country is restricted', 403, says('Your country is restricted from using this service'), 'territory'],
  ['not offered in the region', 403, says('This service is not offered in your region.'), 'territory'],
  ['not available where you are located', 403, says('The API is not available where you are located'), 'territory'],
  ['a geographic area that is denied', 400, { detail: 'Requests from your geographic area are denied' }, 'territory'],
  // model's JSON
  [
    'Groq: the model’s JSON failed',
    400,
    says("Failed to generate JSON. Please adjust your prompt. See 'failed_generation' for more details.", {
      code: 'json_validate_failed',
      failed_generation: '{"',
    }),
    'unusable_answer',
  ],
  [
    'the output mismatches the schema',
    400,
    says('Model output did not match the requested JSON schema', { code: 'output_schema_mismatch' }),
    'unusable_answer',
  ],
  [
    'the model produced invalid JSON, under 422',
    422,
    says('The model produced invalid JSON', { type: 'generation_error' }),
    'unusable_answer',
  ],
  ['the generated text is no JSON, under 500', 500, says('Generated text is not valid JSON'), 'unusable_answer'],
  [
    'the completion cannot be parsed',
    400,
    says('Could not parse the completion of the model as JSON'),
    'unusable_answer',
  ],
  // 429
  [
    'Groq: a rate limit that links to billing',
    429,
    says(
      'Rate limit reached for model `x` on requests per minute (RPM): Limit 30, Used 30. Upgrade at https://console.groq.com/settings/billing',
      { code: 'rate_limit_exceeded', type: 'requests' },
    ),
    'rate_limited',
  ],
  [
    'Gemini: a rate limit in the words of a quota',
    429,
    says('You exceeded your current quota, please check your plan and billing details.', {
      status: 'RESOURCE_EXHAUSTED',
      details: [{ '@type': 'x', retryDelay: '30s' }],
    }),
    'rate_limited',
  ],
  [
    'OpenAI: a spent quota',
    429,
    says('You exceeded your current quota, please check your plan and billing details.', {
      code: 'insufficient_quota',
    }),
    'quota',
  ],
  [
    'a rate limit by its code, a quota by its type',
    429,
    says('Exceeded your current quota; visit billing', { code: 'rate_limit_exceeded', type: 'insufficient_quota' }),
    'rate_limited',
  ],
  [
    'a rate limit that advertises credits',
    429,
    says('Slow down. Buy more credits on the billing page to raise your limits.', { type: 'rate_limit_error' }),
    'rate_limited',
  ],
  ['DeepSeek: no balance, under 402', 402, says('Insufficient Balance'), 'quota'],
  ['a rate limit as plain text', 429, 'Too Many Requests', 'rate_limited'],
  [
    'a limit of concurrency that advertises credits',
    429,
    says('Concurrency limit reached, add credit balance to increase'),
    'rate_limited',
  ],
  // moderation
  [
    'OpenRouter: a flagged input',
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
    'data_inspection_failed',
    400,
    says('Input data may contain inappropriate content.', { code: 'data_inspection_failed' }),
    'content_filter',
  ],
  [
    'a guardrail with categories',
    403,
    { error: { message: 'Blocked by guardrail', categories: ['pii'] } },
    'content_filter',
  ],
  ['DeepSeek: a content risk', 400, says('Content Exists Risk'), 'content_filter'],
  [
    'unsafe content, in Chinese',
    400,
    says('系统检测到输入或生成内容可能包含不安全或敏感内容', { code: '1301' }),
    'content_filter',
  ],
  [
    'toxicity, in an unknown form',
    422,
    { detail: 'Request rejected: toxicity detected in prompt' },
    'unclear_rejection',
  ],
  [
    'violations of a policy',
    403,
    { error: { message: 'Prompt rejected by policy', metadata: { violations: ['weapons'] } } },
    'content_filter',
  ],
  ['a key without permission', 403, says('Your API key does not have permission to use this model'), 'unauthorized'],
  // None
  [
    'absent things as None',
    400,
    { error: { message: 'bad', param: 'None', code: '400', type: 'None' } },
    'unclear_rejection',
  ],
  [
    'absent things as null and an empty list',
    400,
    { error: { message: 'bad', param: null, code: null, type: 'null', details: [] } },
    'unclear_rejection',
  ],
  ['absent things as N/A and nil', 400, { error: { message: 'bad', param: 'N/A', code: 'nil' } }, 'unclear_rejection'],
  [
    'absent things as a dash and nothing',
    400,
    { error: { message: 'bad', param: '-', code: '' } },
    'unclear_rejection',
  ],
  [
    'absent things as undefined and NULL',
    400,
    { error: { message: 'bad', param: 'undefined', code: 'NULL' } },
    'unclear_rejection',
  ],
  // unnamed
  [
    'a router: no endpoint for the parameters',
    404,
    says('No endpoints found that can handle the requested parameters.'),
    'unnamed',
  ],
  [
    'some parameters that are not named',
    400,
    says('Some parameters are not supported by this model'),
    'unclear_rejection',
  ],
]

test.each(rows)('%s', (_name, status, body, blames) => {
  expect(blamed(status, body)).toBe(blames)
})
