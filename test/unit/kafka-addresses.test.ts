/** Which broker a connection failed at, and what stays of a connection that kafkajs has let go of. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { brokerAddress, openSocket } from '../../src/kafka/addresses.ts'
import { kafkaReason } from '../../src/kafka/kafka-error.ts'

type Made = new (message: string | Error, facts: object) => Error
const errors = createRequire(import.meta.url)('kafkajs/src/errors.js') as Record<string, Made>
const make = (name: string, message: string | Error, facts: object) => new errors[name]!(message, facts)

/** A port that nothing listens at. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

test('a closed socket that kafkajs lets go of again and again gets no listener each time', async () => {
  const socket = openSocket({ host: '127.0.0.1', port: await closedPort(), ssl: null as never, onConnect: () => {} })
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('close', resolve))
  const before = socket.listenerCount('connect')
  for (let time = 0; time < 20; time++) {
    socket.end()
    socket.unref()
  }
  expect(socket.listenerCount('connect')).toBe(before)
})

test.each([
  ['a refused connection', 'KafkaJSConnectionError', 'Connection error: connect ECONNREFUSED 10.0.0.7:9092'],
  ['a reset', 'KafkaJSConnectionError', 'Connection error: read ECONNRESET'],
  ['no answer', 'KafkaJSRequestTimeoutError', 'Request Fetch(key: 1, version: 11) timed out'],
])('the reason of %s names the broker, also when it is wrapped', (_what, name, message) => {
  const error = make(name, message, { broker: 'kafka-2:9092', code: 'ECONNRESET' })
  expect(kafkaReason(error)).toBe(`${message} (kafka-2:9092)`)
  const wrapped = make('KafkaJSNumberOfRetriesExceeded', error, { retryCount: 3, retryTime: 100 })
  expect(kafkaReason(wrapped)).toBe(`${message} (kafka-2:9092)`)
})

test('the reason names a broker once, by the address that was configured, and none that is not known', () => {
  const refused = 'Connection error: connect ECONNREFUSED'
  const broker = brokerAddress('[::1]:9092')
  expect(kafkaReason(make('KafkaJSConnectionError', refused, { broker }))).toBe(`${refused} ([::1]:9092)`)
  const same = `${refused} 10.0.0.7:9092`
  expect(kafkaReason(make('KafkaJSConnectionError', same, { broker: '10.0.0.7:9092' }))).toBe(same)
  expect(kafkaReason(make('KafkaJSConnectionClosedError', 'Closed connection', {}))).toBe('Closed connection')
})
