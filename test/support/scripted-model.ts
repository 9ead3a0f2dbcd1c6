/** A model server whose answer to each request is scripted: for servers that openai-stub does not imitate. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { answer } from '../../tools/openai-stub/answer.ts'
import { countPromptTokens } from '../../tools/openai-stub/tokens.ts'
import { findReference, findTexts } from '../../tools/openai-stub/texts.ts'

/** A call that has arrived. */
export interface Call {
  /** The name in the texts (`ref:ID`). */
  ref: string
  /** 1 for the first call with this name. */
  count: number
  path: string
  headers: IncomingHttpHeaders
  body: Record<string, unknown>
  roles: string[]
  /** The JSON of an answer that finds all that the texts hold. */
  good: string
}

export interface Said {
  status?: number
  headers?: Record<string, string>
  body: unknown
  /** Compressed, although the client did not ask for it. */
  isPacked?: boolean
}

/** @returns null for the usual answer */
export type Script = (call: Call) => Said | Promise<Said> | null

export interface ScriptedModel {
  /** For `OPENAI_BASE_URL`. */
  baseUrl: string
  /** Answers to requests with these names. */
  scripts: Map<string, Script>
  /** Answers requests that no script has answered: how the server refuses what it does not know. */
  refuses: Script
  calls: Call[]
  stop: () => Promise<void>
}

/**
 * @param message its content, or the fields of the message
 * @param choice fields beside the message
 * @param usage the server counts the prompt's tokens where this does not name them
 * @returns an answer with 200
 */
export function completion(message: string | object, choice: object = {}, usage: object = {}): Said {
  const fields = typeof message === 'string' ? { content: message } : message
  return {
    body: {
      object: 'chat.completion',
      model: 'scripted',
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', ...fields }, ...choice }],
      usage: { completion_tokens: 200, ...usage },
    },
  }
}

export async function startScriptedModel(): Promise<ScriptedModel> {
  const counts = new Map<string, number>()
  const model = { scripts: new Map<string, Script>(), refuses: (() => null) as Script, calls: [] as Call[] }

  async function reply(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>
    const messages = (body['messages'] as { role: string; content: string }[]).map(({ role, content }) => ({
      role,
      text: content,
    }))
    const texts = findTexts(messages)
    const ref = findReference(texts) ?? ''
    const count = (counts.get(ref) ?? 0) + 1
    counts.set(ref, count)
    const call = {
      ref,
      count,
      path: req.url ?? '',
      headers: req.headers,
      body,
      roles: messages.map(({ role }) => role),
      good: JSON.stringify(answer(texts)),
    }
    model.calls.push(call)
    const said = (await model.scripts.get(ref)?.(call)) ?? (await model.refuses(call)) ?? completion(call.good)
    const usage = (said.body as { usage?: { prompt_tokens?: number } }).usage
    if (usage !== undefined)
      usage.prompt_tokens ??= countPromptTokens(
        messages.map((each) => each.text),
        '',
      )
    const text = typeof said.body === 'string' ? said.body : JSON.stringify(said.body)
    const headers = { 'content-type': 'application/json', ...said.headers }
    if (said.isPacked === true) {
      res.writeHead(said.status ?? 200, { ...headers, 'content-encoding': 'gzip' }).end(gzipSync(text))
    } else res.writeHead(said.status ?? 200, headers).end(text)
  }

  const server = createServer((req, res) => {
    if (req.method !== 'POST') res.writeHead(404).end()
    // A faulty script: the worker sees an error, so that the test fails with it instead of waiting.
    else reply(req, res).catch((error: unknown) => res.writeHead(500).end(`the script failed: ${String(error)}`))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(model, {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  })
}
