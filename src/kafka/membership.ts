/** Keeps this worker a member of the consumer group, with one kafkajs consumer after another. */
import type { Consumer, EachBatchPayload } from 'kafkajs'
import { pause } from '../lib/abortable.ts'
import type { Log } from '../logging/log.ts'
import type { KafkaClients } from './clients.ts'
import type { Fetched } from './fetched.ts'
import { readFetched } from './fetched.ts'
import { kafkaReason } from './kafka-error.ts'
import { within } from './time-limit.ts'

const RESTART_MIN_MS = 200
const RESTART_MAX_MS = 2_000
const CLOSE_LIMIT_MS = 5_000

export interface GroupTimeouts {
  /** Without a heartbeat for so long a member is out; a worker started after a SIGKILL waits so long for its partitions. */
  sessionMs: number
  heartbeatMs: number
  /** How long members have to join again when the group changes. */
  rebalanceMs: number
  /** Longest wait of an empty fetch, and of a resumed partition for the next one; `stop` waits so long too. */
  fetchWaitMs: number
}

export const DEFAULT_GROUP_TIMEOUTS: GroupTimeouts = {
  sessionMs: 10_000,
  heartbeatMs: 1_000,
  rebalanceMs: 15_000,
  fetchWaitMs: 100,
}

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
  timeouts: GroupTimeouts
  log: Log
  events: MembershipEvents
}

export function createMembership({ clients, group, topic, timeouts, log, events }: MembershipOptions) {
  let consumer: Consumer | null = null
  let end: (reason: string) => void = () => {}
  let memberId: string | null = null
  let aliveAtMs = performance.now()
  /** Of a heartbeat when it was sent: the answer may have waited for a process that was frozen. */
  let answeredAtMs = performance.now()
  let assigned = false
  let lastEnd: string | null = null
  let joined = false

  /** One consumer from its start to its end. */
  async function session(signal: AbortSignal): Promise<string> {
    const { promise: ended, resolve } = Promise.withResolvers<string>()
    end = resolve
    const onAbort = () => resolve('stopped')
    signal.addEventListener('abort', onAbort, { once: true })
    const current = createConsumer()
    consumer = current
    aliveAtMs = performance.now()
    listen(current, resolve)
    try {
      if (signal.aborted) return 'stopped'
      void start(current).catch((error: unknown) => resolve(kafkaReason(error)))
      lastEnd = await ended
      return lastEnd
    } finally {
      signal.removeEventListener('abort', onAbort)
      consumer = null
      assigned = false
      await close(current)
    }
  }

  function createConsumer(): Consumer {
    return clients.consumer({
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
    })
  }

  async function start(current: Consumer): Promise<void> {
    await current.connect()
    // Where kafkajs begins is of no matter: each partition seeks. After OFFSET_OUT_OF_RANGE it is where kafkajs jumps to.
    await current.subscribe({ topic, fromBeginning: true })
    await current.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch })
  }

  function listen(current: Consumer, resolve: (reason: string) => void): void {
    const alive = () => (aliveAtMs = performance.now())
    const mine = () => consumer === current
    let heartbeatAtMs = performance.now()
    const answered = (atMs: number) => {
      answeredAtMs = atMs
      lastEnd = null
    }
    current.on('consumer.network.request', ({ payload: { apiName, duration } }) => {
      if (apiName === 'Heartbeat') heartbeatAtMs = performance.now() - Math.max(0, duration)
    })
    // No answer of Kafka: kafkajs tells of fetches that asked nobody, since every partition is paused or there is none.
    current.on('consumer.fetch', alive)
    current.on('consumer.heartbeat', () => {
      alive()
      if (!mine()) return
      answered(heartbeatAtMs)
      events.onHeartbeat()
    })
    current.on('consumer.group_join', ({ payload }) => {
      alive()
      if (!mine()) return
      answered(performance.now())
      onJoin(payload.memberId, payload.memberAssignment[topic] ?? [])
    })
    current.on('consumer.start_batch_process', ({ payload }) => {
      if (mine() && payload.batchSize === 0) events.onPassed(payload.partition, BigInt(payload.lastOffset) + 1n)
    })
    current.on('consumer.crash', ({ payload }) => resolve(kafkaReason(payload.error)))
  }

  /** Synchronous within the join: no fetch happens before every partition is paused. */
  function onJoin(id: string, partitions: number[]): void {
    joined = true
    assigned = true
    const memberChanged = memberId !== null && memberId !== id
    memberId = id
    steer((current) => current.pause([{ topic, partitions }]))
    events.onAssigned(partitions, memberChanged)
  }

  async function eachBatch(payload: EachBatchPayload): Promise<void> {
    // A seek is pending: this was fetched from where the partition was before it.
    if (payload.isStale()) return
    const { batch } = payload
    const last = batch.messages.at(-1)
    const fetched = readFetched(batch)
    if (fetched === null || last === undefined || !events.onFetched(batch.partition, fetched)) return
    // Resolving the last message passes the markers after it too.
    payload.resolveOffset(fetched.unreadable === null ? last.offset : (fetched.to - 1n).toString())
  }

  /** kafkajs throws while there is no running consumer; the next join sets everything again. */
  function steer(action: (current: Consumer) => void): void {
    if (consumer === null) return
    try {
      action(consumer)
    } catch (error) {
      log.debug('not consuming just now', { reason: (error as Error).message })
    }
  }

  async function close(current: Consumer): Promise<void> {
    try {
      await within(CLOSE_LIMIT_MS, 'leaving the group', current.disconnect())
    } catch (error) {
      log.debug('the consumer was left behind', { reason: kafkaReason(error) })
    }
  }

  /** Stays in the group until the signal aborts, then leaves it. */
  async function run(signal: AbortSignal): Promise<void> {
    let said: string | null = null
    for (let delayMs = RESTART_MIN_MS; ; delayMs = Math.min(delayMs * 2, RESTART_MAX_MS)) {
      joined = false
      const reason = await session(signal)
      if (signal.aborted) return
      events.onRestart(reason)
      if (joined) {
        said = null
        delayMs = RESTART_MIN_MS
      }
      if (said !== reason) log.warn('the consumer ended: making another', { topic, group, reason })
      said = reason
      await pause(delayMs, signal).catch(() => log.debug('stopped between two consumers', { topic }))
      if (signal.aborted) return
    }
  }

  return {
    run,
    /** Makes another consumer. */
    restart: (reason: string) => end(reason),
    pause: (partition: number) => steer((current) => current.pause([{ topic, partitions: [partition] }])),
    resume: (partition: number) => steer((current) => current.resume([{ topic, partitions: [partition] }])),
    seek: (partition: number, offset: bigint) =>
      steer((current) => current.seek({ topic, partition, offset: offset.toString() })),
    /** How long, in ms, kafkajs has shown no sign of life: no fetch, no heartbeat, no join, no new consumer. */
    silentMs: () => performance.now() - aliveAtMs,
    /**
     * Whether this is a member of the group, which has heard of it within its session. If not, its partitions may be
     * another's: what it writes about them elsewhere would contradict that one.
     */
    isMember: () => assigned && performance.now() - answeredAtMs < timeouts.sessionMs,
    status: (): MembershipStatus => ({ assigned, unansweredMs: performance.now() - answeredAtMs, lastEnd }),
  }
}
