/** Stubs of the model's server, and plain requests to them. */
import OpenAI from 'openai'
import { afterEach } from 'vitest'
import { startStub } from '../../tools/openai-stub/server.ts'
import type { StubOptions } from '../../tools/openai-stub/server.ts'

export const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

export async function stubWith(options: StubOptions = {}) {
  const stub = await startStub(options)
  stops.push(stub.stop)
  return stub
}

export const messages = (resume = 'Пишу на Go. Знаю Kafka и Redis.') => [
  { role: 'system' as const, content: 'Отвечай в json.' },
  { role: 'user' as const, content: 'Go\nKafka\nRedis' },
  { role: 'user' as const, content: resume },
]

export const finding = {
  type: 'object',
  properties: {
    requirement: { type: 'string' },
    quote: { type: 'string' },
    evidence: { type: 'string', enum: ['stated', 'insufficient', 'planned', 'denied', 'not_mentioned'] },
  },
  required: ['requirement', 'quote', 'evidence'],
  additionalProperties: false,
}
export const schema = {
  type: 'object',
  properties: {
    requirements: { type: 'array', items: finding },
    score: { type: 'integer' },
    recommendation: { type: 'string' },
  },
  required: ['requirements', 'score', 'recommendation'],
  additionalProperties: false,
}
export const strict = { type: 'json_schema' as const, json_schema: { name: 'resume_score', strict: true, schema } }

export const clientOf = (baseURL: string, apiKey = 'sk-test') => new OpenAI({ baseURL, apiKey, maxRetries: 0 })

/** One plain request; headers and body as they come. */
export async function ask(baseUrl: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${baseUrl}/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk-test', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, error: errorOf(text), text }
}

export function errorOf(text: string): Record<string, unknown> {
  const body = JSON.parse(text) as Record<string, unknown> & { error?: Record<string, unknown> }
  return body.error ?? body
}

export const plain = { model: 'gpt-4.1-mini', messages: messages() }
