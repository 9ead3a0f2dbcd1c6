/** The errors that the servers answer with, in their own words. */
import { createHash } from 'node:crypto'
import type { Problem } from './profiles.ts'
import { invalid } from './profiles.ts'

const LEARN_MORE = 'Visit https://platform.openai.com/account/rate-limits to learn more.'
const ORGANIZATION = 'org-s7Wx0StandInOrganization'
const AZURE_OPERATION = 'Requests to the ChatCompletions_Create Operation under Azure OpenAI API'
const AZURE_QUOTA =
  'Please go here: https://aka.ms/oai/quotaincrease if you would like to increase the default rate limit.'

const AXES = { requests: 'requests per min (RPM)', day: 'requests per day (RPD)', tokens: 'tokens per min (TPM)' }
export type Axis = keyof typeof AXES

/** A duration as OpenAI writes it: `12ms`, `8.64s`, `6m0s`, `1h2m3.5s`. */
export function goDuration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.ceil(ms))}ms`
  const seconds = Math.ceil(ms) / 1_000
  const hours = Math.floor(seconds / 3_600)
  const minutes = Math.floor((seconds % 3_600) / 60)
  const rest = `${Number((seconds % 60).toFixed(3))}s`
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${rest}`
}

/** The headers that say when to come back: whole seconds, and OpenAI's exact milliseconds. */
export const retryHeaders = (waitMs: number): Record<string, string> => ({
  'retry-after': String(Math.ceil(waitMs / 1_000)),
  'retry-after-ms': String(Math.ceil(waitMs)),
})

export interface LimitFacts {
  model: string
  axis: Axis
  limit: number
  used: number
  requested: number
  /** null: no hint at all */
  waitMs: number | null
}

export function rateLimited({ model, axis, limit, used, requested, waitMs }: LimitFacts): Problem {
  const hint = waitMs === null ? '' : ` Please try again in ${goDuration(waitMs)}.`
  const azureHint = waitMs === null ? '' : ` Please retry after ${Math.ceil(waitMs / 1_000)} seconds.`
  const what = axis === 'tokens' ? 'token rate limit' : 'call rate limit'
  return {
    status: 429,
    message: `Rate limit reached for ${model} in organization ${ORGANIZATION} on ${AXES[axis]}: Limit ${limit}, Used ${used}, Requested ${requested}.${hint} ${LEARN_MORE}`,
    type: axis === 'tokens' ? 'tokens' : 'requests',
    param: null,
    code: 'rate_limit_exceeded',
    headers: waitMs === null ? {} : retryHeaders(waitMs),
    azure: {
      code: '429',
      message: `${AZURE_OPERATION} have exceeded ${what} of your current OpenAI S0 pricing tier.${azureHint} ${AZURE_QUOTA}`,
    },
    vllm: 'Too many requests',
  }
}

export const requestTooLarge = (model: string, limit: number, requested: number): Problem => ({
  status: 429,
  message: `Request too large for ${model} in organization ${ORGANIZATION} on ${AXES.tokens}: Limit ${limit}, Requested ${requested}. The input or output tokens must be reduced in order to run successfully. ${LEARN_MORE}`,
  type: 'tokens',
  param: null,
  code: 'rate_limit_exceeded',
})

export const contextExceeded = (context: number, prompt: number, completion: number): Problem =>
  invalid(
    `This model's maximum context length is ${context} tokens. However, your messages resulted in ${prompt} tokens. Please reduce the length of the messages.`,
    'messages',
    'context_length_exceeded',
    `This model's maximum context length is ${context} tokens. However, you requested ${prompt + completion} tokens (${prompt} in the messages, ${completion} in the completion). Please reduce the length of the messages or completion.`,
  )

export const insufficientQuota: Problem = {
  status: 429,
  message:
    'You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.',
  type: 'insufficient_quota',
  param: null,
  code: 'insufficient_quota',
}

export const billingNotActive: Problem = {
  status: 429,
  message: 'Your account is not active, please check your billing details on our website.',
  type: 'billing_not_active',
  param: null,
  code: 'billing_not_active',
}

