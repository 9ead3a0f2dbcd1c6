/**
 * Joins the worker to the consumer group. Each assigned partition fences its former owner, fetches, runs handlers concurrently and
 * publishes their outputs with the offsets in transactions, exactly once. assignment.ts lists a partition's states.
 */
import { setInterval } from 'node:timers'
import { pause } from '../lib/abortable.ts'
import type { Config } from '../config.ts'
import type { Log } from '../logging/log.ts'
import type { KafkaClients } from './clients.ts'
import { kafkaReason } from './kafka-error.ts'
import type { MembershipStatus } from './membership.ts'
import { Membership } from './membership.ts'
import type { Completion, Handler } from './messages.ts'
import type { BatchLimits } from './outbox.ts'
import { DEFAULT_BATCH_LIMITS } from './outbox.ts'
import type { PartitionStatus } from './partition.ts'
import { Partition } from './partition.ts'
import { createStartOffsets } from './start-offset.ts'
import { within } from './time-limit.ts'
import { createWatchdog } from './watchdog.ts'
import { createWindow } from './window.ts'
import type { Timings } from '../timings.ts'
import { TIMINGS } from '../timings.ts'

const TICK_MS = 1_000
const STALL_MS = 30_000
const DRAIN_POLL_MS = 20
const { graceMs, marksMs, leaveMs } = TIMINGS.shutdown

export interface ConsumerHooks {
  /** A transaction was committed. */
  committed?: (facts: { partition: number; completions: number; messages: number; durationMs: number }) => void
  /** A transaction failed: Kafka refused it, it was aborted, or it is not known yet whether it was committed. */
  failed?: (facts: { partition: number }) => void
  rebalanced?: (partitions: number[]) => void
  restarted?: (reason: string) => void
}

export interface ConsumerOptions {
  clients: KafkaClients
  config: Pick<Config['kafka'], 'groupId' | 'startFrom'> & { topics: { requests: string } }
  processedTtlMs: number
  handler: Handler
  log: Log
  hooks?: ConsumerHooks
  /** How many messages this worker, over all of its partitions, may have in handlers, or completed and not published. Default 256. */
  windowMessages?: number
  /** How many bytes these messages may have. Default 32 MB. */
  windowBytes?: number
  /** Resolves when the group's first offset may be committed; see start-offset.ts. Default: at once. */
  mayCommitFirst?: () => Promise<void>
  timeouts?: Partial<Timings['group']>
  batch?: Partial<BatchLimits>
  stallMs?: number
}

export interface StopReport {
  /** Messages that were started and not completed; they stay uncommitted. */
  handedBack: number
  /** Messages that were fetched and not started. */
  untouched: number
  /** Messages that were completed and not published in time. Redis holds their successes and failures; the others are handled again. */
  unpublished: number
}

export interface ConsumerStatus {
  partitions: PartitionStatus[]
  window: { messages: number; bytes: number; limitMessages: number; limitBytes: number }
  membership: MembershipStatus
  stopping: boolean
}

export interface KafkaConsumer {
  /** Consumes until `stop` is complete. While Kafka is away it does not reject: it waits and logs that. */
  run(): Promise<void>
  /**
   * Fetches and starts nothing more, aborts the handlers' waits at once and their calls after `drainMs`, publishes what they still
   * complete, and leaves the group. A second call returns the promise of the first one.
   */
  stop(drainMs: number): Promise<StopReport>
  status(): ConsumerStatus
}

