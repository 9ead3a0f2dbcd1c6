/** The servers that this one can imitate: what each understands, and how it words its errors. */
import type { Gateway } from './gateways.ts'
import { GATEWAYS } from './gateways.ts'
import type { Problem } from './problem.ts'

export type { Problem } from './problem.ts'

export const PROFILE_NAMES = [
  'openai',
  'azure',
  'vllm',
  'deepseek',
  'gemini',
  'groq',
  'reasoning',
  'llamacpp',
  'openrouter',
] as const
export type ProfileName = (typeof PROFILE_NAMES)[number]

/** What the client did wrong, as OpenAI says it. */
export const invalid = (message: string, param: string | null, code: string | null, vllm?: string): Problem => ({
  status: 400,
  message,
  type: 'invalid_request_error',
  param,
  code,
  ...(vllm === undefined ? {} : { vllm }),
})

const words = (text: string) => text.split(' ')

const COMMON = words(
  'model messages temperature top_p n stop seed max_tokens response_format stream stream_options presence_penalty ' +
    'frequency_penalty logit_bias logprobs top_logprobs user tools tool_choice parallel_tool_calls',
)
const OPENAI_ONLY = words(
  'max_completion_tokens metadata modalities prediction prompt_cache_key reasoning_effort safety_identifier ' +
    'service_tier store verbosity web_search_options functions function_call',
)

export interface Profile {
  name: ProfileName
  /** Tokens of prompt and answer together. */
  contextTokens: number
  /** Tokens of an answer at most. */
  outputTokens: number
  parameters: ReadonlySet<string>
  formats: readonly string[]
  /**
   * Rate limit headers. `remaining`: without the limits and the times of their reset. `none`: a refusal does not say when to come back;
   * vLLM's answers also have none of the others, nor `x-request-id`.
   */
  limitHeaders: 'all' | 'remaining' | 'none'
  /** What it refuses and how it answers, where it differs from OpenAI. */
  gateway: Gateway | null
}

/** OpenAI's behaviour, except where this server differs. */
const gateway = (name: keyof typeof GATEWAYS): Profile => ({
  name,
  contextTokens: 131_072,
  outputTokens: 32_768,
  parameters: new Set([...COMMON, ...OPENAI_ONLY]),
  formats: ['text', 'json_object', 'json_schema'],
  limitHeaders: 'none',
  gateway: GATEWAYS[name],
})

/** `vllm` is vLLM as it was before it knew `max_completion_tokens` and schemas: it forbids what it does not know. */
export const PROFILES: Record<ProfileName, Profile> = {
  openai: {
    name: 'openai',
    contextTokens: 1_047_576,
    outputTokens: 32_768,
    parameters: new Set([...COMMON, ...OPENAI_ONLY]),
    formats: ['text', 'json_object', 'json_schema'],
    limitHeaders: 'all',
    gateway: null,
  },
  azure: {
    name: 'azure',
    contextTokens: 128_000,
    outputTokens: 16_384,
    parameters: new Set([...COMMON, ...OPENAI_ONLY, 'data_sources', 'user_security_context']),
    formats: ['text', 'json_object', 'json_schema'],
    limitHeaders: 'remaining',
    gateway: null,
  },
  vllm: {
    name: 'vllm',
    contextTokens: 32_768,
    outputTokens: 32_768,
    parameters: new Set([...COMMON, 'best_of', 'top_k', 'min_p', 'repetition_penalty', 'guided_json']),
    formats: ['text', 'json_object'],
    limitHeaders: 'none',
    gateway: null,
  },
  deepseek: gateway('deepseek'),
  gemini: gateway('gemini'),
  groq: gateway('groq'),
  reasoning: gateway('reasoning'),
  llamacpp: gateway('llamacpp'),
  openrouter: gateway('openrouter'),
}

const VLLM_TYPES: Record<number, string> = {
  400: 'BadRequestError',
  403: 'PermissionDeniedError',
  404: 'NotFoundError',
  429: 'RateLimitError',
  500: 'InternalServerError',
  503: 'ServiceUnavailableError',
}

function vllmBody({ status, message, vllm }: Problem): unknown {
  if (status === 401) return { error: 'Unauthorized' }
  const type = VLLM_TYPES[status] ?? 'BadRequestError'
  return { object: 'error', message: vllm ?? message, type, param: null, code: status }
}

function azureBody({ status, message, type, param, code, azure, innererror }: Problem): unknown {
  if (azure !== undefined) return { error: azure }
  return { error: { message, type, param, code, ...(innererror === undefined ? {} : { status, innererror }) } }
}

/** @returns the body of an error as the server of this profile writes it */
export function renderProblem(profile: ProfileName, problem: Problem): string {
  if (profile === 'vllm') return JSON.stringify(vllmBody(problem))
  if (profile === 'azure') return JSON.stringify(azureBody(problem))
  const render = PROFILES[profile].gateway?.render
  if (render !== undefined) return JSON.stringify(render(problem))
  const { message, type, param, code } = problem
  return JSON.stringify({ error: { message, type, param, code } }, null, 2)
}

/** @returns the deployment in Azure's path, `/openai/deployments/NAME/chat/completions`; null for other paths */
export function deploymentOf(path: string): string | null {
  const found = /\/openai\/deployments\/([^/]+)\/chat\/completions$/.exec(path)
  return found?.[1] === undefined ? null : decodeURIComponent(found[1])
}

/** The model behind Azure's deployments. Azure's answers name the model, not the deployment. */
const AZURE_MODEL = 'gpt-4.1-mini-2025-04-14'

/** @returns the model's name in the answer */
export const servedModel = (profile: ProfileName, asked: string): string => (profile === 'azure' ? AZURE_MODEL : asked)
