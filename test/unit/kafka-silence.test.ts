/** A broker that hangs accepts connections and answers nothing. It must be reported like a dead one. */
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { createKafkaClients } from '../../src/kafka/clients.ts'
import { kafkaReason, settingsToCheck } from '../../src/kafka/kafka-error.ts'
import { createWatchdog } from '../../src/kafka/watchdog.ts'
import type { KafkaClients } from '../../src/kafka/clients.ts'
import type { Log } from '../../src/logging/log.ts'

const quiet = () => {}
const lines: string[] = []
const say = (message: string) => lines.push(message)
const log: Log = { error: say, warn: say, info: say, debug: quiet }

test('on the admin client, at the start and for commands', async () => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', quiet)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const broker = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const patience = { limitMs: 600, toldMs: 100 }
  const clients = createKafkaClients({ brokers: [broker], tls: null, sasl: null }, log, undefined, patience)
  onTestFinished(() => void clients.close())
  lines.splice(0)
  const error: unknown = await clients.withAdmin((admin) => admin.listTopics()).catch((reason: unknown) => reason)
  expect(kafkaReason(error)).toBe("Kafka's answer took longer than 600 ms")
  expect(settingsToCheck(kafkaReason(error))).toContain('KAFKA_BOOTSTRAP_SERVERS')
  expect(lines.filter((line) => line === 'Kafka does not answer yet: waiting')).toHaveLength(1)
})

test('on a connection whose first request is not answered, without calling it no Kafka', () => {
  const reason = kafkaReason(new Error('Broker not connected'))
  expect(reason).toMatch(/it hangs, or is none$/)
  expect(settingsToCheck(reason)).toContain('KAFKA_BOOTSTRAP_SERVERS')
})

test('in a working member of the group, once, and when it is over', () => {
  let unansweredMs = 100
  lines.splice(0)
  const tick = createWatchdog({
    clients: {} as KafkaClients,
    topic: 'in',
    partitions: new Map(),
    membership: { silentMs: () => 0, restart: quiet, status: () => ({ unansweredMs }) },
    silentLimitMs: 1_000_000,
    stallMs: 1_000_000,
    log,
  })
  for (const each of [1_000, 9_000, 13_000, 14_000, 90_000, 500, 100]) {
    unansweredMs = each
    tick()
  }
  expect(lines).toEqual(['Kafka does not answer: nothing is consumed or published meanwhile', 'Kafka answers again'])
})
