/** Refusals of roles and of the key’s header, in wordings and forms that nobody has reported. Each row represents a kind of server. */
import { expect, test } from 'vitest'
import { blamed, says } from '../support/classified.ts'

const rows: [string, number, unknown, string][] = [
  // roles
  [
    'roles must alternate',
    400,
    says('messages: roles must alternate between "user" and "assistant", but found multiple "user" roles in a row'),
    'roles',
  ],
  [
    'Perplexity: user messages should alternate with the assistant’s',
    400,
    says(
      'After the (optional) system message(s), user or tool message(s) should alternate with assistant message(s).',
      { type: 'invalid_message', code: 400 },
    ),
    'roles',
  ],
  [
    'a template raises that roles must alternate',
    500,
    says('raise_exception: Conversation roles must alternate'),
    'roles',
  ],
  ['two adjacent messages of the user', 400, { detail: 'two adjacent user messages are not allowed' }, 'roles'],
  [
    'Mistral: user after user',
    400,
    {
      message: 'Expected last role User or Tool (or Assistant with prefix True) for serving but got user after user',
      type: 'invalid_request_error',
      code: 3230,
    },
    'roles',
  ],
  [
    'Baidu: an odd number of messages with alternating roles',
    400,
    says('messages must be odd and the roles alternate', { code: '336006' }),
    'roles',
  ],
  [
    'the chat template has no system role',
    400,
    says("'system' role is not supported by this model's chat template"),
    'system',
  ],
  [
    'pydantic: the role must be user or assistant',
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
  [
    'system is an unknown variant',
    400,
    says('messages[0].role: unknown variant `system`, expected `user` or `assistant`'),
    'system',
  ],
  [
    'Anthropic: system is a parameter of its own',
    400,
    says('messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter.'),
    'system',
  ],
  [
    'a template cannot use a system message',
    400,
    { error: 'Error rendering prompt with jinja template: "Cannot use system message with this model"' },
    'system',
  ],
  // key
  [
    'Azure: a missing subscription key',
    401,
    {
      statusCode: 401,
      message:
        'Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API.',
    },
    'key',
  ],
  ['a missing x-api-key header', 403, { message: 'Missing x-api-key header' }, 'key'],
  [
    'Anthropic: the x-api-key header is required',
    401,
    { type: 'error', error: { type: 'authentication_error', message: 'x-api-key header is required' } },
    'key',
  ],
  [
    'a wrong key refuses no part',
    401,
    says('Incorrect API key provided: sk-x.', { code: 'invalid_api_key' }),
    'unauthorized',
  ],
]

test.each(rows)('%s', (_name, status, body, blames) => {
  expect(blamed(status, body)).toBe(blames)
})
