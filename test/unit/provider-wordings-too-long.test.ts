/** Texts that are too long, in wordings and forms that nobody has reported. Each row represents a kind of server. */
import { expect, test } from 'vitest'
import { blamed, says } from '../support/classified.ts'

const rows: [string, number, unknown][] = [
  [
    'DeepSeek: too long',
    400,
    says(
      "This model's maximum context length is 65536 tokens. However, you requested 90000 tokens (89000 in the messages, 1000 in the completion).",
    ),
  ],
  ['Anthropic: too long', 400, says('prompt is too long: 205000 tokens > 200000 maximum')],
  ['Groq: too long, under 413', 413, says('Request too large for model')],
  [
    'Groq: too long for the minute’s limit, under 429',
    429,
    says(
      'Request too large for model `x` in organization on tokens per minute (TPM): Limit 6000, Requested 9000, please reduce your message size',
      { type: 'tokens', code: 'rate_limit_exceeded' },
    ),
  ],
  [
    'Mistral: too long',
    400,
    {
      message: 'Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length',
      code: 3051,
    },
  ],
  [
    'Cohere: too long',
    400,
    { message: 'too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292.' },
  ],
  ['Kimi: too long', 400, says('Invalid request: Your request exceeded model token limit: 8192')],
  ['Zhipu: too long, in Chinese', 400, says('Prompt 超长', { code: '1261' })],
  ['Qwen: too long', 400, says('Range of input length should be [1, 30720]', { code: 'invalid_parameter_error' })],
  ['Ollama: too long', 400, { error: 'input length exceeds the context length' }],
  [
    'xAI: too long',
    400,
    { code: 'x', error: "This model's maximum prompt length is 131072 but the request contains 140000 tokens." },
  ],
  ['too long, under 500', 500, says('the request exceeds the available context size, try increasing it')],
  [
    'SGLang: too long',
    400,
    { object: 'error', message: "The input (9000 tokens) is longer than the model's context length (8192 tokens)." },
  ],
  ['MLX: too long', 400, { error: 'Too many tokens: 9000, this model handles 4096' }],
  ['too long for the window', 400, says('Your conversation does not fit into the window of this model')],
  ['llama.cpp: too long for n_ctx', 400, { error: 'Requested tokens (9000) exceed context window of 2048' }],
  [
    'context_length_exceeded',
    400,
    says('Reduce the length of the messages or completion.', { code: 'context_length_exceeded' }),
  ],
]

test.each(rows)('%s', (_name, status, body) => {
  expect(blamed(status, body)).toBe('too_long')
})
