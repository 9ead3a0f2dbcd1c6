/**
 * A worker of the Kafka layer alone, as a child process that tests kill, freeze and thaw. Its handler publishes each value
 * to both output topics after a random time, and says on stdout what it does.
 *
 * Arguments: one JSON object, see WorkerArguments.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createKafkaClients } from '../../src/kafka/clients.ts'
import { createConsumer } from '../../src/kafka/consumer.ts'

export interface WorkerArguments {
  brokers: string[]
  group: string
  requests: string
  outputs: string[]
  maxHandleMs: number
  sessionMs: number
}

const say = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`)
const log = (level: string) => (message: string, fields?: object) => say({ level, message, ...printable(fields) })
const printable = (fields: object = {}) =>
  Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, String(value)]))

const options = JSON.parse(process.argv[2] ?? '') as WorkerArguments
const logs = { error: log('error'), warn: log('warn'), info: log('info'), debug: () => {} }
const clients = createKafkaClients({ brokers: options.brokers, tls: null, sasl: null }, logs)
const consumer = createConsumer({
  clients,
  config: { groupId: options.group, startFrom: { kind: 'earliest' }, topics: { requests: options.requests } },
  processedTtlMs: 86_400_000,
  log: logs,
  timeouts: { sessionMs: options.sessionMs, heartbeatMs: 500 },
  handler: {
    async handle(source) {
      const value = source.value?.toString() ?? ''
      say({ handled: value })
      await sleep(Math.random() * options.maxHandleMs)
      const messages = options.outputs.map((topic) => ({ topic, key: 'k', value, headers: {} }))
      return { source, messages, ifTooLarge: null }
    },
    confirm: (batch) => Promise.resolve(batch),
    committed(batch) {
      say({ committed: batch.length })
      return Promise.resolve()
    },
  },
})
process.on('SIGTERM', () => {
  void consumer.stop(10_000).then((report) => say({ stopped: report }))
})
await consumer.run()
await clients.close()
