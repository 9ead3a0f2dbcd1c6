/** Servers that deviate from OpenAI's API: what they refuse, how they word it, and how their models answer. */
import type { Problem } from './problem.ts'

export interface Gateway {
  /** What it refuses of a request that OpenAI would take; null: nothing. */
  refuses: (body: Record<string, unknown>) => Problem | null
  /** The body of an error; OpenAI's form without it. */
  render?: (problem: Problem) => unknown
  /** What the model writes for an answer. */
  says?: (answer: string) => string
  /** Tokens that the model thinks before its first word. */
  thinks?: number
}

const refusal = (message: string, status = 400, type = 'invalid_request_error'): Problem => ({
  status,
  message,
  type,
  param: null,
  code: null,
})

const formatOf = (body: Record<string, unknown>): unknown =>
  (body['response_format'] as { type?: unknown } | null | undefined)?.type

const has = (body: Record<string, unknown>, name: string) => (body[name] ?? null) !== null

/** Google's names of statuses. */
const STATUS_NAMES: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  503: 'UNAVAILABLE',
}

function geminiError({ status, message, headers }: Problem): unknown {
  const ms = Number(headers?.['retry-after-ms'] ?? Number.NaN)
  const retry = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${ms / 1_000}s` }
  const spent = 'You exceeded your current quota, please check your plan and billing details.'
  return [
    {
      error: {
        code: status,
        message: status === 429 && !Number.isNaN(ms) ? spent : message,
        status: STATUS_NAMES[status] ?? 'INTERNAL',
        ...(Number.isNaN(ms) ? {} : { details: [retry] }),
      },
    },
  ]
}

/** A list of one pydantic error, as Python prints it. */
const literalFault =
  "[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text' or 'json_object'\", 'input': 'json_schema', 'ctx': {'expected': \"'text' or 'json_object'\"}}]"

export const GATEWAYS = {
  deepseek: {
    refuses: (body) =>
      formatOf(body) === 'json_schema' ? refusal('This response_format type is unavailable now') : null,
  },
  gemini: {
    refuses: (body) =>
      has(body, 'seed') ? refusal('Invalid JSON payload received. Unknown name "seed": Cannot find field.') : null,
    render: geminiError,
  },
  groq: {
    refuses: (body) =>
      formatOf(body) === 'json_schema'
        ? refusal('This model does not support response format `json_schema`. See https://console.groq.com/docs/models')
        : null,
    render: ({ status, message, type, code }) => ({
      error: {
        message: `${message}${status === 429 ? ' Need more tokens? Upgrade to Dev Tier today at https://console.groq.com/settings/billing' : ''}`,
        type,
        code,
      },
    }),
  },
  reasoning: {
    refuses: (body) =>
      has(body, 'temperature') ? refusal('invalid temperature: only 1 is allowed for this model') : null,
    says: (answer) => `<think>\nThe candidate… {"score": maybe}\n</think>\n\n${answer}`,
    thinks: 2_500,
  },
  llamacpp: {
    refuses: (body) => (formatOf(body) === 'json_schema' ? refusal(literalFault, 500, 'internal_server_error') : null),
    says: (answer) => `Here is the JSON:\n\`\`\`json\n${answer}\n\`\`\`<|im_end|>`,
  },
  openrouter: {
    refuses: (body) =>
      formatOf(body) === 'json_schema' && has(body, 'seed')
        ? refusal('No endpoints found that support the requested parameters.', 404)
        : null,
    render: ({ status, message }) => ({
      error: { message, code: status, metadata: { raw: message, provider_name: 'Stand-in' } },
      user_id: 'user_stand_in',
    }),
  },
} as const satisfies Record<string, Gateway>
