/** Keeps this worker a member of the consumer group. When a kafkajs consumer ends, it makes another. */
import type { Consumer, ConsumerConfig, EachBatchPayload } from 'kafkajs'
import { pause } from '../lib/abortable.ts'
import type { Log } from '../logging/log.ts'
import type { KafkaClients } from './clients.ts'
import type { Fetched } from './fetched.ts'
import { readFetched } from './fetched.ts'
import { kafkaReason } from './kafka-error.ts'
import { createSettling } from './settling.ts'
import { within } from './time-limit.ts'
import type { Timings } from '../timings.ts'

const RESTART_MIN_MS = 200
const RESTART_MAX_MS = 2_000
const NOT_READY = 'Kafka is not ready for the group yet: joining again'
const ENDED = 'the consumer ended: making another'
/** How long disconnecting one consumer may take before the next one is made. */
const CLOSE_LIMIT_MS = 5_000

export interface MembershipEvents {
  /**
   * Called synchronously at each join, before anything is fetched, with all partitions paused.
   * @param memberChanged this worker is a new member of the group, so other workers may have owned the partitions meanwhile
   */
  onAssigned: (partitions: number[], memberChanged: boolean) => void
  /** A heartbeat of the current generation was accepted. */
  onHeartbeat: () => void
  /** @returns whether the messages were taken */
  onFetched: (partition: number, fetched: Fetched) => boolean
  /** kafkajs has skipped offsets without messages (transaction markers, aborted or compacted records) and continues at `to`. */
  onPassed: (partition: number, to: bigint) => void
  onRestart: (reason: string) => void
}

export interface MembershipStatus {
  /** Whether the current consumer has joined the group and got its partitions, which may be none. */
  assigned: boolean
  /** ms since the last accepted heartbeat was sent, or since the last join; before the first join, since the start. */
  unansweredMs: number
  /** Why the last consumer ended; null once Kafka has answered its successor. */
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
  /** performance.now() of the last join, or when the last accepted heartbeat was sent: a frozen process may read the answer much later. */
  #provenAtMs = performance.now()
  #assigned = false
  #lastEnd: string | null = null
  /** Whether the latest consumer has joined the group; the pause after its end is then the shortest again. */
  #hadJoined = false

  constructor(options: MembershipOptions) {
    this.#options = options
  }

