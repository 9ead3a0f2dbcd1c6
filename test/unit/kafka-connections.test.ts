/** A connection to a broker that is cut, replaced or sent nonsense: the request fails and is repeated, the process goes on. */
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import '../../src/kafka/mended.ts'
import { openSocket } from '../../src/kafka/addresses.ts'
import { waitUntil } from '../support/wait.ts'

const LIMIT_MS = 20_000
const LENGTH_BYTES = 4
const CORRELATION_ID_AT = 8

interface Connection {
  connect(): Promise<unknown>
  disconnect(): Promise<unknown>
  send(request: object): Promise<Buffer>
  rejectRequests(error: Error): void
}

const load = createRequire(import.meta.url)
const ConnectionClass = load('kafkajs/src/network/connection.js') as new (options: object) => Connection
const EncoderClass = load('kafkajs/src/protocol/encoder.js') as new () => object
const QueueClass = load('kafkajs/src/network/requestQueue/index.js') as new (options: object) => {
  maybeThrottle(ms: number): void
  push(request: object): void
}
const ignore = () => {}
const quiet = { debug: ignore, info: ignore, warn: ignore, error: ignore, namespace: () => quiet }

/** A request whose answer is the bytes of the response. */
const request = {
  // ApiVersions, which a client may send before it has signed in.
  request: { apiKey: 18, apiName: 'ApiVersions', apiVersion: 0, encode: () => Promise.resolve(new EncoderClass()) },
  response: {
    decode: (payload: Buffer) => Promise.resolve(payload),
    parse: (payload: Buffer) => Promise.resolve(payload),
  },
}

/** @returns a response to the request in `asked` */
function responseTo(asked: Buffer, payload: Buffer): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeInt32BE(LENGTH_BYTES + payload.length)
  return Buffer.concat([length, asked.subarray(CORRELATION_ID_AT, CORRELATION_ID_AT + LENGTH_BYTES), payload])
}

/** A broker that does with the n-th connection's requests what `answers[n]` says, and a client's connection to it. */
async function brokerThat(...answers: ((socket: Socket, asked: Buffer) => void)[]) {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    const answer = answers[sockets.length]
    sockets.push(socket)
    socket.on('error', ignore).on('data', (asked) => answer?.(socket, asked))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const connection = new ConnectionClass({
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    logger: quiet,
    socketFactory: openSocket,
    requestTimeout: LIMIT_MS,
    connectionTimeout: LIMIT_MS,
  })
  onTestFinished(async () => {
    connection.rejectRequests(new Error('the test is over'))
    await connection.disconnect()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { connection, sockets }
}

test('the rest of a response that was cut off is not looked for in the next connection', async () => {
  // If the next response is taken for the missing 12 bytes, they end with the first number; the second one is then a length.
  const payload = Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1])
  const { connection } = await brokerThat(
    (socket, asked) => {
      socket.write(responseTo(asked, Buffer.alloc(12)).subarray(0, -12), () =>
        setTimeout(() => socket.resetAndDestroy(), 20),
      )
    },
    (socket, asked) => socket.write(responseTo(asked, payload)),
  )
  await connection.connect()
  await expect(connection.send(request)).rejects.toMatchObject({ name: 'KafkaJSConnectionError', retriable: true })
  await connection.connect()
  expect(await connection.send(request)).toEqual(payload)
})

test('bytes that are no response end the connection, with an error after which kafkajs repeats the request', async () => {
  const { connection } = await brokerThat(
    (socket) => socket.write(Buffer.from([0, 0, 0, 1, 7])),
    (socket, asked) => socket.write(responseTo(asked, Buffer.from('well'))),
  )
  await connection.connect()
  await expect(connection.send(request)).rejects.toMatchObject({ name: 'KafkaJSConnectionError', retriable: true })
  await connection.connect()
  expect(await connection.send(request)).toEqual(Buffer.from('well'))
})

test('what an earlier connection still receives does not get into the responses of the next one, nor does its end end it', async () => {
  const asked: Buffer[] = []
  const { connection, sockets } = await brokerThat(
    (_, bytes) => asked.push(bytes),
    (_, bytes) => asked.push(bytes),
  )
  await connection.connect()
  const first = connection.send(request).catch((error: Error) => error.message)
  await waitUntil(
    () => asked.length === 1,
    LIMIT_MS,
    () => 'the first request has not arrived',
  )
  // What kafkajs does when it gives a connection up: it rejects new requests, and still reads responses.
  connection.rejectRequests(new Error('given up'))
  await connection.disconnect()
  expect(await first).toBe('given up')

  await connection.connect()
  const second = connection.send(request)
  await waitUntil(
    () => asked.length === 2,
    LIMIT_MS,
    () => 'the second request has not arrived',
  )
  const [late, current] = sockets
  late?.end(Buffer.from([0, 0, 1, 0, 7]))
  await waitUntil(
    () => late?.destroyed === true,
    LIMIT_MS,
    () => 'the first connection is still open',
  )
  current?.write(responseTo(asked[1] ?? Buffer.alloc(12), Buffer.from('well')))
  expect(await second).toEqual(Buffer.from('well'))
})

test('two requests that connect at the same time share one connection', async () => {
  const { connection, sockets } = await brokerThat((socket, asked) =>
    socket.write(responseTo(asked, Buffer.from('well'))),
  )
  await Promise.all([connection.connect(), connection.connect()])
  expect(await connection.send(request)).toEqual(Buffer.from('well'))
  expect(sockets).toHaveLength(1)
})

test('no timer is set to a time in the past', async () => {
  const setTimer = vi.spyOn(globalThis, 'setTimeout')
  onTestFinished(() => setTimer.mockRestore())
  const { connection } = await brokerThat((socket, asked) => socket.write(responseTo(asked, Buffer.from('well'))))
  await connection.connect()
  await connection.send(request)
  const delaysMs = setTimer.mock.calls.map(([, delayMs]) => delayMs ?? 0)
  expect(delaysMs.filter((delayMs) => delayMs < 0)).toEqual([])
})

test.each([
  ['after it', 100, 0],
  ['during it', 0, 100],
])(
  'a broker that asked for a pause is asked again, though the clock was set back %s',
  async (_when, beforeMs, afterMs) => {
    const queue = new QueueClass({ maxInFlightRequests: null, requestTimeout: 1_000, logger: quiet })
    queue.maybeThrottle(50)
    await sleep(beforeMs)
    const now = Date.now.bind(Date)
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() - 3_600_000)
    onTestFinished(() => clock.mockRestore())
    const { promise: sent, resolve } = Promise.withResolvers<void>()
    queue.push({ entry: { correlationId: 1 }, expectResponse: true, sendRequest: resolve })
    await expect(Promise.race([sent, sleep(afterMs + 1_000, 'it waits')])).resolves.not.toBe('it waits')
  },
)
