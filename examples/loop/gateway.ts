/** The HTTP side: takes requests, tells how they stand. `GET /openapi.json` describes it. */
import { randomBytes } from 'node:crypto'
import swagger from '@fastify/swagger'
import type { FastifyReply } from 'fastify'
import Fastify from 'fastify'
import type { Request } from '../../src/schemas.ts'
import type { HistoryEvent, Store } from './store.ts'

/** The largest texts that today's producers send, with room for JSON and UTF-8. */
const BODY_LIMIT_BYTES = 256 * 1024
/** A proxy in between closes a stream on which nothing comes. */
const KEEP_ALIVE_MS = 15_000
const STATES = ['queued', 'scored', 'refused', 'failed'] as const
const OUTCOMES = new Set<string>(STATES.slice(1))
/** The stream of events ends after one of these. Only `stored` may come later, since another consumer notes it. */
const LAST = new Set<HistoryEvent['what']>(['called back', 'callback given up'])

const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength, pattern: String.raw`\S` })
const id = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 0 }
const requestBody = {
  type: 'object',
  required: ['callback_url', 'requirements', 'resume'],
  properties: {
    callback_url: { type: 'string', format: 'uri', pattern: '^https?://', maxLength: 2_000 },
    requirements: text(5_000),
    resume: text(15_000),
    user_id: id,
    resume_id: id,
    requirements_id: id,
  },
} as const

const event = {
  type: 'object',
  properties: { at: { type: 'string' }, what: { type: 'string' }, detail: { type: ['string', 'null'] } },
} as const
const status = {
  type: 'object',
  properties: {
    processing_id: { type: 'integer' },
    state: { type: 'string', enum: STATES },
    history: { type: 'array', items: event },
  },
} as const
const problem = { type: 'object', properties: { message_error: { type: 'string' } } } as const
const params = {
  type: 'object',
  properties: { id: { type: 'string', pattern: '^[0-9]{1,15}$' } },
} as const

interface GatewayOptions {
  store: Store
  /** Resolves when Kafka has acknowledged the request. */
  publish: (request: Request) => Promise<void>
}

/** @returns the server, not listening yet */
export async function createGateway({ store, publish }: GatewayOptions) {
  const app = Fastify({ bodyLimit: BODY_LIMIT_BYTES, forceCloseConnections: true })
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title: 'Resume scoring', version: '1.0.0' } },
  })

  app.post<{ Body: Body }>(
    '/requests',
    {
      schema: {
        summary: 'Take a request: it is scored later, and the callback URL is told',
        body: requestBody,
        response: { 202: status, 503: problem },
      },
    },
    async ({ body }, reply) => {
      const processingId = newId()
      const { callback_url: callbackUrl, requirements, resume } = body
      const request: Request = {
        callback_url: callbackUrl,
        processing_id: processingId,
        user_id: BigInt(body.user_id),
        resume_id: BigInt(body.resume_id),
        requirements_id: BigInt(body.requirements_id),
        requirements,
        resume,
      }
      try {
        await publish(request)
      } catch {
        // The id is not used again. If the message did arrive, its callback names an id that the caller was never told.
        return reply.code(503).header('retry-after', '5').send({ message_error: 'The request could not be queued.' })
      }
      store.note(processingId, 'accepted')
      return reply.code(202).header('location', `/requests/${processingId}`).send(statusOf(store, processingId))
    },
  )

  app.get<{ Params: Params }>(
    '/requests/:id',
    { schema: { summary: 'Status and history', params, response: { 200: status, 404: problem } } },
    async ({ params: { id: text } }, reply) => statusOf(store, BigInt(text)) ?? unknown(reply),
  )

  app.get<{ Params: Params }>(
    '/requests/:id/result',
    {
      schema: {
        summary: 'The result: 200 scored, 202 not yet, 429 refused (with Retry-After), 500 failed',
        params,
      },
    },
    async ({ params: { id: text } }, reply) => {
      const found = statusOf(store, BigInt(text))
      if (found === null) return unknown(reply)
      const outcome = store.outcome(BigInt(text))
      if (outcome === null) return reply.code(202).send(found)
      const { status: code, retry_after: wait } = JSON.parse(outcome) as { status: number; retry_after: number | null }
      if (wait !== null) reply.header('retry-after', String(wait))
      return reply.code(code).type('application/json').send(outcome)
    },
  )

  app.get<{ Params: Params }>(
    '/requests/:id/events',
    { schema: { summary: 'Server-sent events: the history so far, then each step as it happens', params } },
    async ({ params: { id: text } }, reply) => {
      const requestId = BigInt(text)
      if (store.history(requestId).length === 0) return unknown(reply)
      reply.hijack()
      stream(store, requestId, reply)
      return reply
    },
  )

  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
  return app
}

interface Body {
  callback_url: string
  requirements: string
  resume: string
  user_id: number
  resume_id: number
  requirements_id: number
}
interface Params {
  id: string
}

/** 48 random bits: nobody else has the id, and every JSON parser keeps it. */
const newId = () => BigInt(randomBytes(6).readUIntBE(0, 6))

const unknown = (reply: FastifyReply) => reply.code(404).send({ message_error: 'There is no such request.' })

function statusOf(store: Store, requestId: bigint) {
  const history = store.history(requestId)
  if (history.length === 0) return null
  const state = history.find(({ what }) => OUTCOMES.has(what))?.what ?? 'queued'
  return { processing_id: Number(requestId), state, history }
}

function stream(store: Store, requestId: bigint, { raw }: FastifyReply): void {
  raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  const keepAlive = setInterval(() => raw.write(': still here\n\n'), KEEP_ALIVE_MS)
  const send = (each: HistoryEvent) => {
    raw.write(`event: ${each.what.replaceAll(' ', '-')}\ndata: ${JSON.stringify(each)}\n\n`)
    if (LAST.has(each.what)) raw.end()
  }
  const unfollow = store.follow(requestId, send)
  raw.on('close', () => {
    unfollow()
    clearInterval(keepAlive)
  })
  for (const each of store.history(requestId)) send(each)
}
