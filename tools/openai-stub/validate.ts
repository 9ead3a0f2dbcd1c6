/** Reads the body of a chat completion request, and refuses what the real servers refuse, in their words. */
import { modelNotFound, unsupportedParameter } from './problems.ts'
import type { Problem, Profile } from './profiles.ts'
import { invalid } from './profiles.ts'
import { strictProblem } from './schema.ts'
import type { Message } from './texts.ts'

export interface ChatRequest {
  model: string
  messages: Message[]
  /** null: as many as the model can */
  maxTokens: number | null
  /** The schema that the answer must have; null when there is none. */
  schema: unknown
  body: Record<string, unknown>
}

const ROLES = ['system', 'assistant', 'user', 'function', 'tool', 'developer']

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const kind = (value: unknown): string => {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (Number.isInteger(value)) return 'an integer'
  return { string: 'a string', number: 'a decimal', boolean: 'a boolean' }[typeof value as string] ?? 'an object'
}

const wrongType = (name: string, expected: string, value: unknown) =>
  invalid(`Invalid type for '${name}': expected ${expected}, but got ${kind(value)} instead.`, name, 'invalid_type')

const missing = (name: string) => invalid(`Missing required parameter: '${name}'.`, name, 'missing_required_parameter')

/** Models that reason take no temperature but 1, and no `max_tokens`. */
const reasons = (model: string) => /^(o\d|gpt-5)/.test(model)

function textOf(content: unknown): string | null {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return null
  return content.map((part) => (isObject(part) && typeof part['text'] === 'string' ? part['text'] : '')).join('')
}

function readMessages(value: unknown): Message[] | Problem {
  if (value === undefined) return missing('messages')
  if (!Array.isArray(value)) return wrongType('messages', 'an array of objects', value)
  if (value.length === 0) {
    const detail = 'Expected an array with minimum length 1, but got an empty array instead.'
    return invalid(`Invalid 'messages': empty array. ${detail}`, 'messages', 'empty_array')
  }
  const messages: Message[] = []
  for (const [i, item] of value.entries()) {
    const name = `messages[${i}]`
    if (!isObject(item)) return wrongType(name, 'an object', item)
    const role = item['role']
    if (typeof role !== 'string') return missing(`${name}.role`)
    if (!ROLES.includes(role)) {
      const supported = `Supported values are: ${ROLES.map((known) => `'${known}'`).join(', ')}.`
      return invalid(`Invalid value: '${role}'. ${supported}`, `${name}.role`, 'invalid_value')
    }
    const text = textOf(item['content'])
    if (text === null) return wrongType(`${name}.content`, 'one of a string or array of objects', item['content'])
    messages.push({ role, text })
  }
  return messages
}

const RANGES: Record<string, readonly [number, number]> = {
  temperature: [0, 2],
  top_p: [0, 1],
  presence_penalty: [-2, 2],
  frequency_penalty: [-2, 2],
}

function rangeProblem(body: Record<string, unknown>): Problem | null {
  for (const [name, [low, high]] of Object.entries(RANGES)) {
    const value = body[name]
    if (value === undefined || value === null) continue
    if (typeof value !== 'number') return wrongType(name, 'a decimal', value)
    const side = value < low ? ['below minimum', '>=', low, 'below_min'] : ['above maximum', '<=', high, 'above_max']
    if (value >= low && value <= high) continue
    const message = `Invalid '${name}': decimal ${side[0]} value. Expected a value ${side[1]} ${side[2]}, but got ${value} instead.`
    return invalid(message, name, `decimal_${side[3]}_value`)
  }
  return null
}

function readMaxTokens(body: Record<string, unknown>, profile: Profile): number | null | Problem {
  const names = ['max_completion_tokens', 'max_tokens'].filter((name) => (body[name] ?? null) !== null)
  const name = names[0]
  if (name === undefined) return null
  if (names.length > 1) {
    const message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
    return invalid(message, 'max_tokens', 'invalid_parameter_combination')
  }
  const value = body[name]
  if (typeof value !== 'number' || !Number.isInteger(value)) return wrongType(name, 'an integer', value)
  if (value < 1) {
    const message = `Invalid '${name}': integer below minimum value. Expected a value >= 1, but got ${value} instead.`
    return invalid(message, name, 'integer_below_min_value', `${name} must be at least 1, got ${value}.`)
  }
  if (value <= profile.outputTokens) return value
  const message = `${name} is too large: ${value}. This model supports at most ${profile.outputTokens} completion tokens, whereas you provided ${value}.`
  return invalid(message, name, 'invalid_value')
}

