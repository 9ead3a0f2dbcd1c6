/** Keeps this worker a member of the consumer group, with one kafkajs consumer after another. */
import type { Consumer, ConsumerConfig, EachBatchPayload } from 'kafkajs'
import { pause } from '../lib/abortable.ts'
import type { Log } from '../logging/log.ts'
import type { KafkaClients } from './clients.ts'
import type { Fetched } from './fetched.ts'
import { readFetched } from './fetched.ts'
import { kafkaReason } from './kafka-error.ts'
import { within } from './time-limit.ts'
import type { Timings } from '../timings.ts'

const RESTART_MIN_MS = 200
const RESTART_MAX_MS = 2_000
/** Between two consumers. */
const CLOSE_LIMIT_MS = 5_000

export interface MembershipEvents {
  /**
   * Told synchronously with each join, before anything is fetched; all partitions are paused then.
   * @param memberChanged the group had this worker out meanwhile: others may have had its partitions
   */
  onAssigned: (partitions: number[], memberChanged: boolean) => void
  /** A heartbeat of the current generation was accepted. */
  onHeartbeat: () => void
  /** @returns whether the messages were taken */
  onFetched: (partition: number, fetched: Fetched) => boolean
  /** A stretch without messages (transaction markers, aborted or compacted records) was passed, up to `to`. */
  onPassed: (partition: number, to: bigint) => void
  onRestart: (reason: string) => void
}

export interface MembershipStatus {
  /** Whether the group has given this member its partitions, which may be none; not any more once its consumer has ended. */
  assigned: boolean
  /** ms since a heartbeat was sent that Kafka has taken, or since a join; at first since the start. */
  unansweredMs: number
  /** Why the last consumer ended, while its successor has not been answered yet. */
  lastEnd: string | null
}

export interface MembershipOptions {
  clients: KafkaClients
  group: string
  topic: string
  timeouts: Timings['group']
  log: Log
  events: MembershipEvents
}

export class Membership {
  readonly #options: MembershipOptions
  #consumer: Consumer | null = null
  #end: (reason: string) => void = () => {}
  #memberId: string | null = null
  /** performance.now() of kafkajs's last sign of life. */
  #aliveAtMs = performance.now()
  /** Of a heartbeat when it was sent: the answer may have waited for a process that was frozen. */
  #answeredAtMs = performance.now()
  #assigned = false
  #lastEnd: string | null = null
  /** Whether the consumer of now has joined the group. */
  #joined = false

  constructor(options: MembershipOptions) {
    this.#options = options
  }

  /**
   * Stays in the group until the signal aborts, then leaves it.
   * @param leaveLimitMs how long the leaving may take, asked when it begins
   */
  async run(signal: AbortSignal, leaveLimitMs: () => number): Promise<void> {
    const { topic, group, log, events } = this.#options
    let told: string | null = null
    for (let delayMs = RESTART_MIN_MS; ; delayMs = Math.min(delayMs * 2, RESTART_MAX_MS)) {
      this.#joined = false
      const reason = await this.#session(signal, leaveLimitMs)
      if (signal.aborted) return
      events.onRestart(reason)
      if (this.#joined) {
        told = null
        delayMs = RESTART_MIN_MS
      }
      if (told !== reason) log.warn('the consumer ended: making another', { topic, group, reason })
      told = reason
      await pause(delayMs, signal).catch(() => log.debug('stopped between two consumers', { topic }))
      if (signal.aborted) return
    }
  }

  /** Makes another consumer. */
  restart(reason: string): void {
    this.#end(reason)
  }

  pause(partition: number): void {
    this.#steer((consumer) => consumer.pause([{ topic: this.#options.topic, partitions: [partition] }]))
  }

  resume(partition: number): void {
    this.#steer((consumer) => consumer.resume([{ topic: this.#options.topic, partitions: [partition] }]))
  }

  seek(partition: number, offset: bigint): void {
    this.#steer((consumer) => consumer.seek({ topic: this.#options.topic, partition, offset: offset.toString() }))
  }

  /** How long, in ms, kafkajs has shown no sign of life: no fetch, no heartbeat, no join, no new consumer. */
  silentMs(): number {
    return performance.now() - this.#aliveAtMs
  }

  /**
   * Whether this is a member of the group, which has heard of it within its session. If not, its partitions may be
   * another's: what it writes about them elsewhere would contradict that one.
   */
  isMember(): boolean {
    return this.#assigned && performance.now() - this.#answeredAtMs < this.#options.timeouts.sessionMs
  }

