/** Calls to a stub that misbehaves. */
import { afterEach } from 'vitest'
import type { Stub, StubOptions } from '../../tools/openai-stub/server.ts'
import { startStub } from '../../tools/openai-stub/server.ts'

export let stop: (() => Promise<void>) | undefined
afterEach(async () => stop?.())

export async function stubWith(options: StubOptions = {}) {
  const stub = await startStub(options)
  stop = stub.stop
  return stub
}

export const KEY = 'sk-proj-0123456789-secret'

export const bodyOf = (resume: string) => ({
  model: 'm',
  temperature: 0,
  max_completion_tokens: 900,
  messages: ['Go\nKafka\nRedis', resume].map((content) => ({ role: 'user', content })),
})

export interface Outcome {
  /** 0: no answer came */
  status: number
  headers: Headers
  text: string
  /** The answer came whole. */
  whole: boolean
  /** The name of the error that ended it otherwise. */
  failure: string | null
}

/** Asks, and gives up after `limitMs`. */
export async function ask(stub: Stub, resume = 'Пишу на Go. Знаю Kafka и Redis.', limitMs = 10_000): Promise<Outcome> {
  const outcome: Outcome = { status: 0, headers: new Headers(), text: '', whole: false, failure: null }
  try {
    const response = await fetch(`${stub.baseUrl}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}` },
      body: JSON.stringify(bodyOf(resume)),
      signal: AbortSignal.timeout(limitMs),
    })
    outcome.status = response.status
    outcome.headers = response.headers
    for await (const chunk of response.body ?? []) outcome.text += Buffer.from(chunk as Uint8Array).toString()
    outcome.whole = true
  } catch (error) {
    outcome.failure = error instanceof Error ? error.name : 'unknown'
  }
  return outcome
}

export interface Choice {
  message: { content: string | null; refusal: string | null }
  finish_reason: string
}
export const replyOf = ({ text }: Outcome) =>
  JSON.parse(text) as { choices: Choice[]; usage?: { completion_tokens: number }; error?: Record<string, unknown> }
export const contentOf = (outcome: Outcome) => replyOf(outcome).choices[0]?.message.content ?? ''