function formatProblem(format: unknown, profile: Profile, messages: readonly Message[]): Problem | null {
  if (format === undefined || format === null) return null
  if (!isObject(format)) return wrongType('response_format', 'an object', format)
  const type = String(format['type'])
  if (!profile.formats.includes(type)) {
    const supported = profile.formats.map((known) => `'${known}'`)
    const message = `Invalid value: '${type}'. Supported values are: ${supported.join(', ')}.`
    const vllm = `[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': "Input should be ${supported.join(' or ')}", 'input': '${type}'}]`
    return invalid(message, 'response_format.type', 'invalid_value', vllm)
  }
  if (type === 'json_object' && profile.name !== 'vllm' && !messages.some(({ text }) => /json/i.test(text))) {
    const message =
      "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
    return invalid(message, 'messages', null)
  }
  return type === 'json_schema' ? schemaProblem(format['json_schema']) : null
}

function schemaProblem(spec: unknown): Problem | null {
  if (!isObject(spec)) return missing('response_format.json_schema')
  const name = spec['name']
  if (typeof name !== 'string') return missing('response_format.json_schema.name')
  if (!/^[\w-]{1,64}$/.test(name)) {
    const message = `Invalid 'response_format.json_schema.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`
    return invalid(message, 'response_format.json_schema.name', 'invalid_value')
  }
  const problem = spec['strict'] === true ? strictProblem(spec['schema']) : null
  return problem === null
    ? null
    : invalid(`Invalid schema for response_format '${name}': ${problem}`, 'response_format', null)
}

function parameterProblem(body: Record<string, unknown>, model: string, profile: Profile): Problem | null {
  const refused = profile.gateway?.refuses(body) ?? null
  if (refused !== null) return refused
  const unknown = Object.keys(body).find((name) => !profile.parameters.has(name))
  if (unknown !== undefined && profile.name === 'vllm') return unsupportedParameter(unknown)
  if (unknown !== undefined) return invalid(`Unrecognized request argument supplied: ${unknown}`, null, null)
  if (body['stream'] === true) return invalid('This server does not stream.', 'stream', 'unsupported_value')
  if (!reasons(model) || profile.name === 'vllm') return null
  if ((body['max_tokens'] ?? null) !== null) return unsupportedParameter('max_tokens', 'max_completion_tokens')
  const temperature = body['temperature'] ?? 1
  if (temperature === 1) return null
  const message = `Unsupported value: 'temperature' does not support ${JSON.stringify(temperature)} with this model. Only the default (1) value is supported.`
  return invalid(message, 'temperature', 'unsupported_value')
}

/** @returns whether this is an error rather than a request */
export const isProblem = (value: unknown): value is Problem => isObject(value) && 'status' in value

/**
 * @param deployment Azure's name in the path, which stands for the model
 * @param models the names that are served; null serves every name
 * @returns the request, or the error that the server answers
 */
export function readRequest(
  text: string,
  profile: Profile,
  deployment: string | null,
  models: readonly string[] | null,
): ChatRequest | Problem {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    const hint = '(HINT: This likely means you aren’t using your HTTP library correctly.)'
    return invalid(`We could not parse the JSON body of your request. ${hint}`, null, null, 'JSON decode error')
  }
  if (!isObject(body)) return invalid('The JSON body of your request is not an object.', null, null)
  const model = deployment ?? body['model']
  if (typeof model !== 'string' || model === '') return invalid('you must provide a model parameter', null, null)
  if (models !== null && !models.includes(model)) return modelNotFound(model)
  const messages = readMessages(body['messages'])
  if (isProblem(messages)) return messages
  const problem =
    parameterProblem(body, model, profile) ??
    rangeProblem(body) ??
    formatProblem(body['response_format'], profile, messages)
  if (problem !== null) return problem
  const maxTokens = readMaxTokens(body, profile)
  if (isProblem(maxTokens)) return maxTokens
  const format = body['response_format']
  const spec = isObject(format) && isObject(format['json_schema']) ? format['json_schema'] : null
  return { model, messages, maxTokens, schema: spec?.['schema'] ?? null, body }
}