/** Long, because everything in it shares the map of partitions and the state of stopping. */
export function createConsumer(options: ConsumerOptions): KafkaConsumer {
  const { clients, config, handler, log, hooks = {} } = options
  const topic = config.topics.requests
  const group = config.groupId
  const limits = { messages: options.windowMessages ?? 256, bytes: options.windowBytes ?? 32_000_000 }
  const timeouts = { ...TIMINGS.group, ...options.timeouts }
  const window = createWindow(limits)
  const start = { startFrom: config.startFrom, processedTtlMs: options.processedTtlMs }
  const startOffsets = createStartOffsets(clients, topic, start, options.mayCommitFirst)
  const partitions = new Map<number, Partition>()
  /** Partitions that were revoked while handlers ran. Their handlers go on: the calls are paid for, so the answers are stored. */
  let leaving: Partition[] = []
  /** Calls of `handler.committed` that have not returned. */
  const telling = new Set<Promise<void>>()
  const leave = new AbortController()
  const call = new AbortController()
  let stopping: Promise<StopReport> | null = null
  let member: Promise<void> | null = null
  /** The group must be left by then, performance.now() ms. The earlier the drain ends, the more time is left for that. */
  let leaveByMs = 0

  const membership = new Membership({
    clients,
    group,
    topic,
    timeouts,
    log,
    events: {
      onAssigned,
      onHeartbeat: () => partitions.forEach((each) => each.proven()),
      onFetched: (partition, fetched) => partitions.get(partition)?.fetched(fetched) ?? false,
      onPassed: (partition, to) => partitions.get(partition)?.passed(to),
      onRestart: (reason) => hooks.restarted?.(reason),
    },
  })

  function onAssigned(assigned: number[], memberChanged: boolean): void {
    const lost = [...partitions.keys()].filter((each) => !assigned.includes(each))
    const fresh = assigned.filter((each) => !partitions.has(each))
    for (const each of lost) drop(each, new Error('the partition was revoked'))
    partitions.forEach((each) => each.rejoined(memberChanged))
    for (const each of fresh) if (stopping === null) partitions.set(each, createPartition(each))
    log.info('assigned', {
      topic,
      group,
      partitions: assigned.toSorted((a, b) => a - b).join(',') || 'none',
      ...(lost.length === 0 ? {} : { lost: lost.join(',') }),
    })
    hooks.rebalanced?.(assigned)
  }

  function createPartition(partition: number): Partition {
    return new Partition({
      source: { group, topic, partition },
      clients,
      handler,
      window,
      startOffsets,
      call: call.signal,
      batch: { ...DEFAULT_BATCH_LIMITS, ...options.batch },
      prefetch: Math.max(8, Math.floor(limits.messages / 2)),
      log,
      flow: {
        pause: () => membership.pause(partition),
        resume: () => membership.resume(partition),
        seek: (offset) => membership.seek(partition, offset),
      },
      isMember: () => membership.isMember(),
      onCommitted: (completions, durationMs) => onCommitted(partition, completions, durationMs),
      onFailed: () => hooks.failed?.({ partition }),
    })
  }

  function drop(partition: number, reason: Error): void {
    const dropped = partitions.get(partition)
    if (dropped === undefined) return
    partitions.delete(partition)
    dropped.drop(reason)
    leaving = [...leaving.filter(isRunning), dropped]
  }

  function onCommitted(partition: number, completions: Completion[], durationMs: number | null): void {
    const how = durationMs === null ? 'learned' : 'known'
    const told = handler.committed(completions, how).catch((error: unknown) => {
      log.error('a fault of the worker after a commit', { topic, partition, reason: kafkaReason(error) })
    })
    telling.add(told)
    void told.finally(() => telling.delete(told))
    const messages = completions.reduce((sum, each) => sum + each.messages.length, 0)
    if (durationMs !== null) hooks.committed?.({ partition, completions: completions.length, messages, durationMs })
  }

  const watch = createWatchdog({
    clients,
    topic,
    partitions,
    membership,
    silentLimitMs: timeouts.rebalanceMs + timeouts.sessionMs,
    stallMs: options.stallMs ?? STALL_MS,
    log,
  })

  async function drainAndLeave(drainMs: number): Promise<StopReport> {
    const reason = new Error('the worker is stopping')
    const deadlineMs = performance.now() + drainMs
    leaveByMs = deadlineMs + graceMs + marksMs + leaveMs
    partitions.forEach((each) => each.drain(reason))
    await drained(deadlineMs)
    call.abort(reason)
    await drained(performance.now() + graceMs)
    const { queued, running, completed, handedBack } = totals()
    for (const each of partitions.keys()) drop(each, reason)
    leave.abort(reason)
    await within(marksMs, 'the last marks', Promise.all(telling)).catch((error: Error) =>
      log.warn('stopping before all published ids were marked in Redis', { reason: error.message }),
    )
    await member
    return { handedBack: handedBack + running, untouched: queued, unpublished: completed }
  }

  async function drained(deadlineMs: number): Promise<void> {
    const isBusy = ({ running, completed } = totals()) =>
      running + completed > 0 || (telling.size > 0 && !call.signal.aborted)
    while (isBusy() && performance.now() < deadlineMs) await pause(DRAIN_POLL_MS, leave.signal)
  }

  function totals() {
    leaving = leaving.filter(isRunning)
    return totalsOf([...partitions.values(), ...leaving])
  }

  return {
    async run() {
      const timer = setInterval(watch, TICK_MS)
      try {
        member = membership.run(leave.signal, () => Math.max(leaveMs, leaveByMs - performance.now()))
        await member
        await stopping
      } finally {
        clearInterval(timer)
      }
    },
    stop: (drainMs) => (stopping ??= drainAndLeave(drainMs)),
    status: () => ({
      partitions: [...partitions.values()].map((each) => each.status()),
      window: { ...window.used(), limitMessages: limits.messages, limitBytes: limits.bytes },
      membership: membership.status(),
      stopping: stopping !== null,
    }),
  }
}

const isRunning = (partition: Partition) => partition.status().running > 0

/** @returns the sums of what these partitions have in hand */
function totalsOf(partitions: Partition[]) {
  const all = partitions.map((each) => each.status())
  const sum = (pick: (status: PartitionStatus) => number) => all.reduce((total, each) => total + pick(each), 0)
  return {
    queued: sum((each) => each.queued),
    running: sum((each) => each.running),
    completed: sum((each) => each.completed),
    handedBack: sum((each) => each.handedBack),
  }
}
