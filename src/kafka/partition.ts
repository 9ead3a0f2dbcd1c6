/**
 * One assigned partition, from its assignment until it is taken away.
 *
 * | state | what happens in it | and then |
 * |---|---|---|
 * | `acquiring` | fences earlier writers, reads what is committed; again and again, with a growing pause | `ready` |
 * | `ready` | takes messages, starts handlers, publishes what they answer, out of order | a transaction fails: `suspect`; the fetch position is not ours: `acquiring` |
 * | `suspect` | its publisher is lost, perhaps to the partition's next owner: starts and publishes nothing | a heartbeat or a join shows that the group still counts us in, or Kafka only refused the content: `acquiring` |
 * | `gone` | taken away or stopped; from every state | never |
 *
 * Only in `ready` is anything fetched or started. What handlers answer meanwhile is kept.
 */
import { pause } from '../lib/abortable.ts'
import type { Log } from '../logging/log.ts'
import type { Acquired, Known } from './acquire.ts'
import { acquire } from './acquire.ts'
import type { KafkaClients } from './clients.ts'
import type { Fetched, Unreadable } from './fetched.ts'
import type { Flow } from './fetching.ts'
import { createFetching } from './fetching.ts'
import { kafkaReason } from './kafka-error.ts'
import type { Completion, Handler } from './messages.ts'
import type { OpenMessage } from './open-messages.ts'
import { createOpenMessages } from './open-messages.ts'
import type { BatchLimits } from './outbox.ts'
import { createOutbox } from './outbox.ts'
import { inRanges, progressOf } from './progress.ts'
import type { Source } from './publisher.ts'
import { PublishRefused } from './publisher.ts'
import type { Hold } from './publishing.ts'
import { createPublishing } from './publishing.ts'
import type { LastCommit, Note, Standing } from './reconcile.ts'
import { NOTES } from './reconcile.ts'
import type { StartOffsets, Watermarks } from './start-offset.ts'
import type { Window } from './window.ts'

const ACQUIRE_RETRY_MIN_MS = 100
const ACQUIRE_RETRY_MAX_MS = 3_000
/** A batch that cannot be read is tried again after so long. */
const UNREADABLE_RETRY_MS = 15_000

export type PartitionState = 'acquiring' | 'ready' | 'suspect' | 'gone'

export interface PartitionOptions {
  source: Source
  clients: KafkaClients
  handler: Handler
  window: Window
  flow: Flow
  startOffsets: StartOffsets
  /** Aborts calls: the worker's time to drain is over. */
  call: AbortSignal
  batch: BatchLimits
  /** Fetching pauses at so many messages that no handler has room for. */
  prefetch: number
  log: Log
  /** Whether the group still counts this worker in, as far as it knows: else nothing is confirmed or published. */
  isMember: () => boolean
  /** Committed, as known from the commit itself or read later; `durationMs` is null for the latter. */
  onCommitted: (completions: Completion[], durationMs: number | null) => void
  /** A transaction failed, for whatever reason. */
  onFailed: () => void
}

