/**
 * Refusals of response format, seed, temperature and cap, in wordings and forms that nobody has reported. Each row represents a kind of
 * server.
 */
import { expect, test } from 'vitest'
import { blamed, says } from '../support/classified.ts'

const rows: [string, number, unknown, string][] = [
  // format
  [
    'Cohere: response_format is not supported for the model',
    400,
    { message: "invalid request: response_format is not supported for model 'command-light'" },
    'format',
  ],
  ['a model without JSON mode', 400, says('This model does not support JSON mode outputs'), 'format'],
  [
    'DeepInfra: structured outputs are not available',
    422,
    { detail: { error: 'Structured outputs are currently not available for this deployment' } },
    'format',
  ],
  [
    'Zhipu: response_format is not supported, in Chinese',
    400,
    says('response_format 参数不支持', { code: '1210' }),
    'format',
  ],
  ['response_format is invalid, in Chinese', 400, says('参数 response_format 无效'), 'format'],
  [
    'SGLang without a grammar backend',
    400,
    {
      object: 'error',
      message: 'Grammar backend is none; json_schema requires --grammar-backend',
      type: 'BadRequest',
      code: 400,
    },
    'format',
  ],
  [
    'constrained decoding is not implemented, under 501',
    501,
    says('json schema constrained decoding not implemented'),
    'format',
  ],
  [
    'Bedrock: response_format is an extraneous key',
    400,
    {
      message:
        'Malformed input request: #: extraneous key [response_format] is not permitted, please reformat your input and try again.',
    },
    'format',
  ],
  [
    'Vertex: response_schema is an invalid argument',
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
    'pydantic: an unsupported json_schema, under 500',
    500,
    {
      detail: [
        { type: 'value_error', loc: ['body', 'response_format', 'json_schema'], msg: 'Value error, unsupported' },
      ],
    },
    'format',
  ],
  [
    'a schema that is not strict enough',
    400,
    says("Invalid schema for response_format 'resume_score': In context=(), 'additionalProperties' is required", {
      param: 'response_format',
      code: 'invalid_json_schema',
    }),
    'format',
  ],
  [
    'TensorRT: a keyword of the schema is not supported',
    400,
    { detail: 'guided_json backend xgrammar does not support this schema keyword: maxItems' },
    'format',
  ],
  ['response_format must be text, in German', 400, says('response_format.type: Eingabe muss text sein'), 'format'],
  // seed
  ['Cohere: seed is no valid field', 422, { message: 'unknown field: parameter "seed" is not a valid field' }, 'seed'],
  [
    'Anthropic: seed is an extra input',
    400,
    { type: 'error', error: { type: 'invalid_request_error', message: 'seed: Extra inputs are not permitted' } },
    'seed',
  ],
  ['AWS: seed is an extraneous key', 400, { message: 'extraneous key [seed] is not permitted' }, 'seed'],
  [
    'seed is an unexpected keyword argument, under 500',
    500,
    { error: "Completions.create() got an unexpected keyword argument 'seed'" },
    'seed',
  ],
  ['seed in a map of errors', 400, { errors: { seed: ['This field is not allowed.'] } }, 'seed'],
  [
    'seed among the invalid-params of RFC 7807',
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
    'seed among invalid_params',
    400,
    { title: 'Bad', invalid_params: [{ name: 'seed', reason: 'unexpected property' }] },
    'seed',
  ],
  ['Go: seed is an unknown field', 400, { error: 'json: unknown field "seed"' }, 'seed'],
  [
    'Ajv: seed is an additional property',
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
  ['seed in a list of texts', 400, ['Parameter seed is ignored by this model; remove it'], 'seed'],
  [
    'Spring: seed is an unrecognized field',
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
    'pydantic 1: seed is an extra field',
    422,
    { detail: [{ loc: ['body', 'seed'], msg: 'extra fields not permitted', type: 'value_error.extra' }] },
    'seed',
  ],
  [
    'seed and temperature in one sentence',
    400,
    says("The following parameters are not supported: 'seed', 'temperature'"),
    'seed+temperature',
  ],
  // temperature
  [
    'Bedrock: temperature and top_p exclude each other',
    400,
    says('`temperature` and `top_p` cannot both be specified for this model'),
    'temperature',
  ],
  ['temperature must be greater than 0', 400, says('temperature must be greater than 0'), 'temperature'],
  [
    'temperature must be strictly positive',
    422,
    { error: 'Input validation error: `temperature` must be strictly positive', error_type: 'validation' },
    'temperature',
  ],
  [
    'Kimi: temperature must be 1',
    400,
    says('invalid temperature: only 1 is allowed for this model', { type: 'invalid_request_error' }),
    'temperature',
  ],
  [
    'o-series: temperature must be the default',
    400,
    says('temperature does not support 0 with this model. Only the default (1) value is supported.', {
      param: 'temperature',
      code: 'unsupported_value',
    }),
    'temperature',
  ],
  ['temperature is out of range', 400, says('temperature out of range (0.01, 2]'), 'temperature'],
  ['temperature is deprecated', 400, says('`temperature` is deprecated for this model'), 'temperature'],
  [
    'temperature must lie between two numbers',
    400,
    says('Expected temperature to be between 0.1 and 1.0, got 0'),
    'temperature',
  ],
  ['the range of temperature, in Chinese', 400, says('temperature 取值范围为 (0,1]'), 'temperature'],
  // cap
  [
    'max_completion_tokens is an unrecognized argument',
    400,
    says('Unrecognized request argument supplied: max_completion_tokens', { type: 'invalid_request_error' }),
    'cap',
  ],
  [
    'max_tokens is replaced by max_completion_tokens',
    400,
    says("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", {
      param: 'max_tokens',
    }),
    'cap',
  ],
  [
    'pydantic: max_tokens is missing',
    422,
    { detail: [{ type: 'missing', loc: ['body', 'max_tokens'], msg: 'Field required' }] },
    'cap',
  ],
  ['max_tokens is required', 400, says('max_tokens: Field required'), 'cap'],
  [
    'maxCompletionTokens is an unknown name',
    400,
    says('Invalid JSON payload received. Unknown name "maxCompletionTokens"'),
    'cap',
  ],
]

test.each(rows)('%s', (_name, status, body, blames) => {
  expect(blamed(status, body)).toBe(blames)
})
