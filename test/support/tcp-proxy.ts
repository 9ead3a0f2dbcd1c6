/** A TCP proxy between a client and Kafka, Redis or the model server, that can cut, silence and slow the line. */
import type { Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

/** `up`: from client to server; `down`: back. */
export type Direction = 'up' | 'down'

export interface TcpProxyOptions {
  to: { host: string; port: number }
  /** 0, the default: a free one. A fixed one serves where the server must announce the proxy's address (Kafka). */
  port?: number
  /** Sees every chunk before it is passed on, so that a test can kill or cut at that moment. */
  onChunk?: (direction: Direction, chunk: Buffer) => void
}

export interface TcpProxy {
  host: string
  port: number
  /** How many connections are open now. */
  connections(): number
  /** How many connections were accepted so far. */
  accepted(): number
  bytes(direction: Direction): number
  /** Resets all connections and refuses new ones, until `heal`. */
  cut(): void
  /** Resets all connections once; new ones are served. */
  reset(): void
  /**
   * Nothing passes any more (one way, or both) until `heal`, though connections stay open and new ones are accepted: as when packets are
   * dropped.
   */
  silence(direction?: Direction): void
  /** Delays each chunk by this many ms; chunks keep their order. */
  delay(ms: number): void
  /** Ends cut, silence and delay. What a silence held back flows on, as with TCP's retransmission. */
  heal(): void
  stop: () => Promise<void>
}

interface Pair {
  client: Socket
  server: Socket
}

/** How many chunks are held in one direction; beyond that the sender is paused, as by a full buffer. */
const MOST_HELD = 64

interface Line {
  silent: ReadonlySet<Direction>
  delayMs: number
  note: (direction: Direction, chunk: Buffer) => void
}

/** Passes what comes from one socket into the other, in order; returns what to call when a silence has ended. */
function pass(from: Socket, into: Socket, direction: Direction, line: Line): () => void {
  const queue: { dueMs: number; chunk: Buffer | null }[] = []
  let timer: NodeJS.Timeout | null = null

  const send = (chunk: Buffer | null) => {
    if (chunk === null) return into.end()
    line.note(direction, chunk)
    if (!into.destroyed && !into.write(chunk)) {
      from.pause()
      into.once('drain', () => from.resume())
    }
    return into
  }
  const pump = () => {
    let next = queue[0]
    while (next !== undefined && !line.silent.has(direction)) {
      const waitMs = next.dueMs - performance.now()
      if (waitMs > 0) {
        timer ??= setTimeout(() => {
          timer = null
          pump()
        }, waitMs)
        return
      }
      queue.shift()
      send(next.chunk)
      next = queue[0]
    }
    if (queue.length === 0 && from.isPaused() && !into.writableNeedDrain) from.resume()
  }
  const enqueue = (chunk: Buffer | null) => {
    queue.push({ dueMs: Math.max(queue.at(-1)?.dueMs ?? 0, performance.now() + line.delayMs), chunk })
    if (queue.length >= MOST_HELD) from.pause()
    pump()
  }
  from.on('data', enqueue).on('end', () => enqueue(null))
  from.on('close', () => clearTimeout(timer ?? undefined))
  return pump
}

/**
 * Starts the proxy.
 * @throws when the port is taken
 */
export async function startTcpProxy({ to, port = 0, onChunk }: TcpProxyOptions): Promise<TcpProxy> {
  const pairs = new Map<Pair, () => void>()
  const silent = new Set<Direction>()
  const bytes = { up: 0, down: 0 }
  let accepted = 0
  let refusing = false
  const line: Line = {
    silent,
    delayMs: 0,
    note: (direction, chunk) => {
      onChunk?.(direction, chunk)
      bytes[direction] += chunk.length
    },
  }

  const serve = (client: Socket) => {
    accepted += 1
    const upstream = connect({ ...to, allowHalfOpen: true })
    const pair = { client, server: upstream }
    const over = () => {
      pairs.delete(pair)
      client.destroy()
      upstream.destroy()
    }
    // Errors are expected: the other side sees its connection end.
    client.on('error', over).on('close', over)
    upstream.on('error', () => client.resetAndDestroy()).on('close', over)
    const pumps = [pass(client, upstream, 'up', line), pass(upstream, client, 'down', line)]
    pairs.set(pair, () => {
      for (const pump of pumps) pump()
    })
  }
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (refusing) client.resetAndDestroy()
    else serve(client)
  })

  const resetAll = () => {
    for (const { client, server: upstream } of pairs.keys()) {
      client.resetAndDestroy()
      upstream.resetAndDestroy()
    }
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })

  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    connections: () => pairs.size,
    accepted: () => accepted,
    bytes: (direction) => bytes[direction],
    cut: () => {
      refusing = true
      resetAll()
    },
    reset: resetAll,
    silence: (direction) => {
      for (const one of direction === undefined ? (['up', 'down'] as const) : [direction]) silent.add(one)
    },
    delay: (ms) => {
      line.delayMs = ms
    },
    heal: () => {
      refusing = false
      line.delayMs = 0
      silent.clear()
      for (const flow of pairs.values()) flow()
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        resetAll()
      }),
  }
}
