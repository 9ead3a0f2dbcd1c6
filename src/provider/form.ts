/**
 * The form of a request: the parameters beside its messages, and how messages and key are sent. Pure. Where a server refuses
 * parts of the usual form, they are left out or sent in another way, one after the other, down to a form that every server accepts.
 */
import type OpenAI from 'openai'
import type { Part, RefusedPart } from './refused-parts.ts'

export type Body = OpenAI.Chat.ChatCompletionCreateParamsNonStreaming

export interface ChatMessage {
  role: 'system' | 'user'
  content: string
}

/** The strict JSON schema of the answer; null where the prompt holds it (OPENAI_RESPONSE_FORMAT=json_object). */
export type AnswerSchema = { name: string; schema: Record<string, unknown> } | null

/** A question without a form. */
export interface Content {
  messages: readonly ChatMessage[]
  schema: AnswerSchema
  maxCompletionTokens: number
}

/**
 * From the strictest format to the one that every server accepts. `schema_in_object`: `json_object` with a `schema` beside its
 * type, which llama.cpp, its Python server, Together and Fireworks enforce.
 */
export const FORMATS = ['json_schema', 'schema_in_object', 'json_object', 'none'] as const
/** Unchanged; adjacent messages of one role joined; besides, the system's messages sent as the user's. */
const MESSAGES = ['separate', 'merged', 'folded'] as const
const CAPS = ['max_completion_tokens', 'max_tokens'] as const
const KEYS = ['bearer', 'every_header'] as const

export interface Form {
  format: (typeof FORMATS)[number]
  seed: boolean
  temperature: boolean
  /** The parameter that caps the answer. */
  cap: (typeof CAPS)[number]
  messages: (typeof MESSAGES)[number]
  key: (typeof KEYS)[number]
  /** A larger cap than the setting's, for a model that thinks before it answers, tokens; null: the setting's. */
  capTokens: number | null
}

/** @param baseUrl of the server: Azure expects the key in its own header */
export function firstForm(baseUrl: string): Form {
  return {
    format: 'json_schema',
    seed: true,
    temperature: true,
    cap: 'max_completion_tokens',
    messages: 'separate',
    key: isAzure(new URL(baseUrl)) ? 'every_header' : 'bearer',
    capTokens: null,
  }
}

function isAzure({ hostname, pathname, searchParams }: URL): boolean {
  const isHost = /(?:^|\.)(?:azure\.(?:com|us|cn)|azure-api\.(?:net|us|cn)|windows\.net)$/.test(hostname)
  return isHost || pathname.includes('/openai/deployments/') || searchParams.has('api-version')
}

/** @returns the body of a question in this form, apart from `key`, which is for the headers, and `capTokens`: the question has the cap */
export function bodyOf(model: string, form: Form, { messages, schema, maxCompletionTokens }: Content): Body {
  const format = formatOf(form, schema)
  const withHint = schema === null || format === 'json_schema' ? messages : withSchema(messages, schema.schema)
  return {
    model,
    messages: joined(withHint, form.messages),
    ...(form.temperature ? { temperature: 0 } : {}),
    ...(form.seed ? { seed: 1 } : {}),
    [form.cap]: maxCompletionTokens,
    ...responseFormat(format, schema),
  }
}

function responseFormat(format: Form['format'], schema: AnswerSchema): Pick<Body, 'response_format'> {
  if (format === 'none') return {}
  if (format === 'json_object' || schema === null) return { response_format: { type: 'json_object' } }
  if (format === 'json_schema') {
    return { response_format: { type: 'json_schema', json_schema: { ...schema, strict: true } } }
  }
  // A variable, because the package's types allow no `schema` in a literal.
  const withSchemaInIt = { type: 'json_object', schema: schema.schema } as const
  return { response_format: withSchemaInIt }
}

function formatOf({ format }: Form, schema: AnswerSchema): Form['format'] {
  return schema === null && format !== 'none' ? 'json_object' : format
}

/** Adds the schema to the system message, as OPENAI_RESPONSE_FORMAT=json_object does, for servers that may not enforce one. */
function withSchema(messages: readonly ChatMessage[], schema: Record<string, unknown>): ChatMessage[] {
  const hint = `\n\nОтвет — один объект JSON по этой схеме, без пояснений:\n${JSON.stringify(schema)}`
  return messages.map((message, index) => (index === 0 ? { ...message, content: message.content + hint } : message))
}

function joined(messages: readonly ChatMessage[], how: Form['messages']): ChatMessage[] {
  if (how === 'separate') return [...messages]
  const merged: ChatMessage[] = []
  for (const message of messages) {
    const role = how === 'folded' ? 'user' : message.role
    const last = merged.at(-1)
    if (last?.role === role) last.content += `\n\n${message.content}`
    else merged.push({ role, content: message.content })
  }
  return merged
}

