/** Makes kafkajs's clients, with the settings that they share. */
import './mended.ts'
import { readFileSync } from 'node:fs'
import type { Admin, Consumer, ConsumerConfig, ISocketFactory, KafkaConfig, Producer, SASLOptions } from 'kafkajs'
import { Kafka, logLevel } from 'kafkajs'
import type { Config } from '../config.ts'
import { readTlsFiles } from '../lib/tls-files.ts'
import type { Log } from '../logging/log.ts'
import { brokerAddress, openSocket } from './addresses.ts'
import { kafkaErrorType, kafkaReason } from './kafka-error.ts'
import { createKafkaLog } from './kafka-log.ts'
import { createTokenSource } from './oauth.ts'
import { stickyPerMessage } from './partitioner.ts'
import { within } from './time-limit.ts'
import { TIMINGS } from '../timings.ts'

const CONNECTION_TIMEOUT_MS = 5_000
const ADMIN_LIMIT_MS = 30_000
/** After this time without an answer the log says so: a broker that hangs still accepts connections, so nothing else fails. */
const ADMIN_TOLD_MS = 10_000

/** How long the admin client waits for an answer, and when it logs that it still waits; ms. */
export interface AdminPatience {
  limitMs: number
  toldMs: number
}

export interface KafkaClients {
  consumer(options: ConsumerConfig): Consumer
  /** Makes a producer for a transactional id. It fences earlier ones at its first transaction, not before. */
  producer(transactionalId: string): Producer
  /**
   * Runs `work` on the shared admin client, which is connected when first needed, and made anew after any failure but an error that
   * Kafka answers.
   * @throws what kafkajs throws; TimeLimitError after 30 s (`patience.limitMs`)
   */
  withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T>
  /** Disconnects a client that is not needed any more; does not wait, because the broker may not answer. */
  discard(client: { disconnect(): Promise<void> }): void
  /** Disconnects the admin client. */
  close(): Promise<void>
}

/**
 * Consumer, producers and admin get a Kafka instance each. Clients of one instance share a cache of committed offsets, with which an
 * aborted transaction has made a consumer skip messages.
 * @param open opens each connection
 * @throws Error that names the setting when the TLS CA file cannot be read
 */
export function createKafkaClients(
  config: Pick<Config['kafka'], 'brokers' | 'tls' | 'sasl'>,
  log: Log,
  readFile: (path: string) => Buffer = readFileSync,
  patience: AdminPatience = { limitMs: ADMIN_LIMIT_MS, toldMs: ADMIN_TOLD_MS },
  open: ISocketFactory = openSocket,
): KafkaClients {
  const options = { ...kafkaOptions(config, log, readFile), socketFactory: open }
  let admin: Promise<Admin> | null = null
  let silenceTold = false

  function tellSilence(): void {
    if (silenceTold) return
    silenceTold = true
    const reason = `no answer within ${patience.toldMs / 1_000} s: the broker hangs, or something swallows what is sent`
    log.warn('Kafka does not answer yet: waiting', { brokers: config.brokers.join(','), reason })
  }

  function answered(): void {
    if (silenceTold) log.info('Kafka has answered')
    silenceTold = false
  }

  async function connectAdmin(): Promise<Admin> {
    const fresh = new Kafka(options).admin()
    await fresh.connect()
    return fresh
  }

  async function disconnect(client: { disconnect(): Promise<void> } | Promise<Admin>): Promise<void> {
    try {
      await (await client).disconnect()
    } catch (error) {
      log.debug('could not disconnect a Kafka client', { reason: kafkaReason(error) })
    }
  }

  async function dropAdmin(): Promise<void> {
    const dropped = admin
    admin = null
    if (dropped !== null) await disconnect(dropped)
  }

  return {
    discard: (client) => void disconnect(client),
    consumer: (consumerOptions) => new Kafka(options).consumer({ ...consumerOptions, allowAutoTopicCreation: false }),
    producer: (transactionalId) =>
      new Kafka(options).producer({
        transactionalId,
        // Too short a limit aborts the transactions of a slow broker.
        transactionTimeout: TIMINGS.kafka.openTransactionMs,
        allowAutoTopicCreation: false,
        createPartitioner: stickyPerMessage,
        // The first send after a commit is often told CONCURRENT_TRANSACTIONS, and kafkajs sleeps 300 ms by default.
        retry: { initialRetryTime: 6, multiplier: 1.5, maxRetryTime: 500, retries: 12 },
      }),
    async withAdmin(work) {
      admin ??= connectAdmin()
      const current = admin
      const timer = setTimeout(tellSilence, patience.toldMs)
      try {
        const result = await within(patience.limitMs, "Kafka's answer", current.then(work))
        answered()
        return result
      } catch (error) {
        // The connection is sound when the broker itself answered with the error.
        if (kafkaErrorType(error) === null && admin === current) void dropAdmin()
        throw error
      } finally {
        clearTimeout(timer)
      }
    },
    close: dropAdmin,
  }
}

function kafkaOptions(
  { brokers, tls, sasl }: Pick<Config['kafka'], 'brokers' | 'tls' | 'sasl'>,
  log: Log,
  readFile: (path: string) => Buffer,
): KafkaConfig {
  return {
    clientId: 'resume-scoring-worker',
    brokers: brokers.map(brokerAddress),
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: TIMINGS.kafka.requestMs,
    // Few retries: the callers repeat their requests themselves and log why they wait.
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 3 },
    logLevel: logLevel.INFO,
    logCreator: createKafkaLog(log),
    ...(tls === null ? {} : { ssl: readTlsFiles(tls, 'KAFKA', readFile) }),
    ...(sasl === null ? {} : { sasl: saslOptions(sasl, log) }),
  }
}

function saslOptions(sasl: NonNullable<Config['kafka']['sasl']>, log: Log): SASLOptions {
  if (sasl.mechanism !== 'oauthbearer') return sasl
  return { mechanism: sasl.mechanism, oauthBearerProvider: createTokenSource(sasl, log) }
}
