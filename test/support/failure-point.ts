/** Kills a worker at a moment that is recognised on the wire, by proxies between it and its services. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Stub } from '../../tools/openai-stub/server.ts'
import type { Moment } from './taps.ts'
import { claimScript, fuse, kafkaRequest, scriptCall, startKafkaProxy } from './taps.ts'
import type { TcpProxy } from './tcp-proxy.ts'
import { startTcpProxy } from './tcp-proxy.ts'
import type { World } from './world.ts'

/** The id of the request whose steps are watched. */
export const TARGET = 70_003
const MOMENT_LIMIT_MS = 120_000
const QUIET_MS = 500

export type Service = 'kafka' | 'redis' | 'model'

export interface Point {
  /** The service whose proxy sees the moments. */
  service: Service
  /** In the order in which they come; the worker dies at the last one. */
  moments: (world: World) => Promise<Moment[]> | Moment[]
  /** Whether the bytes of the last moment still reach their receiver. */
  arrives: boolean
  /** Settings of the worker that dies. */
  env?: Record<string, string>
}

/** @returns the moment of a script's call on the target's claim */
export const onClaim = (name: string) => async (world: World) => [
  scriptCall(await claimScript(world.redis, name), `claim:${TARGET}`),
]

/** @returns the moments up to a request of the transaction that publishes a value with this text, by default the target's outcome */
export const inTransaction =
  (type: Parameters<typeof kafkaRequest>[0], text = `"processing_id":${TARGET}`) =>
  () => [kafkaRequest('Produce', text), ...(type === 'Produce' ? [] : [kafkaRequest(type)])]

/** Starts a worker behind proxies that kill it at the point's last moment; resolves when it is dead and all is quiet. */
export async function killAt(world: World, stub: Stub, point: Point, send: () => Promise<unknown>): Promise<void> {
  const reached = Promise.withResolvers<void>()
  const proxies = new Map<Service, TcpProxy>()
  const fused = fuse(await point.moments(world), () => {
    victim.kill('SIGKILL')
    if (!point.arrives) proxies.get(point.service)?.cut()
    reached.resolve()
  })
  const tap = (service: Service) => (service === point.service ? fused : () => {})
  const redis = { host: world.env['REDIS_HOST'] ?? '', port: Number(world.env['REDIS_PORT']) }
  proxies.set('kafka', await startKafkaProxy(world.admin, tap('kafka')))
  proxies.set('redis', await startTcpProxy({ to: redis, onChunk: tap('redis') }))
  proxies.set('model', await startTcpProxy({ to: { host: '127.0.0.1', port: stub.port }, onChunk: tap('model') }))
  const portOf = (service: Service) => String(proxies.get(service)?.port)
  const victim = world.start({
    KAFKA_BOOTSTRAP_SERVERS: `localhost:${portOf('kafka')}`,
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: portOf('redis'),
    OPENAI_BASE_URL: `http://127.0.0.1:${portOf('model')}/v1`,
    MAX_CALLS_IN_FLIGHT: '2',
    ...point.env,
  })
  const limit = setTimeout(
    () => reached.reject(new Error(`the moment never came; the worker said:\n${victim.lines.slice(-20).join('\n')}`)),
    MOMENT_LIMIT_MS,
  )
  try {
    await victim.saw('beginning as KAFKA_START_FROM says')
    await send()
    await reached.promise
    await victim.exited
    // What the worker sent before its death is still on its way.
    await sleep(QUIET_MS)
  } finally {
    clearTimeout(limit)
    for (const proxy of proxies.values()) await proxy.stop()
  }
}
