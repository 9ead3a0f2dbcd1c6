/** /livez, /readyz, /metrics and the page on OPS_HOST and OPS_PORT, for orchestrators, Prometheus and browsers. */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { within } from '../kafka/time-limit.ts'
import type { Log } from '../logging/log.ts'
import type { Limits } from './guarded-server.ts'
import { createGuardedServer } from './guarded-server.ts'
import type { Metrics } from './metrics.ts'
import { PAGE_HEADERS } from './page.ts'

/** Shorter than the 1 s after which Kubernetes gives up a probe by default. */
export const CHECK_LIMIT_MS = 800
/** Every address of this machine, IPv6 and IPv4. */
const EVERYWHERE = '::'

/** @returns null when the checked part is ready, otherwise the reason why it is not */
export type Check = () => string | null | Promise<string | null>

export interface Readiness {
  ready: boolean
  /** The result of each check, by name: `ok`, or the reason why not. */
  checks: Record<string, string>
  /** Facts worth knowing that do not make the worker unready; left out when there are none. */
  notes?: string[]
}

/** Runs the checks side by side; a check that throws or takes over 0.8 s counts as failed. Never rejects. */
export async function readinessOf(checks: Record<string, Check>): Promise<Readiness> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      try {
        return [name, (await within(CHECK_LIMIT_MS, 'the check', Promise.try(check))) ?? 'ok'] as const
      } catch (error) {
        return [name, error instanceof Error ? error.message : String(error)] as const
      }
    }),
  )
  return { ready: results.every(([, result]) => result === 'ok'), checks: Object.fromEntries(results) }
}

export interface OpsServerOptions {
  /** An address of this machine; `::` is all of them. */
  host: string
  /** 0 takes any free port. */
  port: number
  metrics: Pick<Metrics, 'render' | 'contentType'>
  readiness: () => Promise<Readiness>
  /** HTML for a browser, at `/`. */
  page?: () => Promise<string>
  log: Log
  /** For tests. */
  limits?: Limits
}

export interface OpsServer {
  port: number
  /** Closes the server and cuts all connections, so that a stuck client cannot delay the stop. */
  close(): Promise<void>
}

/**
 * Serves probes, metrics and the page. Requests that come during a reading share its result, so many at the same time cost
 * no more than one.
 * @throws Error that names OPS_HOST and OPS_PORT when the port cannot be opened
 */
export async function startOpsServer({
  host,
  port,
  metrics,
  readiness,
  page,
  log,
  limits,
}: OpsServerOptions): Promise<OpsServer> {
  const readMetrics = coalesced(() => metrics.render())
  const readReadiness = coalesced(readiness)
  const readPage = coalesced(() => page?.() ?? Promise.resolve(''))
  const routes: Record<string, (response: ServerResponse) => void | Promise<void>> = {
    // Any answer proves that the event loop turns.
    '/livez': (response) => answer(response, 200, 'text/plain', 'ok\n'),
    async '/readyz'(response) {
      const state = await readReadiness()
      answer(response, state.ready ? 200 : 503, 'application/json', `${JSON.stringify(state)}\n`)
    },
    async '/metrics'(response) {
      answer(response, 200, metrics.contentType, await readMetrics())
    },
    ...(page === undefined
      ? {}
      : {
          async '/'(response: ServerResponse) {
            for (const [name, value] of Object.entries(PAGE_HEADERS)) response.setHeader(name, value)
            answer(response, 200, 'text/html; charset=utf-8', await readPage())
          },
        }),
  }

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = '/'] = (request.url ?? '/').split('?')
    const show = Object.hasOwn(routes, path) ? routes[path] : undefined
    if (show === undefined)
      return answer(response, 404, 'text/plain', `not here; ${Object.keys(routes).join(' ')} are\n`)
    if (request.method === 'GET' || request.method === 'HEAD') return await show(response)
    response.setHeader('allow', 'GET, HEAD')
    answer(response, 405, 'text/plain', 'only GET and HEAD\n')
  }

  const handle = (request: IncomingMessage, response: ServerResponse) => {
    route(request, response).catch((error: unknown) => {
      log.warn('a probe was not answered', { reason: error instanceof Error ? error.message : String(error) })
      if (!response.headersSent) answer(response, 500, 'text/plain', 'failed\n')
    })
  }
  const server = createGuardedServer(handle, limits)
  // Without a host Node takes IPv6 and IPv4, and IPv4 alone where a machine has no IPv6.
  server.listen(host === EVERYWHERE ? { port } : { port, host })
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new Error(`OPS_PORT ${port} of OPS_HOST ${host} cannot be opened: ${(error as Error).message}`, {
      cause: error,
    })
  }
  server.on('error', (error) => log.warn('the server for probes and metrics failed', { reason: error.message }))
  const { port: opened } = server.address() as AddressInfo
  log.info('probes and metrics are served', { host, port: opened })

  return {
    port: opened,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

/** @returns a function that runs `work`; calls during a run share that run */
function coalesced<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | null = null
  return () => (running ??= work().finally(() => (running = null)))
}
