/** Refusals of parts of a request in wordings and forms that nobody has reported: each row stands for a kind. */
import { expect, test } from 'vitest'
import { classifyStatus } from '../../src/provider/classify.ts'
import { firstForm, partsOf } from '../../src/provider/form.ts'

const PARTS = partsOf(firstForm('https://provider.example/v1'), { name: 's', schema: {} }, false)
const classify = (status: number, body: unknown) =>
  classifyStatus(status, typeof body === 'string' ? body : JSON.stringify(body), PARTS)
const says = (m: string, rest: object = {}) => ({ error: { message: m, ...rest } })
const rows: [string, number, unknown, string][] = [
  // format
  [
    'fmt cohere',
    400,
    { message: "invalid request: response_format is not supported for model 'command-light'" },
    'format',
  ],
  ['fmt ja', 400, says('This model does not support JSON mode outputs'), 'format'],
  [
    'fmt deepinfra',
    422,
    { detail: { error: 'Structured outputs are currently not available for this deployment' } },
    'format',
  ],
  ['fmt zhipu', 400, says('response_format 参数不支持', { code: '1210' }), 'format'],
  ['fmt zh2', 400, says('参数 response_format 无效'), 'format'],
  [
    'fmt sglang',
    400,
    {
      object: 'error',
      message: 'Grammar backend is none; json_schema requires --grammar-backend',
      type: 'BadRequest',
      code: 400,
    },
    'format',
  ],
  ['fmt 501', 501, says('json schema constrained decoding not implemented'), 'format'],
  [
    'fmt bedrock',
    400,
    {
      message:
        'Malformed input request: #: extraneous key [response_format] is not permitted, please reformat your input and try again.',
    },
    'format',
  ],
  [
    'fmt vertex',
    400,
    [
      {
        error: {
          code: 400,
          message: 'Request contains an invalid argument: generation_config.response_schema',
          status: 'INVALID_ARGUMENT',
        },
      },
    ],
    'format',
  ],
  [
    'fmt 500',
    500,
    {
      detail: [
        { type: 'value_error', loc: ['body', 'response_format', 'json_schema'], msg: 'Value error, unsupported' },
      ],
    },
    'format',
  ],
  [
    'fmt strict',
    400,
    says("Invalid schema for response_format 'resume_score': In context=(), 'additionalProperties' is required", {
      param: 'response_format',
      code: 'invalid_json_schema',
    }),
    'format',
  ],
  [
    'fmt tensorRT',
    400,
    { detail: 'guided_json backend xgrammar does not support this schema keyword: maxItems' },
    'format',
  ],
  ['fmt de', 400, says('response_format.type: Eingabe muss text sein'), 'format'],
  // seed
  ['seed cohere', 422, { message: 'unknown field: parameter "seed" is not a valid field' }, 'seed'],
  [
    'seed anthropic',
    400,
    { type: 'error', error: { type: 'invalid_request_error', message: 'seed: Extra inputs are not permitted' } },
    'seed',
  ],
  ['seed aws', 400, { message: 'extraneous key [seed] is not permitted' }, 'seed'],
  ['seed kwarg 500', 500, { error: "Completions.create() got an unexpected keyword argument 'seed'" }, 'seed'],
  ['seed errors map', 400, { errors: { seed: ['This field is not allowed.'] } }, 'seed'],
  [
    'seed rfc7807',
    422,
    {
      type: 'https://x/validation',
      title: 'Validation error',
      status: 422,
      'invalid-params': [{ name: 'seed', reason: 'is not accepted' }],
    },
    'seed',
  ],
  [
    'seed invalidParams',
    400,
    { title: 'Bad', invalid_params: [{ name: 'seed', reason: 'unexpected property' }] },
    'seed',
  ],
  ['seed go', 400, { error: 'json: unknown field "seed"' }, 'seed'],
  [
    'seed ajv',
    400,
    {
      errors: [
        {
          instancePath: '',
          keyword: 'additionalProperties',
          params: { additionalProperty: 'seed' },
          message: 'must NOT have additional properties',
        },
      ],
    },
    'seed',
  ],
  ['seed list of strings', 400, ['Parameter seed is ignored by this model; remove it'], 'seed'],
  [
    'seed spring',
    400,
    {
      timestamp: 'x',
      status: 400,
      error: 'Bad Request',
      message: 'JSON parse error: Unrecognized field "seed" (class ChatRequest), not marked as ignorable',
      path: '/v1/chat/completions',
    },
    'seed',
  ],
  [
    'seed detail msg',
    422,
    { detail: [{ loc: ['body', 'seed'], msg: 'extra fields not permitted', type: 'value_error.extra' }] },
    'seed',
  ],
  ['seed and temp', 400, says("The following parameters are not supported: 'seed', 'temperature'"), 'seed+temperature'],
  // temperature
  ['temp bedrock', 400, says('`temperature` and `top_p` cannot both be specified for this model'), 'temperature'],
  ['temp 0 not >0', 400, says('temperature must be greater than 0'), 'temperature'],
  [
    'temp range',
    422,
    { error: 'Input validation error: `temperature` must be strictly positive', error_type: 'validation' },
    'temperature',
  ],
  [
    'temp kimi',
    400,
    says('invalid temperature: only 1 is allowed for this model', { type: 'invalid_request_error' }),
    'temperature',
  ],
  [
    'temp o',
    400,
    says('temperature does not support 0 with this model. Only the default (1) value is supported.', {
      param: 'temperature',
      code: 'unsupported_value',
    }),
    'temperature',
  ],
  ['temp out of bounds', 400, says('temperature out of range (0.01, 2]'), 'temperature'],
  ['temp deprec', 400, says('`temperature` is deprecated for this model'), 'temperature'],
  ['temp float', 400, says('Expected temperature to be between 0.1 and 1.0, got 0'), 'temperature'],
  ['temp zh', 400, says('temperature 取值范围为 (0,1]'), 'temperature'],
  // cap
  [
    'cap old',
    400,
    says('Unrecognized request argument supplied: max_completion_tokens', { type: 'invalid_request_error' }),
    'cap',
  ],
  [
    'cap other way',
    400,
    says("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", {
      param: 'max_tokens',
    }),
    'cap',
  ],
  ['cap required', 422, { detail: [{ type: 'missing', loc: ['body', 'max_tokens'], msg: 'Field required' }] }, 'cap'],
  ['cap required 2', 400, says('max_tokens: Field required'), 'cap'],
  ['cap camel', 400, says('Invalid JSON payload received. Unknown name "maxCompletionTokens"'), 'cap'],
  // roles
  [
    'roles alt',
    400,
    says('messages: roles must alternate between "user" and "assistant", but found multiple "user" roles in a row'),
    'roles',
  ],
  [
    'roles perplexity',
    400,
    says(
      'After the (optional) system message(s), user or tool message(s) should alternate with assistant message(s).',
      { type: 'invalid_message', code: 400 },
    ),
    'roles',
  ],
  ['roles jinja2', 500, says('raise_exception: Conversation roles must alternate'), 'roles'],
  ['roles same', 400, { detail: 'two adjacent user messages are not allowed' }, 'roles'],
  [
    'roles mistral',
    400,
    {
      message: 'Expected last role User or Tool (or Assistant with prefix True) for serving but got user after user',
      type: 'invalid_request_error',
      code: 3230,
    },
    'roles',
  ],
  ['roles baidu', 400, says('messages must be odd and the roles alternate', { code: '336006' }), 'roles'],
  ['sys', 400, says("'system' role is not supported by this model's chat template"), 'system'],
  [
    'sys 2',
    422,
    {
      detail: [
        {
          type: 'literal_error',
          loc: ['body', 'messages', 0, 'role'],
          msg: "Input should be 'user' or 'assistant'",
          input: 'system',
        },
      ],
    },
    'system',
  ],
  ['sys 3', 400, says('messages[0].role: unknown variant `system`, expected `user` or `assistant`'), 'system'],
  [
    'sys anth',
    400,
    says('messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter.'),
    'system',
  ],
  [
    'sys tmpl',
    400,
    { error: 'Error rendering prompt with jinja template: "Cannot use system message with this model"' },
    'system',
  ],
  // key
  [
    'key azure',
    401,
    {
      statusCode: 401,
      message:
        'Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API.',
    },
    'key',
  ],
  ['key x', 403, { message: 'Missing x-api-key header' }, 'key'],
  [
    'key anth',
    401,
    { type: 'error', error: { type: 'authentication_error', message: 'x-api-key header is required' } },
    'key',
  ],
  ['key wrong', 401, says('Incorrect API key provided: sk-x.', { code: 'invalid_api_key' }), 'unauthorized'],
]
test.each(rows)('%s', (_name, status, body, want) => {
  const { code, refused } = classify(status, body)
  expect(code === 'parameter_refused' ? refused.join('+') : code).toBe(want)
})
