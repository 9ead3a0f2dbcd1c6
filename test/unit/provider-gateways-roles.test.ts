/** How servers of other makers refuse the roles of a request's messages. */
import { describe, expect, test } from 'vitest'
import type { RefusedPart } from '../../src/provider/refused-parts.ts'
import { classify, gemini } from '../support/classified.ts'

describe('a refused part of the request', () => {
  test.each<[string, number, unknown, RefusedPart[]]>([
    [
      'Gemma behind vLLM',
      400,
      {
        object: 'error',
        message: 'Conversation roles must alternate user/assistant/user/assistant/...',
        type: 'BadRequestError',
        param: null,
        code: 400,
      },
      ['roles'],
    ],
    [
      'Mistral behind vLLM',
      400,
      {
        error: {
          message:
            'After the optional system message, conversation roles must alternate user/assistant/user/assistant/...',
          type: 'BadRequestError',
          param: null,
          code: 400,
        },
      },
      ['roles'],
    ],
    [
      'llama.cpp with a template',
      500,
      {
        error: {
          code: 500,
          message: 'Jinja Exception: Conversation roles must alternate user/assistant/user/assistant/...',
          type: 'server_error',
        },
      },
      ['roles'],
    ],
    [
      'a server that takes no two messages of one role',
      422,
      { detail: 'messages: consecutive messages with the role user' },
      ['roles'],
    ],
    ['Gemma 2', 400, { error: { message: 'System role not supported' } }, ['system']],
    ['Gemma at Google', 400, gemini(400, 'Developer instruction is not enabled for models/gemma-3-27b-it'), ['system']],
    [
      'a template with two roles',
      500,
      { error: { message: 'Jinja Exception: Only user and assistant roles are supported!' } },
      ['system'],
    ],
    [
      'o1-mini',
      400,
      {
        error: {
          message: "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
          param: 'messages[0].role',
          code: 'unsupported_value',
        },
      },
      ['system'],
    ],
  ])('%s', (_server, status, body, refused) => {
    expect(classify(status, body)).toMatchObject({ code: 'parameter_refused', refused })
  })
})
