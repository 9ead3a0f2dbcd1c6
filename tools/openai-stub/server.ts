/** A server that speaks OpenAI's chat completions and answers by itself: for tests, benchmarks and the demo. */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Arrival, Arrivals } from './arrivals.ts'
import { createArrivals } from './arrivals.ts'
import type { Change, Controls } from './control.ts'
import { control } from './control.ts'
import type { Brain } from './decide.ts'
import { decide, hashKey, keyProblem } from './decide.ts'
import { deliver } from './deliver.ts'
import { createMisbehaviour } from './misbehaviour.ts'
import { unknownUrl } from './problems.ts'
import type { ProfileName } from './profiles.ts'
import { PROFILES, renderProblem } from './profiles.ts'
import type { Limits } from './windows.ts'
import { createLimits } from './windows.ts'

export interface StubOptions {
  /** 0, the default, takes a free one */
  port?: number
  /** 127.0.0.1 */
  host?: string
  /** ms before each answer, 0 */
  latencyMs?: number
  profile?: ProfileName
  /** The enforced limits; none by default. */
  limits?: Limits
  /** The accepted keys; all by default. */
  keys?: readonly string[]
  /** The served models; all by default. */
  models?: readonly string[]
  /** The context window, instead of the profile's. */
  contextTokens?: number
  /** Entries of the log that are kept, 100000 */
  logCapacity?: number
}

export interface Stub extends Controls {
  port: number
  /** For `OPENAI_BASE_URL`. */
  baseUrl: string
  summary(): ReturnType<Arrivals['summary']> & { windows: ReturnType<Brain['limits']['status']> }
  /** Cuts all connections and closes the port. */
  stop: () => Promise<void>
}

/** Epoch ms with fractions; setting the machine's clock does not change it. */
const now = () => performance.timeOrigin + performance.now()

/** Listed where every model is served. */
const USUAL_MODELS = [
  'gpt-4.1-mini-2025-04-14',
  'gpt-4.1-mini',
  'gpt-4.1',
  'gpt-4o-mini',
  'gpt-4o',
  'gpt-5-mini',
  'gpt-5',
]

/** Longer than clients keep idle connections: Node's default of 5 s would close one just as a client sends on it. */
const KEEP_ALIVE_MS = 120_000

/** @returns the body, or null when the client went away while sending it */
function readBody(req: IncomingMessage): Promise<string | null> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
    req.on('error', () => resolve(null))
    req.on('close', () => resolve(null))
  })
}

function sendJson(res: ServerResponse, status: number, body: string): void {
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  res.end(body)
}

function keyOf({ headers }: IncomingMessage): string {
  const azure = headers['api-key']
  return typeof azure === 'string' ? azure : (/^Bearer\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '')
}

function openArrival(arrivals: Arrivals, id: string, key: string): Arrival {
  const nothing = { texts: '', ref: null, status: null, fault: null, aborted: false }
  const tokens = { promptTokens: 0, completionTokens: 0, billedTokens: 0 }
  return arrivals.open({ atMs: now(), id, key: key === '' ? '' : hashKey(key), ...nothing, ...tokens })
}

async function chat(brain: Brain, arrivals: Arrivals, id: string, req: IncomingMessage, res: ServerResponse) {
  const key = keyOf(req)
  const arrival = openArrival(arrivals, id, key)
  res.once('close', () => {
    arrival.aborted = !res.writableFinished && arrival.status !== 0
    arrivals.close(arrival)
  })
  const body = await readBody(req)
  if (body === null) return
  const path = new URL(req.url ?? '/', 'http://stub').pathname
  const { reply, delivery, waitMs, byteDelayMs } = decide(brain, arrival, key, path, body)
  const cut = delivery !== null && /reset|close/.test(delivery)
  const send = () => {
    if (delivery !== 'hang') arrival.status = cut ? 0 : reply.status
    deliver(res, reply, delivery, byteDelayMs)
  }
  if (waitMs === 0) return send()
  const timer = setTimeout(send, waitMs)
  res.once('close', () => clearTimeout(timer))
}

/** Only the provider's own paths exist: a base URL without `/v1`, or with two, gets a 404. */
function isPath({ profile }: Brain, pathname: string, resource: string): boolean {
  const azure = /^\/openai\/(?:v1|deployments\/[^/]+)\/(.+)$/
  return (profile.name === 'azure' ? azure : /^\/v1\/(.+)$/).exec(pathname)?.[1] === resource
}

function modelList(brain: Brain): string {
  const names = brain.settings.models ?? USUAL_MODELS
  const data = names.map((id) => ({ id, object: 'model', created: 1_744_588_800, owned_by: 'stand-in' }))
  return JSON.stringify({ object: 'list', data })
}

function router(brain: Brain, arrivals: Arrivals, controls: Controls) {
  const run = randomBytes(6).toString('hex')
  let count = 0
  return async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const method = req.method ?? ''
    const url = new URL(req.url ?? '/', 'http://stub')
    if (method === 'POST' && isPath(brain, url.pathname, 'chat/completions')) {
      count += 1
      return chat(brain, arrivals, `req_${run}${count.toString(16).padStart(8, '0')}`, req, res)
    }
    if (url.pathname.startsWith('/__stub/')) {
      const { status, body } = control(controls, method, url, (await readBody(req)) ?? '')
      return sendJson(res, status, JSON.stringify(body))
    }
    if (method === 'GET' && isPath(brain, url.pathname, 'models')) {
      const denied = keyProblem(keyOf(req), brain.settings.keys)
      if (denied !== null) return sendJson(res, denied.status, renderProblem(brain.profile.name, denied))
      return sendJson(res, 200, modelList(brain))
    }
    sendJson(res, 404, renderProblem(brain.profile.name, unknownUrl(method, url.pathname)))
  }
}

function createControls(brain: Brain, arrivals: Arrivals): Omit<Stub, 'port' | 'baseUrl' | 'stop'> {
  return {
    arrivals: arrivals.entries,
    summary: () => ({ ...arrivals.summary(), windows: brain.limits.status(now()) }),
    misbehave: brain.misbehaviour.start,
    lift: brain.misbehaviour.lift,
    spells: brain.misbehaviour.active,
    configure({ limits, ...settings }: Change) {
      if (limits !== undefined) brain.limits.set(limits)
      Object.assign(brain.settings, settings)
    },
  }
}

/**
 * Starts the server.
 * @throws when the port is taken
 */
export async function startStub(options: StubOptions = {}): Promise<Stub> {
  const known = PROFILES[options.profile ?? 'openai']
  const brain: Brain = {
    profile: { ...known, contextTokens: options.contextTokens ?? known.contextTokens },
    settings: {
      latencyMs: options.latencyMs ?? 0,
      keys: options.keys ?? null,
      models: options.models ?? null,
    },
    limits: createLimits(options.limits ?? {}),
    misbehaviour: createMisbehaviour(now),
    now,
  }
  const arrivals = createArrivals(options.logCapacity ?? 100_000)
  const controls = createControls(brain, arrivals)
  const route = router(brain, arrivals, controls)
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (req, res) => {
    route(req, res).catch((error: unknown) => {
      // A bug in this server: tell the client, so that a test does not wait in vain.
      if (!res.headersSent) sendJson(res, 500, JSON.stringify({ error: { message: String(error), type: 'stub_bug' } }))
      else res.destroy()
    })
  })
  const host = options.host ?? '127.0.0.1'
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, host, resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    ...controls,
    port,
    baseUrl: `http://127.0.0.1:${port}${known.name === 'azure' ? '/openai' : ''}/v1`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
