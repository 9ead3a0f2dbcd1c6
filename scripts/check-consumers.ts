/**
 * Runs the Python consumers of examples/consumers/ against a Kafka that holds an aborted and a committed transaction.
 * Needs python3 with pip, and a package index.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { encodeRecord, encodeSuccess } from '../src/contracts.ts'
import { createKafkaClients } from '../src/kafka/clients.ts'
import { ensureTopics } from '../src/kafka/topics.ts'
import { silent } from '../src/logging/log.ts'
import { NOTIFICATION_KEY, RECORD_KEY } from '../src/schemas.ts'
import { getServices } from '../tools/services/ladder.ts'

const LIMIT_MS = 120_000

const address = {
  callbackUrl: 'https://example.com/',
  processingId: 9223372036854775807n,
  userId: 1n,
  resumeId: 2n,
  requirementsId: 3n,
}
const success = (score: number) => ({ score, matches: [], recommendation: 'Да.', verdict: 'Подходит' as const })
/** Of the aborted transaction. */
const GHOST = 13
const TRUE = 67

const CONSUMERS = [
  ['confluent_consumer.py', '9223372036854775807 scored 67'],
  ['aiokafka_consumer.py', '9223372036854775807 score 67 Подходит'],
] as const

const packages = mkdtempSync(join(tmpdir(), 'check-consumers-'))
const pip = 'install --quiet --disable-pip-version-check --root-user-action=ignore --target'.split(' ')
execFileSync('python3', ['-m', 'pip', ...pip, packages, 'confluent-kafka', 'aiokafka'], { stdio: 'inherit' })
const services = await getServices({ env: process.env, say: console.log, signal: AbortSignal.timeout(LIMIT_MS) })
let failed = false
try {
  const brokers = services.kafkaBrokers.join(',')
  await fill(services.kafkaBrokers)
  for (const [file, expected] of CONSUMERS) {
    const said = await firstLine(file, brokers)
    const isRight = said === expected
    failed ||= !isRight
    console.log(`${isRight ? 'passed' : 'FAILED'}  ${file}: ${said}`)
  }
} finally {
  await services.stop()
  rmSync(packages, { recursive: true, force: true })
}
process.exit(failed ? 1 : 0)

/** An aborted transaction first: whoever reads uncommitted prints its score. */
async function fill(brokers: string[]): Promise<void> {
  await makeTopics(brokers)
  const producer = new Kafka({ brokers, logLevel: logLevel.NOTHING }).producer({ transactionalId: 'check-consumers' })
  await producer.connect()
  for (const score of [GHOST, TRUE]) {
    const transaction = await producer.transaction()
    const [notification, record] = [encodeSuccess(address, success(score)), encodeRecord(address, success(score))]
    await transaction.send({ topic: 'notifications', messages: [{ key: NOTIFICATION_KEY, value: notification }] })
    await transaction.send({ topic: 'uploading_data', messages: [{ key: RECORD_KEY, value: record }] })
    await (score === GHOST ? transaction.abort() : transaction.commit())
  }
  await producer.disconnect()
}

/** A broker that makes them at the first message may not know them yet when the transaction asks for them. */
async function makeTopics(brokers: string[]): Promise<void> {
  const clients = createKafkaClients({ brokers, tls: null, sasl: null }, silent)
  const topics = { requests: 'requests', notifications: 'notifications', records: 'uploading_data' }
  const config = { topics: { ...topics, deadLetters: 'dead_letters', decisions: null } }
  const signal = AbortSignal.timeout(LIMIT_MS)
  await ensureTopics(clients, { ...config, newTopicPartitions: 1, newTopicReplication: null }, silent, signal)
  await clients.close()
}

async function firstLine(file: string, brokers: string): Promise<string> {
  const env = { ...process.env, PYTHONPATH: packages, PYTHONIOENCODING: 'utf-8' }
  const child = spawn('python3', [`examples/consumers/${file}`, brokers], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    said += chunk
    if (said.includes('\n')) child.kill('SIGTERM')
  })
  await once(child, 'close')
  clearTimeout(limit)
  return said.split('\n', 1)[0] ?? ''
}
