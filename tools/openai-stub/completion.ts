/** A chat completion: the stand-in's opinion as the servers of each profile write it. */
import { answer } from './answer.ts'
import { filterResults } from './problems.ts'
import type { Profile } from './profiles.ts'
import { servedModel } from './profiles.ts'
import { conform } from './schema.ts'
import type { Texts } from './texts.ts'
import { countPromptTokens, countTokens, cutToTokens } from './tokens.ts'
import type { ChatRequest } from './validate.ts'

export interface Completion {
  model: string
  content: string | null
  refusal: string | null
  finishReason: 'stop' | 'length' | 'content_filter'
  promptTokens: number
  completionTokens: number
  /** false: the answer reports no usage */
  tellsUsage: boolean
  /** false: the answer has no choices */
  hasChoice: boolean
}

/** @returns tokens of the prompt including the answer's schema */
export function promptTokensOf({ messages, schema }: ChatRequest): number {
  const contents = messages.map(({ text }) => text)
  return countPromptTokens(contents, schema === null ? '' : JSON.stringify(schema))
}

/** @returns the answer; it is cut off when it needs more tokens than the request allows, like a real model's */
export function complete(request: ChatRequest, texts: Texts, profile: Profile, promptTokens: number): Completion {
  const opinion = answer(texts)
  const whole = JSON.stringify(request.schema === null ? opinion : conform(request.schema, opinion))
  const cap = Math.min(request.maxTokens ?? profile.outputTokens, profile.contextTokens - promptTokens)
  const thought = profile.gateway?.thinks ?? 0
  const said = profile.gateway?.says?.(whole) ?? whole
  const wanted = countTokens(said) + thought
  return {
    model: servedModel(profile.name, request.model),
    // A model that thinks writes nothing before it has finished thinking.
    content: wanted > cap ? (thought > 0 ? '' : cutToTokens(said, cap)) : said,
    refusal: null,
    finishReason: wanted > cap ? 'length' : 'stop',
    promptTokens,
    completionTokens: Math.min(wanted, cap),
    tellsUsage: true,
    hasChoice: true,
  }
}

function usageOf({ promptTokens, completionTokens }: Completion, profile: Profile) {
  const totals = {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  }
  if (profile.name === 'vllm') return totals
  return {
    ...totals,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  }
}

function choiceOf({ content, refusal, finishReason }: Completion, profile: Profile) {
  const message = { role: 'assistant', content, ...(profile.name === 'vllm' ? {} : { refusal, annotations: [] }) }
  const filtered = finishReason === 'content_filter'
  return {
    index: 0,
    message,
    logprobs: null,
    finish_reason: finishReason,
    ...(profile.name === 'azure' ? { content_filter_results: filterResults(filtered) } : {}),
    ...(profile.name === 'vllm' ? { stop_reason: null } : {}),
  }
}

/** @returns the body with which the server of this profile answers */
export function renderCompletion(completion: Completion, profile: Profile, id: string, nowMs: number): string {
  return JSON.stringify({
    id: `chatcmpl-${id.replace('req_', '')}`,
    object: 'chat.completion',
    created: Math.floor(nowMs / 1_000),
    model: completion.model,
    choices: completion.hasChoice ? [choiceOf(completion, profile)] : [],
    ...(completion.tellsUsage ? { usage: usageOf(completion, profile) } : {}),
    ...(profile.name === 'vllm' ? {} : { service_tier: 'default', system_fingerprint: 'fp_stand_in' }),
    ...(profile.name === 'azure'
      ? { prompt_filter_results: [{ prompt_index: 0, content_filter_results: filterResults(false) }] }
      : {}),
  })
}