  status(): MembershipStatus {
    const unansweredMs = performance.now() - this.#answeredAtMs
    return { assigned: this.#assigned, unansweredMs, lastEnd: this.#lastEnd }
  }

  /** One consumer from its start to its end. @returns why it ended */
  async #session(signal: AbortSignal, leaveLimitMs: () => number): Promise<string> {
    const { promise: ended, resolve } = Promise.withResolvers<string>()
    this.#end = resolve
    const onAbort = () => resolve('stopped')
    signal.addEventListener('abort', onAbort, { once: true })
    const consumer = this.#options.clients.consumer(consumerConfig(this.#options))
    this.#consumer = consumer
    this.#aliveAtMs = performance.now()
    this.#listen(consumer, resolve)
    try {
      if (signal.aborted) return 'stopped'
      void this.#start(consumer).catch((error: unknown) => resolve(kafkaReason(error)))
      this.#lastEnd = await ended
      return this.#lastEnd
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#consumer = null
      this.#assigned = false
      await this.#close(consumer, signal.aborted ? leaveLimitMs() : CLOSE_LIMIT_MS)
    }
  }

  async #start(consumer: Consumer): Promise<void> {
    await consumer.connect()
    // Where kafkajs begins is of no matter: each partition seeks. After OFFSET_OUT_OF_RANGE it is where kafkajs jumps to.
    await consumer.subscribe({ topic: this.#options.topic, fromBeginning: true })
    const eachBatch = (payload: EachBatchPayload) => this.#eachBatch(payload)
    await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch })
  }

  #listen(consumer: Consumer, end: (reason: string) => void): void {
    const { topic, events } = this.#options
    const alive = () => (this.#aliveAtMs = performance.now())
    const isCurrent = () => this.#consumer === consumer
    let heartbeatAtMs = performance.now()
    const answered = (atMs: number) => {
      this.#answeredAtMs = atMs
      this.#lastEnd = null
    }
    consumer.on('consumer.network.request', ({ payload: { apiName, duration } }) => {
      if (apiName === 'Heartbeat') heartbeatAtMs = performance.now() - Math.max(0, duration)
    })
    // No answer of Kafka: kafkajs tells of fetches that asked nobody, since every partition is paused or there is none.
    consumer.on('consumer.fetch', alive)
    consumer.on('consumer.heartbeat', () => {
      alive()
      if (!isCurrent()) return
      answered(heartbeatAtMs)
      events.onHeartbeat()
    })
    consumer.on('consumer.group_join', ({ payload }) => {
      alive()
      if (!isCurrent()) return
      answered(performance.now())
      this.#onJoin(payload.memberId, payload.memberAssignment[topic] ?? [])
    })
    consumer.on('consumer.start_batch_process', ({ payload }) => {
      if (isCurrent() && payload.batchSize === 0) events.onPassed(payload.partition, BigInt(payload.lastOffset) + 1n)
    })
    consumer.on('consumer.crash', ({ payload }) => end(kafkaReason(payload.error)))
  }

  /** Synchronous within the join: no fetch happens before every partition is paused. */
  #onJoin(memberId: string, partitions: number[]): void {
    this.#joined = true
    this.#assigned = true
    const memberChanged = this.#memberId !== null && this.#memberId !== memberId
    this.#memberId = memberId
    this.#steer((consumer) => consumer.pause([{ topic: this.#options.topic, partitions }]))
    this.#options.events.onAssigned(partitions, memberChanged)
  }

  async #eachBatch(payload: EachBatchPayload): Promise<void> {
    // A seek is pending: this was fetched from where the partition was before it.
    if (payload.isStale()) return
    const { batch } = payload
    const last = batch.messages.at(-1)
    const fetched = readFetched(batch)
    if (fetched === null || last === undefined) return
    if (!this.#options.events.onFetched(batch.partition, fetched)) return
    // Resolving the last message passes the markers after it too.
    payload.resolveOffset(fetched.unreadable === null ? last.offset : (fetched.to - 1n).toString())
  }

  /** kafkajs throws while there is no running consumer; the next join sets everything again. */
  #steer(action: (consumer: Consumer) => void): void {
    if (this.#consumer === null) return
    try {
      action(this.#consumer)
    } catch (error) {
      this.#options.log.debug('not consuming just now', { reason: (error as Error).message })
    }
  }

  async #close(consumer: Consumer, limitMs: number): Promise<void> {
    try {
      await within(limitMs, 'leaving the group', consumer.disconnect())
    } catch (error) {
      this.#options.log.debug('the consumer was left behind', { reason: kafkaReason(error) })
    }
  }
}

function consumerConfig({ group, timeouts }: MembershipOptions): ConsumerConfig {
  return {
    groupId: group,
    sessionTimeout: timeouts.sessionMs,
    heartbeatInterval: timeouts.heartbeatMs,
    rebalanceTimeout: timeouts.rebalanceMs,
    maxWaitTimeInMs: timeouts.fetchWaitMs,
    // As many retries as it takes: while Kafka is away kafkajs stays the member that it was, and goes on at once when it is
    // back; a new one would wait for the old one's session to end. After a crash kafkajs restarts itself sometimes; here a
    // new consumer is made always.
    retry: {
      initialRetryTime: 100,
      maxRetryTime: 1_000,
      retries: 1_000_000,
      restartOnFailure: () => Promise.resolve(false),
    },
  }
}