export function keyHeaders(form: Form, apiKey: string): Record<string, string> {
  const bearer = { authorization: `Bearer ${apiKey}` }
  return form.key === 'bearer' ? bearer : { ...bearer, 'api-key': apiKey, 'x-api-key': apiKey }
}

/**
 * @param capRefused the server has refused the cap's other name already
 * @returns the parts of a request in this form that can be left out or sent in another way
 */
export function partsOf(form: Form, schema: AnswerSchema, capRefused: boolean): Part[] {
  const parts: Part[] = []
  if (formatOf(form, schema) !== 'none') parts.push('format')
  if (form.seed) parts.push('seed')
  if (form.temperature) parts.push('temperature')
  if (!capRefused) parts.push('cap')
  if (form.messages === 'separate') parts.push('roles')
  if (form.messages !== 'folded') parts.push('system')
  if (form.key === 'bearer') parts.push('key')
  return parts
}

/** @returns the form with the refused part left out or sent in another way */
export function without(form: Form, refused: RefusedPart, schema: AnswerSchema): Form {
  switch (refused) {
    case 'format':
      return { ...form, format: after(FORMATS, formatOf(form, schema)) }
    case 'seed':
      return { ...form, seed: false }
    case 'temperature':
      return { ...form, temperature: false }
    case 'cap':
      return { ...form, cap: form.cap === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens' }
    case 'roles':
      return { ...form, messages: 'merged' }
    case 'system':
      return { ...form, messages: 'folded' }
    case 'key':
      return { ...form, key: 'every_header' }
    default:
      return plainest(form)
  }
}

/** @returns a form that nearly every server accepts, with the schema in the prompt */
export function plainest(form: Form): Form {
  const messages = furthest(MESSAGES, form.messages, 'merged')
  return { ...form, format: 'none', seed: false, temperature: false, messages }
}

/** @returns the plainest form, with one message of the user and the key in all headers: only the cap is left to refuse */
export const barest = (form: Form): Form => ({ ...plainest(form), messages: 'folded', key: 'every_header' })

/** @returns the cap that the server most likely knows: `max_tokens`, unless it is OpenAI's or Azure's or has one of their new models */
export function commonCap(model: string, baseUrl: string): Form['cap'] {
  const url = new URL(baseUrl)
  const isOpenai = url.hostname === 'api.openai.com' || isAzure(url) || /(?:^|\/)(?:o\d|gpt-[5-9])/.test(model)
  return isOpenai ? 'max_completion_tokens' : 'max_tokens'
}

/** @returns a form that leaves out or changes everything that either form does */
export function further(one: Form, other: Form): Form {
  return {
    format: furthest(FORMATS, one.format, other.format),
    seed: one.seed && other.seed,
    temperature: one.temperature && other.temperature,
    cap: furthest(CAPS, one.cap, other.cap),
    messages: furthest(MESSAGES, one.messages, other.messages),
    key: furthest(KEYS, one.key, other.key),
    capTokens: Math.max(one.capTokens ?? 0, other.capTokens ?? 0) || null,
  }
}

export const isSame = (one: Form, other: Form): boolean =>
  (Object.keys(one) as (keyof Form)[]).every((part) => one[part] === other[part])

/** @returns a line for each difference of a form from the first one, in words */
export function differences(first: Form, form: Form): string[] {
  const lines: (string | null)[] = [
    form.format === first.format ? null : FORMAT_WORDS[form.format],
    form.seed ? null : 'no seed: answers to the same texts may differ more',
    form.temperature ? null : 'no temperature: answers to the same texts may differ more',
    form.cap === first.cap ? null : 'max_tokens instead of max_completion_tokens',
    form.messages === 'merged' ? 'adjacent messages of one role are sent as one' : null,
    form.messages === 'folded' ? 'the instructions are sent in the user message' : null,
    form.key === first.key ? null : 'the key is sent in the headers authorization, api-key and x-api-key',
    form.capTokens === null ? null : `answers may have ${form.capTokens} tokens, because the model thinks first`,
  ]
  return lines.filter((line) => line !== null)
}

const FORMAT_WORDS: Record<Form['format'], string> = {
  json_schema: 'the strict schema',
  schema_in_object: 'json_object instead of a strict schema: the schema is in it, and in the prompt',
  json_object: 'json_object instead of a strict schema: the schema is in the prompt',
  none: 'no response_format: the schema is only in the prompt, and the server does not enforce it',
}

const after = <T>(order: readonly T[], value: T): T => order[order.indexOf(value) + 1] ?? value
const furthest = <T>(order: readonly T[], one: T, other: T): T =>
  order.indexOf(one) > order.indexOf(other) ? one : other