  /**
   * Stays in the group until the signal aborts, then leaves it.
   * @param leaveLimitMs how long leaving may take, ms; asked when leaving begins
   */
  async run(signal: AbortSignal, leaveLimitMs: () => number): Promise<void> {
    const { topic, group, log, events } = this.#options
    const settling = createSettling()
    for (let delayMs = RESTART_MIN_MS, isSaid = false; ; delayMs = Math.min(delayMs * 2, RESTART_MAX_MS)) {
      this.#hadJoined = false
      const reason = await this.#session(signal, leaveLimitMs)
      if (signal.aborted) return
      events.onRestart(reason)
      if (this.#hadJoined) delayMs = RESTART_MIN_MS
      // While a new Kafka gets ready the first joins fail, which is said once: the logger sums up only warnings.
      const level = this.#memberId === null ? settling.levelOf(reason) : 'warn'
      if (level === 'warn' || !isSaid) log[level](level === 'info' ? NOT_READY : ENDED, { topic, group, reason })
      isSaid ||= level === 'info'
      await pause(delayMs, signal).catch(() => log.debug('stopped between two consumers', { topic }))
      if (signal.aborted) return
    }
  }

  /** Ends the current consumer, so that `run` makes another. */
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

  /** @returns for how long kafkajs has shown no sign of life (fetch, heartbeat, join, new consumer), ms */
  silentMs(): number {
    return performance.now() - this.#aliveAtMs
  }

  /**
   * @returns whether this worker has joined the group and the last join or accepted heartbeat lies within the session timeout. If not,
   * another worker may own this worker's partitions, and what this one writes to Redis could contradict the new owner.
   */
  isMember(): boolean {
    return this.#assigned && performance.now() - this.#provenAtMs < this.#options.timeouts.sessionMs
  }

  status(): MembershipStatus {
    const unansweredMs = performance.now() - this.#provenAtMs
    return { assigned: this.#assigned, unansweredMs, lastEnd: this.#lastEnd }
  }

  /**
   * Runs one consumer from its start to its end.
   * @returns why it ended
   */
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
    // `fromBeginning` matters only after OFFSET_OUT_OF_RANGE; otherwise each partition seeks to its own offset.
    await consumer.subscribe({ topic: this.#options.topic, fromBeginning: true })
    const eachBatch = (payload: EachBatchPayload) => this.#eachBatch(payload)
    await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch })
  }

  #listen(consumer: Consumer, end: (reason: string) => void): void {
    const { topic, events } = this.#options
    const alive = () => (this.#aliveAtMs = performance.now())
    const isCurrent = () => this.#consumer === consumer
    let heartbeatAtMs = performance.now()
    const proven = (atMs: number) => {
      this.#provenAtMs = atMs
      this.#lastEnd = null
    }
    consumer.on('consumer.network.request', ({ payload: { apiName, duration } }) => {
      if (apiName === 'Heartbeat') heartbeatAtMs = performance.now() - Math.max(0, duration)
    })
    // A fetch proves only that kafkajs lives: while every partition is paused it reports fetches without asking a broker.
    consumer.on('consumer.fetch', alive)
    consumer.on('consumer.heartbeat', () => {
      alive()
      if (!isCurrent()) return
      proven(heartbeatAtMs)
      events.onHeartbeat()
    })
    consumer.on('consumer.group_join', ({ payload }) => {
      alive()
      if (!isCurrent()) return
      proven(performance.now())
      this.#onJoin(payload.memberId, payload.memberAssignment[topic] ?? [])
    })
    consumer.on('consumer.start_batch_process', ({ payload }) => {
      if (isCurrent() && payload.batchSize === 0) events.onPassed(payload.partition, BigInt(payload.lastOffset) + 1n)
    })
    consumer.on('consumer.crash', ({ payload }) => end(kafkaReason(payload.error)))
  }

  /** Runs synchronously within the join, so that every partition is paused before the first fetch. */
  #onJoin(memberId: string, partitions: number[]): void {
    this.#hadJoined = true
    this.#assigned = true
    const memberChanged = this.#memberId !== null && this.#memberId !== memberId
    this.#memberId = memberId
    this.#steer((consumer) => consumer.pause([{ topic: this.#options.topic, partitions }]))
    this.#options.events.onAssigned(partitions, memberChanged)
  }

  async #eachBatch(payload: EachBatchPayload): Promise<void> {
    // A seek is pending, and this batch was fetched from the position before it.
    if (payload.isStale()) return
    const { batch } = payload
    const last = batch.messages.at(-1)
    const fetched = readFetched(batch)
    if (fetched === null || last === undefined) return
    if (!this.#options.events.onFetched(batch.partition, fetched)) return
    // Resolving the last message also skips the markers after it.
    payload.resolveOffset(fetched.unreadable === null ? last.offset : (fetched.to - 1n).toString())
  }

  /** Pauses, resumes or seeks. kafkajs throws while no consumer is running; the next join sets everything again. */
  #steer(action: (consumer: Consumer) => void): void {
    if (this.#consumer === null) return
    try {
      action(this.#consumer)
    } catch (error) {
      this.#options.log.debug('no running consumer to steer', { reason: (error as Error).message })
    }
  }

  async #close(consumer: Consumer, limitMs: number): Promise<void> {
    await within(limitMs, 'leaving the group', consumer.disconnect()).catch((error: unknown) =>
      this.#options.log.debug('could not disconnect the consumer', { reason: kafkaReason(error) }),
    )
  }
}

function consumerConfig({ group, timeouts }: MembershipOptions): ConsumerConfig {
  return {
    groupId: group,
    sessionTimeout: timeouts.sessionMs,
    heartbeatInterval: timeouts.heartbeatMs,
    rebalanceTimeout: timeouts.rebalanceMs,
    maxWaitTimeInMs: timeouts.fetchWaitMs,
    // While Kafka is away kafkajs retries for ever: it stays the same member and continues at once when Kafka is back. A new
    // member would have to wait for the old one's session to end. After a crash `run` makes a new consumer, so kafkajs must not.
    retry: {
      initialRetryTime: 100,
      maxRetryTime: 1_000,
      retries: 1_000_000,
      restartOnFailure: () => Promise.resolve(false),
    },
  }
}
