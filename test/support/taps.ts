/** Recognises a request's steps on the wire between a worker and its services, and acts at that moment. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'
import type { Admin } from 'kafkajs'
import type { Direction, TcpProxy } from './tcp-proxy.ts'
import { startTcpProxy } from './tcp-proxy.ts'

/** Whether a chunk on the wire is the awaited one. */
export type Moment = (direction: Direction, chunk: Buffer) => boolean

/** Kafka's request types (its protocol's "API keys") that make up a transaction. */
const KAFKA_API_KEYS = { Produce: 0, AddPartitionsToTxn: 24, AddOffsetsToTxn: 25, EndTxn: 26, TxnOffsetCommit: 28 }

/** @returns the moment of a request to Kafka of this type, with this text in it */
export const kafkaRequest =
  (type: keyof typeof KAFKA_API_KEYS, text = ''): Moment =>
  (direction, chunk) =>
    direction === 'up' &&
    kafkaRequestsIn(chunk).some(
      (request) => request.length > 4 && request.readInt16BE(0) === KAFKA_API_KEYS[type] && request.includes(text),
    )

/** @returns the moment of a script's call, with this text (a key) among its arguments */
export const scriptCall =
  (script: { digest: string }, text = ''): Moment =>
  (direction, chunk) =>
    direction === 'up' &&
    redisCommandsIn(chunk).some((command) => command.includes(script.digest) && command.includes(text))

/** kafkajs writes each request as one piece, its length first; several may arrive together. */
function kafkaRequestsIn(chunk: Buffer): Buffer[] {
  const requests: Buffer[] = []
  for (let at = 0; at + 4 < chunk.length;) {
    const end = at + 4 + Math.max(0, chunk.readInt32BE(at))
    requests.push(chunk.subarray(at + 4, end))
    at = end
  }
  return requests
}

/** Commands that are sent in one turn of the event loop arrive together. */
function redisCommandsIn(chunk: Buffer): Buffer[] {
  const commands: Buffer[] = []
  for (let at = 0; at < chunk.length;) {
    const end = endOfCommand(chunk, at)
    commands.push(chunk.subarray(at, end))
    at = end
  }
  return commands
}

/** @returns where the command ends: `*`, the number of its words, and each word after `$` and its length; or the chunk's end */
function endOfCommand(chunk: Buffer, from: number): number {
  let at = from
  const number = () => {
    const end = chunk.indexOf('\r\n', at)
    const value = end === -1 ? NaN : Number(chunk.toString('latin1', at + 1, end))
    at = end + 2
    return value
  }
  const words = number()
  for (let word = 0; word < words; word++) {
    const length = number()
    at += length + 2
    if (!(at <= chunk.length)) return chunk.length
  }
  return words > 0 ? at : chunk.length
}

/** @returns the moment of a chunk in this direction that contains this text */
export const bytes =
  (wanted: Direction, text = ''): Moment =>
  (direction, chunk) =>
    direction === wanted && chunk.includes(text)

/** @returns an `onChunk` for a proxy that acts once: at the last of the moments, when all have come in their order */
export function fuse(moments: readonly Moment[], act: () => void): Moment {
  let met = 0
  return (direction, chunk) => {
    if (moments[met]?.(direction, chunk) !== true) return false
    met++
    if (met === moments.length) act()
    return true
  }
}

export type LoadedScript = Awaited<ReturnType<typeof loadedScript>>

/**
 * Loads a script of the worker's into Redis, so that the worker calls it by its digest.
 * @param files under src, in the order in which they are run as one
 */
export async function loadedScript(redis: Redis, files: readonly string[]): Promise<{ digest: string }> {
  const lua = files.map((file) => readFileSync(new URL(`../../src/${file}.lua`, import.meta.url), 'utf8')).join('\n')
  await redis.script('LOAD', lua)
  return { digest: createHash('sha1').update(lua).digest('hex') }
}

/** @returns the worker's script on claims of this name */
export const claimScript = (redis: Redis, name: string) => loadedScript(redis, ['claims/guard', `claims/${name}`])

/**
 * A proxy in front of a single broker, which tells clients the proxy's port for the broker's.
 * @throws Error when there are several brokers, or clients do not reach this one at this machine
 */
export async function startKafkaProxy(
  admin: Admin,
  onChunk: (direction: Direction, chunk: Buffer) => void = () => {},
): Promise<TcpProxy> {
  const { brokers } = await admin.describeCluster()
  const [broker] = brokers
  if (brokers.length !== 1 || broker === undefined || !['localhost', '127.0.0.1'].includes(broker.host)) {
    throw new Error('failure points need one broker, which advertises localhost')
  }
  const address = (port: number) => {
    const bytesOfPort = Buffer.alloc(4)
    bytesOfPort.writeInt32BE(port)
    return Buffer.concat([Buffer.from(broker.host), bytesOfPort])
  }
  const real = address(broker.port)
  let told: Buffer | null = null
  const proxy = await startTcpProxy({
    to: broker,
    onChunk: (direction, chunk) => {
      if (direction === 'down' && told !== null) {
        for (let at = chunk.indexOf(real); at >= 0; at = chunk.indexOf(real, at + 1)) told.copy(chunk, at)
      }
      onChunk(direction, chunk)
    },
  })
  told = address(proxy.port)
  return proxy
}
