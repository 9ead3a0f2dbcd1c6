/** The rung of services that run already, at the addresses that the environment gives. */
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

import type { RungContext, Services } from './services.ts'

/** The services may still be starting, as under compose. */
const ANSWER_LIMIT_MS = 30_000
const TRY_EVERY_MS = 500

/**
 * Uses KAFKA_BOOTSTRAP_SERVERS and REDIS_HOST, and the settings that go with them.
 * @returns the services, or why this rung is not there: no address is given
 * @throws Error when one is given and nothing answers there
 */
export async function givenServices({ env, signal }: RungContext): Promise<Services | string> {
  const kafkaBrokers = env['KAFKA_BOOTSTRAP_SERVERS']?.split(',').map((broker) => broker.trim())
  const host = env['REDIS_HOST']
  if (!kafkaBrokers || !host) return 'KAFKA_BOOTSTRAP_SERVERS and REDIS_HOST are not both set'
  const redisAddress = `${host}:${env['REDIS_PORT'] || 6379}`
  await Promise.all([
    answers('KAFKA_BOOTSTRAP_SERVERS', kafkaBrokers, signal),
    answers('REDIS_HOST', [redisAddress], signal),
  ])
  return {
    rung: 'given',
    kafkaBrokers,
    redisUrl: redisUrl(redisAddress, env),
    env: connectionSettings(env),
    stop: async () => {},
  }
}

function redisUrl(address: string, env: RungContext['env']): string {
  const login = [env['REDIS_USERNAME'], env['REDIS_PASSWORD']].map((part) => encodeURIComponent(part ?? '')).join(':')
  const tls = ['on', 'true', '1'].includes(env['REDIS_TLS'] ?? '')
  const db = env['REDIS_DB'] ? `/${env['REDIS_DB']}` : ''
  return `${tls ? 'rediss' : 'redis'}://${login === ':' ? '' : `${login}@`}${address}${db}`
}

/** The given settings on how to connect; not the topics, groups and prefixes, which demo and tests choose for themselves. */
function connectionSettings(env: RungContext['env']): Record<string, string> {
  const names = /^(KAFKA_(BOOTSTRAP_SERVERS|TLS|SASL)|REDIS_(HOST|PORT|USERNAME|PASSWORD|DB|TLS))/
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => names.test(entry[0]) && Boolean(entry[1])),
  )
}

/** Resolves when one of the addresses takes a connection. */
async function answers(setting: string, addresses: string[], signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.timeout(ANSWER_LIMIT_MS)
  for (;;) {
    const results = await Promise.all(addresses.map(takesConnection))
    if (results.some(Boolean)) return
    signal.throwIfAborted()
    if (limit.aborted) {
      const where = addresses.join(', ')
      throw new Error(
        `nothing answers at ${where}: start it, mend ${setting}, or unset it to have services started here`,
      )
    }
    await sleep(TRY_EVERY_MS, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}

function takesConnection(address: string): Promise<boolean> {
  const { hostname, port } = new URL(`tcp://${address}`)
  const socket = connect({ host: hostname.replaceAll(/^\[|\]$/g, ''), port: Number(port), timeout: 5_000 })
  return new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('timeout', () => resolve(false))
  }).finally(() => socket.destroy())
}