export function createPartition(options: PartitionOptions) {
  const { source, clients, handler, log } = options
  const { topic, partition } = source
  const wait = new AbortController()
  const gone = new AbortController()
  const seat = options.window.join(() => startMore())
  const signals = { wait: wait.signal, call: options.call }
  const open = createOpenMessages({ handler, signals, seat, log, onSettled: () => publish() })
  const outbox = createOutbox(open, partition, log, options.batch)
  const fetching = createFetching(options.flow, options.prefetch)

  let state: PartitionState = 'acquiring'
  let hold: Hold | null = null
  let standing: Standing | null = null
  let last: LastCommit | null = null
  let draining = false
  let acquiring = false
  /** Joins of the group: after one somebody else may have had the partition for a while. */
  let joins = 0
  let trouble: string | null = null
  /** What the partition waits before. */
  let unreadable: Unreadable | null = null
  let lag = 0n
  let committedAtMs: number | null = null

  const publish = createPublishing({
    open,
    outbox,
    handler,
    gone: gone.signal,
    log,
    hold: () => (state === 'ready' && options.isMember() ? hold : null),
    onCommitted: (completions, commit, durationMs) => {
      last = commit
      committedAtMs = performance.now()
      over()
      options.onCommitted(completions, durationMs)
      startMore()
    },
    onFailed,
  })

  function enter(next: PartitionState): void {
    if (state === 'gone') return
    state = next
    if (next === 'ready') return
    fetching.stop()
    hold?.publisher.close()
    hold = null
    if (next === 'acquiring') void acquireAtLast()
  }

  /** Goes on until it works, or until the partition is taken away. */
  async function acquireAtLast(): Promise<void> {
    if (acquiring) return
    acquiring = true
    for (
      let delayMs = ACQUIRE_RETRY_MIN_MS;
      !gone.signal.aborted;
      delayMs = Math.min(delayMs * 2, ACQUIRE_RETRY_MAX_MS)
    ) {
      const joinsBefore = joins
      try {
        const acquired = await acquire(clients, source, options.startOffsets, known(), log, gone.signal)
        if (!gone.signal.aborted && joins === joinsBefore) {
          acquiring = false
          settle(acquired)
          return
        }
        acquired.publisher.close()
      } catch (error) {
        if (!gone.signal.aborted) said('the partition cannot be acquired yet', error)
      }
      await pause(delayMs, gone.signal).catch(() => log.debug('acquiring ends: taken away', { topic, partition }))
    }
    acquiring = false
  }

  function known(): Known | null {
    return standing && { standing, last, progress: progressOf(open.offsets(), standing.next, standing.ahead) }
  }

  function settle({ publisher, committed, base, next, ahead, note, forget }: Acquired): void {
    tellNote(note, { base, next })
    if (forget) open.clear()
    const covered = open.all().filter(({ message: { offset } }) => offset < base || inRanges(offset, ahead))
    for (const item of covered) {
      if (item.tried) open.remove(item)
      else open.abandon(item)
    }
    standing = { base, next, ahead }
    hold = { publisher, standing, committed }
    if (last?.after.offset !== committed.offset || last.after.metadata !== committed.metadata) last = null
    enter('ready')
    const unknown = covered.filter(({ tried }) => tried).map(({ completion }) => completion)
    const learned = unknown.filter((each) => each !== null)
    if (learned.length > 0) options.onCommitted(learned, null)
    fetching.moveTo(next)
    startMore()
    publish()
  }

  async function onFailed(failed: Hold, error: unknown, items: OpenMessage[]): Promise<void> {
    options.onFailed()
    // A join may have made the partition acquire anew meanwhile.
    if (hold !== failed) return
    enter('suspect')
    if (!(error instanceof PublishRefused)) return said('publishing is interrupted', error)
    await outbox.refused(error, items)
    if (state === 'suspect') enter('acquiring')
  }

  function startMore(): void {
    if (state !== 'ready' || draining) return
    if (!outbox.isFull()) open.start()
    const { queued, queuedBytes } = open.counts()
    fetching.adjust(queued, queuedBytes)
  }

  /** @returns whether the messages were taken; if not, they are to be fetched again */
  function fetched({ from, to, messages, unreadable: next }: Fetched): boolean {
    if (state !== 'ready' || draining || standing === null) {
      fetching.stop()
      return false
    }
    if (!fetching.continues(from, standing.next)) {
      // kafkajs reset it after OFFSET_OUT_OF_RANGE, and has overwritten the committed offset with "earliest".
      log.warn('the fetch position was moved: reading it anew', { topic, partition, from, expected: standing.next })
      enter('acquiring')
      return false
    }
    meet(next)
    if (messages.length === 0) return false
    const { ahead } = standing
    for (const message of messages) if (!inRanges(message.offset, ahead)) open.add(message)
    standing.next = to
    standing.ahead = ahead.filter((range) => range.to > to)
    fetching.took()
    startMore()
    return true
  }

  /** Waits before a batch that cannot be read, and looks again now and then: a newer worker may know its codec. */
  function meet(next: Unreadable | null): void {
    if (next === null) {
      if (unreadable !== null) log.info('the batch can be read now', { topic, partition, offset: unreadable.offset })
      unreadable = null
      return
    }
    fetching.waitFor(UNREADABLE_RETRY_MS)
    if (next.offset !== unreadable?.offset) {
      log.error('a batch cannot be read: the partition waits, see docs/kafka.md', { topic, partition, ...next })
    }
    unreadable = next
  }

  /** The group has assigned this partition to us again. */
  function rejoined(memberChanged: boolean): void {
    joins++
    if (state === 'suspect' || (state === 'ready' && memberChanged)) enter('acquiring')
    if (state !== 'ready' || standing === null) return
    fetching.moveTo(standing.next)
    startMore()
  }

  /** Takes in what the log holds now, as the worker's tick read it. */
  function observe(log: Watermarks): void {
    if (standing === null) return
    lag = log.high - standing.base
    if (state === 'ready' && !fetching.observe(log, standing.next)) enter('acquiring')
  }

  function drop(reason: Error): void {
    enter('gone')
    gone.abort(reason)
    wait.abort(reason)
    open.clear()
    seat.close()
  }

  function said(what: string, error: unknown): void {
    const reason = kafkaReason(error)
    if (trouble === reason) return
    trouble = reason
    log.warn(`${what}: trying again`, { topic, partition, reason })
  }

  function over(): void {
    if (trouble !== null) log.info('publishing goes on', { topic, partition })
    trouble = null
  }

  function tellNote(note: Note, { base, next }: { base: bigint; next: bigint }): void {
    const tell = NOTES[note]
    log[tell.level](tell.text, { topic, partition, committed: base, offset: next })
  }

  void acquireAtLast()

  return {
    partition,
    fetched,
    rejoined,
    observe,
    drop,
    passed: (to: bigint) => fetching.passed(to),
    /** The group still counts this worker in. */
    proven(): void {
      if (state === 'suspect') enter('acquiring')
      publish()
    },
    /** Looks whether something that was held may go on. */
    poke(): void {
      publish()
      startMore()
    },
    /** Starts nothing more and ends the handlers' waits; what they answer is still published. */
    drain(reason: Error): void {
      draining = true
      wait.abort(reason)
      fetching.stop()
    },
    starvingMs: fetching.starvingMs,
    status: () => ({
      partition,
      state,
      committed: standing?.base ?? null,
      next: standing?.next ?? null,
      lag,
      ...open.counts(),
      holds: outbox.holds(),
      trouble,
      /** Why the next batch cannot be read; null: it can. */
      unreadable: unreadable?.reason ?? null,
      lastCommitAgeMs: committedAtMs === null ? null : performance.now() - committedAtMs,
    }),
  }
}

export type Partition = ReturnType<typeof createPartition>
export type PartitionStatus = ReturnType<Partition['status']>
