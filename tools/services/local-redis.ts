/** A Redis as a local process, with its own port and directory. Several run side by side. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import type { Downloads } from './download.ts'
import { redisBinary } from './download.ts'
import type { Guarded } from './guarded.ts'
import { FIXED_PORT_USERS, requireFree, startGuarded, withFreePorts } from './guarded.ts'

const run = promisify(execFile)
const START_LIMIT_MS = 30_000

export interface LocalRedisOptions {
  /** By default any free one. */
  port?: number
  /** Default true: an append-only file, so that a restart keeps the data. False: a restart finds an empty database. */
  persist?: boolean
  /** More of redis-server's options, such as `['--requirepass', 'secret', '--maxmemory', '10mb']`. */
  args?: string[]
  /** Listens with TLS only; files in PEM format. `askClients`: clients need a certificate signed by the CA file's authority. */
  tls?: { certFile: string; keyFile: string; caFile: string; askClients?: boolean }
}

export interface LocalSentinelOptions {
  /** Lines of its configuration, such as `sentinel monitor NAME HOST PORT QUORUM`. */
  config: string[]
}

export interface LocalRedis extends Guarded {
  /** Without user and password, whatever `args` asks for. */
  url: string
  port: number
  /** The path of its Unix socket. */
  socket: string
}

/**
 * Starts a Redis and waits until it answers. It ends with this process at the latest, its data with it.
 * @throws MissingTool when there is no redis-server and none can be got; Error with its last output when it does not start
 */
export async function startLocalRedis(options: LocalRedisOptions, downloads: Downloads): Promise<LocalRedis> {
  const command = (await redisOnPath(downloads.signal)) ? 'redis-server' : await redisBinary(downloads)
  if (options.port !== undefined) await requireFree(options.port, FIXED_PORT_USERS)
  return withFreePorts(1, ([free]) => start(command, options, options.port ?? (free as number), downloads.signal))
}

/**
 * Starts a Redis Sentinel and waits until it answers; as `startLocalRedis`.
 * @throws what `startLocalRedis` throws
 */
export async function startLocalSentinel({ config }: LocalSentinelOptions, downloads: Downloads): Promise<LocalRedis> {
  const command = (await redisOnPath(downloads.signal)) ? 'redis-server' : await redisBinary(downloads)
  return withFreePorts(1, ([port]) => startSentinel(command, config, port as number, downloads.signal))
}

async function startSentinel(command: string, config: string[], port: number, signal: AbortSignal) {
  const dir = await mkdtemp(join(tmpdir(), 'resume-scoring-sentinel-'))
  const socket = join(dir, 'redis.sock')
  // A Sentinel writes its state into its configuration file.
  const file = join(dir, 'sentinel.conf')
  await writeFile(file, config.map((line) => `${line}\n`).join(''))
  const args = [file, '--sentinel', '--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--unixsocket', socket]
  const isReady = (abort: AbortSignal) => answers(socket, abort)
  const guarded = await startGuarded(
    { name: 'Redis Sentinel', command, args, dir, isReady, startLimitMs: START_LIMIT_MS },
    signal,
  )
  return Object.assign(guarded, { url: `redis://127.0.0.1:${port}`, port, socket })
}

async function start(command: string, options: LocalRedisOptions, port: number, signal: AbortSignal) {
  const dir = await mkdtemp(join(tmpdir(), 'resume-scoring-redis-'))
  const socket = join(dir, 'redis.sock')
  const args = ['--bind', '127.0.0.1', '--dir', dir, '--unixsocket', socket, '--save', '']
  args.push('--appendonly', options.persist === false ? 'no' : 'yes', ...ports(options, port), ...(options.args ?? []))
  const guarded = await startGuarded(
    { name: 'Redis', command, args, dir, isReady: (abort) => answers(socket, abort), startLimitMs: START_LIMIT_MS },
    signal,
  )
  return Object.assign(guarded, { url: `${options.tls ? 'rediss' : 'redis'}://localhost:${port}`, port, socket })
}

function ports({ tls }: LocalRedisOptions, port: number): string[] {
  if (!tls) return ['--port', String(port)]
  const files = ['--tls-cert-file', tls.certFile, '--tls-key-file', tls.keyFile, '--tls-ca-cert-file', tls.caFile]
  return ['--port', '0', '--tls-port', String(port), '--tls-auth-clients', tls.askClients ? 'yes' : 'no', ...files]
}

async function redisOnPath(signal: AbortSignal): Promise<boolean> {
  return run('redis-server', ['--version'], { signal }).then(
    () => true,
    () => {
      signal.throwIfAborted()
      return false
    },
  )
}

/** Asks on the socket in its own directory, so that no other Redis can answer; a request for a login counts as an answer. */
async function answers(socketFile: string, signal: AbortSignal): Promise<boolean> {
  const socket = connect(socketFile)
  try {
    await once(socket, 'connect', { signal })
    socket.write('PING\r\n')
    const [reply] = (await once(socket, 'data', { signal })) as [Buffer]
    return /^(\+PONG|-NOAUTH)/.test(reply.toString())
  } catch {
    // Redis is not up yet or still loading; the caller asks again, within its time limit.
    return false
  } finally {
    socket.destroy()
  }
}