export const billingHardLimit: Problem = invalid(
  'Billing hard limit has been reached.',
  null,
  'billing_hard_limit_reached',
)

const masked = (key: string) => (key.length <= 12 ? '*'.repeat(key.length) : `${key.slice(0, 8)}***${key.slice(-4)}`)

/** @param shown the key, or nothing when none came; `whole` echoes it unmasked, as some servers do */
export function unauthorized(shown: string, whole = false): Problem {
  const find = 'You can find your API key at https://platform.openai.com/account/api-keys.'
  return {
    status: 401,
    message: `Incorrect API key provided: ${whole ? shown : masked(shown)}. ${find}`,
    type: 'invalid_request_error',
    param: null,
    code: 'invalid_api_key',
    headers: { 'www-authenticate': 'Bearer realm="OpenAI API"' },
    azure: {
      code: '401',
      message: `Access denied due to invalid subscription key or wrong API endpoint${whole ? ` (${shown})` : ''}. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource.`,
    },
  }
}

export const noKey: Problem = {
  ...unauthorized(''),
  message:
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
  code: null,
}

export const territory: Problem = {
  status: 403,
  message: 'Country, region, or territory not supported',
  type: 'request_forbidden',
  param: null,
  code: 'unsupported_country_region_territory',
}

export const modelNotFound = (model: string): Problem => ({
  status: 404,
  message: `The model \`${model}\` does not exist or you do not have access to it.`,
  type: 'invalid_request_error',
  param: null,
  code: 'model_not_found',
  azure: {
    code: 'DeploymentNotFound',
    message:
      'The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again.',
  },
  vllm: `The model \`${model}\` does not exist.`,
})

export const unknownUrl = (method: string, path: string): Problem => ({
  status: 404,
  message: `Invalid URL (${method} ${path})`,
  type: 'invalid_request_error',
  param: null,
  code: null,
  azure: { code: '404', message: 'Resource not found' },
  vllm: 'Not Found',
})

export const unsupportedParameter = (name: string, instead: string | null = null): Problem =>
  invalid(
    `Unsupported parameter: '${name}' is not supported with this model.${instead === null ? '' : ` Use '${instead}' instead.`}`,
    name,
    'unsupported_parameter',
    `[{'type': 'extra_forbidden', 'loc': ('body', '${name}'), 'msg': 'Extra inputs are not permitted'}]`,
  )

export const rejectedText: Problem = invalid(
  'Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again with a different prompt: https://platform.openai.com/docs/guides/reasoning#advice-on-prompting',
  null,
  'invalid_prompt',
  'The prompt could not be processed by the chat template.',
)

const category = (filtered: boolean) => ({ filtered, severity: filtered ? 'medium' : 'safe' })

/** A judgement of Azure's filter, as it stands in errors and answers. */
export const filterResults = (filtered: boolean) => ({
  hate: category(false),
  self_harm: category(false),
  sexual: category(false),
  violence: category(filtered),
})

export const promptFiltered: Problem = {
  ...invalid(
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry. To learn more about our content filtering policies please read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766",
    'prompt',
    'content_filter',
  ),
  type: null,
  innererror: {
    code: 'ResponsibleAIPolicyViolation',
    content_filter_result: { ...filterResults(true), jailbreak: { filtered: false, detected: false } },
  },
}

/** @returns an error of the server itself, with an invented request id */
export function serverError(status: number, requestId: string): Problem {
  const id = createHash('sha256').update(requestId).digest('hex').slice(0, 32)
  const overloaded = status === 503
  return {
    status,
    message: overloaded
      ? 'The engine is currently overloaded, please try again later'
      : `The server had an error processing your request. Sorry about that! You can retry your request, or contact us through our help center at help.openai.com if you keep seeing this error. (Please include the request ID ${id} in your email.)`,
    type: overloaded ? 'service_unavailable_error' : 'server_error',
    param: null,
    code: overloaded ? 'service_unavailable' : null,
    azure: { code: overloaded ? 'ServiceUnavailable' : 'InternalServerError', message: 'The service failed.' },
    vllm: 'Internal Server Error',
  }
}
