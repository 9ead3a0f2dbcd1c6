/** What servers of other makers refuse of a request's form, in their own words and in words that nobody has sent yet. */
import { describe, expect, test } from 'vitest'
import type { FailureCode } from '../../src/errors.ts'
import { classifyStatus } from '../../src/provider/classify.ts'
import type { RefusedPart } from '../../src/provider/refused-parts.ts'
import { classify, gemini } from '../support/classified.ts'

const pydantic = (field: string, msg: string) => ({
  type: 'literal_error',
  loc: ['body', ...field.split('.')],
  msg,
  input: 'x',
})

describe('a refused part of the request', () => {
  test.each<[string, number, unknown, RefusedPart[]]>([
    [
      'DeepSeek',
      400,
      {
        error: {
          message: 'This response_format type is unavailable now',
          type: 'invalid_request_error',
          param: null,
          code: 'invalid_request_error',
        },
      },
      ['format'],
    ],
    [
      'DeepSeek, by its deserializer',
      400,
      {
        error: {
          message:
            'Failed to deserialize the JSON body into the target type: response_format: response_format.type `json_schema` is unavailable now at line 1 column 9203',
          code: 'invalid_request_error',
        },
      },
      ['format'],
    ],
    ['Gemini', 400, gemini(400, 'Invalid JSON payload received. Unknown name "seed": Cannot find field.'), ['seed']],
    [
      'Gemini, two at once',
      400,
      gemini(
        400,
        'Invalid JSON payload received. Unknown name "seed": Cannot find field.\nInvalid JSON payload received. Unknown name "temperature": Cannot find field.',
      ),
      ['seed', 'temperature'],
    ],
    [
      'Kimi',
      400,
      { error: { message: 'invalid temperature: only 1 is allowed for this model', type: 'invalid_request_error' } },
      ['temperature'],
    ],
    [
      'GPT-5',
      400,
      {
        error: {
          message:
            "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.",
          param: 'temperature',
          code: 'unsupported_value',
        },
      },
      ['temperature'],
    ],
    [
      'TGI',
      422,
      { error: 'Input validation error: `temperature` must be strictly positive', error_type: 'validation' },
      ['temperature'],
    ],
    [
      'Mistral',
      422,
      {
        detail: [
          pydantic('seed', 'Extra inputs are not permitted'),
          pydantic('max_completion_tokens', 'Extra inputs are not permitted'),
        ],
      },
      ['seed', 'cap'],
    ],
    [
      'pydantic, as text',
      400,
      {
        object: 'error',
        message:
          '1 validation error for ChatCompletionRequest\nseed\n  Extra inputs are not permitted [type=extra_forbidden, input_value=1, input_type=int]',
      },
      ['seed'],
    ],
    [
      'llama-cpp-python',
      500,
      {
        error: {
          message:
            "[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text' or 'json_object'\", 'input': 'json_schema', 'ctx': {'expected': \"'text' or 'json_object'\"}}]",
          type: 'internal_server_error',
          param: null,
          code: null,
        },
      },
      ['format'],
    ],
    [
      'a Python server that passes its arguments on',
      500,
      { detail: "create() got an unexpected keyword argument 'seed'" },
      ['seed'],
    ],
    [
      'a server that names the cap',
      400,
      {
        error: {
          message:
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
          param: 'max_tokens',
          code: 'unsupported_parameter',
        },
      },
      ['cap'],
    ],
    [
      'a router',
      404,
      {
        error: {
          message:
            'No endpoints found that support the requested parameters. To learn more about provider routing, visit: https://openrouter.ai/docs/provider-routing',
          code: 404,
        },
      },
      ['unnamed'],
    ],
    [
      'a router with the error of its upstream as text',
      400,
      {
        error: {
          message: 'Provider returned error',
          code: 400,
          metadata: {
            raw: '{"detail":[{"loc":["body","response_format"],"msg":"Field not allowed"}]}',
            provider_name: 'X',
          },
        },
      },
      ['format'],
    ],
    ['a model, in words', 400, { message: 'Structured outputs are not supported by this model.' }, ['format']],
    [
      'a model that is named as well',
      404,
      { error: { message: 'The model qwen-x is not available with json_schema' } },
      ['format'],
    ],
    ['a plain text', 400, 'json mode is disabled on this deployment', ['format']],
    ['a list of errors', 422, { errors: [{ message: 'is not allowed', path: ['temperature'] }] }, ['temperature']],
    [
      'a grammar that fails',
      400,
      { error: { code: 400, message: 'failed to parse grammar', type: 'invalid_request_error' } },
      ['format'],
    ],
    [
      'a gateway that looks for the key elsewhere',
      401,
      {
        statusCode: 401,
        message:
          'Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API.',
      },
      ['key'],
    ],
    ['a server that names its header', 401, { detail: 'Missing api-key header' }, ['key']],
    ['a server that has seen no key', 401, { error: 'API key required' }, ['key']],
  ])('%s', (_server, status, body, refused) => {
    expect(classify(status, body)).toMatchObject({ code: 'parameter_refused', refused })
  })

  test('is not one that the request does not have', () => {
    const body = JSON.stringify({ error: { message: 'seed is not supported' } })
    expect(classifyStatus(400, body, ['format'])).toMatchObject({ code: 'unclear_rejection', refused: [] })
  })

  test.each<[string, number, unknown, FailureCode]>([
    [
      'what a list of the supported ones names',
      400,
      { error: { message: 'Too strange. Supported parameters: temperature, seed, response_format' } },
      'unclear_rejection',
    ],
    ['an outage that names a parameter', 500, { error: { message: 'Worker died while it read the seed' } }, 'outage'],
    [
      'a resume that speaks of seeds',
      400,
      { error: { message: 'Bad request: «Seed-стадия, температура воздуха»' } },
      'unclear_rejection',
    ],
    [
      'a wrong key',
      401,
      { error: { message: 'Incorrect API key provided: sk-1.', code: 'invalid_api_key' } },
      'unauthorized',
    ],
    [
      'a cap above the model’s',
      400,
      { error: { message: 'max_tokens must be at most 8192 for this model' } },
      'bad_configuration',
    ],
  ])('is not %s', (_what, status, body, code) => {
    expect(classify(status, body)).toMatchObject({ code, refused: [] })
  })
})
