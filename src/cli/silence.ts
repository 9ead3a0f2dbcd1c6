/** Watches a command's connections to Kafka: a broker that hangs accepts whatever is sent, and nothing fails for a long time. */
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ISocketFactory } from 'kafkajs'
import { openSocket, readableAddress } from '../kafka/addresses.ts'

export interface SilencePatience {
  /** A person is told of a silence this long, ms. Longer than a new consumer group's first join: 3 s with a broker's usual settings. */
  toldMs: number
  /** A silence this long ends the command, ms. Longer than 10 s, after which kafkajs asks the next broker of a cluster. */
  limitMs: number
}

export const SILENCE: SilencePatience = { toldMs: 3_500, limitMs: 12_000 }

const LOOK_EVERY_MS = 250

/** Errors by which a host answers that has no broker on the port. Such a host is not silent. */
const REFUSALS = new Set(['ECONNREFUSED', 'ECONNRESET'])

export interface SilenceWatch {
  open: ISocketFactory
  /** Never resolves. Rejects with a sentence for the user when a broker has been silent for too long. */
  tooLong: Promise<never>
  /** From now on a silence is told, but does not end the command. */
  outlast: () => void
  stop: () => void
}

interface Line {
  socket: Socket
  /** `host:port` as the user writes it. */
  address: string
  /** What had been sent when the last answer came, bytes. */
  sentAtAnswer: number
}

/** @param tell prints a line for the user */
export function watchSilence(tell: (line: string) => void, { toldMs, limitMs } = SILENCE): SilenceWatch {
  const lines = new Set<Line>()
  /** By address: since when its broker owes an answer, performance.now() ms. Kept when a connection ends, since kafkajs connects again. */
  const silentSinceMs = new Map<string, number>()
  const told = new Set<string>()
  const { promise: tooLong, reject } = Promise.withResolvers<never>()
  // Prevents an unhandled rejection while nobody waits yet. Whoever waits gets the rejection all the same.
  tooLong.catch(() => {})
  let isFatal = true

  function heard(address: string): void {
    silentSinceMs.delete(address)
    told.delete(address)
  }

  const open: ISocketFactory = (options) => {
    const socket = openSocket(options)
    const address = readableAddress(`${options.host}:${options.port}`)
    const line: Line = { socket, address, sentAtAnswer: 0 }
    lines.add(line)
    socket.on('data', () => {
      line.sentAtAnswer = socket.bytesWritten
      heard(address)
    })
    socket.on('error', ({ code = '' }: NodeJS.ErrnoException) => {
      if (REFUSALS.has(code)) heard(address)
    })
    // A broker that hangs ends no connection: this one is stopping, so its silence is over, even if it is reached again much later.
    socket.once('end', () => heard(address))
    socket.once('close', () => lines.delete(line))
    return socket
  }

  function look(): void {
    for (const { address } of [...lines].filter(owesAnswer)) {
      const sinceMs = silentSinceMs.get(address) ?? performance.now()
      silentSinceMs.set(address, sinceMs)
      const silentMs = performance.now() - sinceMs
      if (isFatal && silentMs >= limitMs) reject(new Error(sentenceOf(address, limitMs)))
      if (silentMs < toldMs || told.has(address)) continue
      told.add(address)
      tell(`waiting for Kafka at ${address}…`)
    }
  }

  const timer = setInterval(look, LOOK_EVERY_MS)
  return { open, tooLong, outlast: () => void (isFatal = false), stop: () => clearInterval(timer) }
}

function owesAnswer({ socket, sentAtAnswer }: Line): boolean {
  const isShakingHands = (socket as Partial<TLSSocket> & { secureConnecting?: boolean }).secureConnecting === true
  return socket.connecting || isShakingHands || socket.bytesWritten > sentAtAnswer
}

/** Says what is waited for when `work` takes long. @returns what `work` resolves with */
export async function tellWait<T>(what: string, tell: (line: string) => void, work: Promise<T>): Promise<T> {
  const timer = setTimeout(() => tell(`waiting for ${what}…`), SILENCE.toldMs)
  return await work.finally(() => clearTimeout(timer))
}

const sentenceOf = (address: string, limitMs: number) =>
  `Kafka at ${address}: no answer for ${Math.round(limitMs / 1_000)} s: the broker hangs, or something swallows what is sent ` +
  '(check KAFKA_BOOTSTRAP_SERVERS, KAFKA_TLS)'
