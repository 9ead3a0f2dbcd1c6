/**
 * One assigned partition: takes fetched messages, runs their handlers concurrently, and publishes the completions as they come, out of
 * order. assignment.ts, which lists the states, decides when it may publish. Until then the completions are kept.
 */
import type { Log } from '../logging/log.ts'
import type { Acquired } from './acquire.ts'
import type { Ownership } from './assignment.ts'
import { Assignment } from './assignment.ts'
import type { KafkaClients } from './clients.ts'
import type { Fetched, Unreadable } from './fetched.ts'
import type { Fetching, Flow } from './fetching.ts'
import { createFetching } from './fetching.ts'
import type { Completion, Handler } from './messages.ts'
import type { Uncommitted, UncommittedMessage } from './uncommitted.ts'
import { createUncommitted } from './uncommitted.ts'
import type { BatchLimits, Outbox } from './outbox.ts'
import { createOutbox } from './outbox.ts'
import { inRanges } from './progress.ts'
import type { Source } from './publisher.ts'
import { PublishRejected } from './publisher.ts'
import { createPublishing } from './publishing.ts'
import type { StartOffsets, Watermarks } from './start-offset.ts'
import type { Seat, Window } from './window.ts'

/** A batch that cannot be read is tried again after this time. */
const UNREADABLE_RETRY_MS = 15_000

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
  /** Fetching pauses while this many messages wait for a handler. */
  prefetch: number
  log: Log
  /** Whether this worker is still a member of the group, as far as it knows. Otherwise nothing is confirmed or published. */
  isMember: () => boolean
  /** Called with committed completions. `durationMs`: of the transaction; null when the commit was learned from the committed offset. */
  onCommitted: (completions: Completion[], durationMs: number | null) => void
  /** A transaction failed, for whatever reason. */
  onFailed: () => void
}

export class Partition {
  readonly partition: number
  readonly #options: PartitionOptions
  readonly #assignment: Assignment
  readonly #wait = new AbortController()
  readonly #seat: Seat
  readonly #uncommitted: Uncommitted
  readonly #outbox: Outbox
  readonly #fetching: Fetching
  readonly #publish: () => void
  #draining = false
  /** The batch that cannot be read and that the partition waits for. */
  #unreadable: Unreadable | null = null
  #lag = 0n
  #committedAtMs: number | null = null

  constructor(options: PartitionOptions) {
    const { source, clients, startOffsets, handler, log, isMember } = options
    this.#options = options
    this.partition = source.partition
    this.#seat = options.window.join(() => this.#startMore())
    this.#uncommitted = createUncommitted({
      handler,
      signals: { wait: this.#wait.signal, call: options.call },
      seat: this.#seat,
      log,
      onSettled: () => this.#publish(),
    })
    this.#outbox = createOutbox(this.#uncommitted, source, log, options.batch)
    this.#fetching = createFetching(options.flow, options.prefetch)
    this.#assignment = new Assignment({
      source,
      clients,
      startOffsets,
      log,
      uncommittedRanges: () => this.#uncommitted.rangesWithout(new Set()),
      onReady: (acquired) => this.#ready(acquired),
      onReleased: () => this.#fetching.stop(),
    })
    this.#publish = createPublishing({
      uncommitted: this.#uncommitted,
      outbox: this.#outbox,
      handler,
      gone: this.#assignment.revoked,
      log,
      ownership: () => (isMember() ? this.#assignment.ownership : null),
      onCommitted: (completions, commit, durationMs) => {
        this.#assignment.committed(commit, commit.after.offset)
        this.#committedAtMs = performance.now()
        options.onCommitted(completions, durationMs)
        this.#startMore()
      },
      onFailed: (failed, error, items) => this.#failed(failed, error, items),
    })
    void this.#assignment.acquire()
  }

  /** @returns whether the messages were taken; if not, they must be fetched again */
  fetched({ from, to, messages, unreadable }: Fetched): boolean {
    const offsets = this.#assignment.ownership?.offsets
    if (offsets === undefined || this.#draining) {
      this.#fetching.stop()
      return false
    }
    if (!this.#fetching.continues(from, offsets.next)) {
      // After OFFSET_OUT_OF_RANGE kafkajs resets the position and overwrites the committed offset with "earliest".
      const { topic, partition } = this.#options.source
      const moved = { topic, partition, from, expected: offsets.next }
      this.#options.log.warn('kafkajs moved the fetch position: acquiring the partition again', moved)
      this.#assignment.reacquire()
      return false
    }
    this.#meet(unreadable)
    if (messages.length === 0) return false
    for (const message of messages) if (!inRanges(message.offset, offsets.ahead)) this.#uncommitted.add(message)
    this.#assignment.fetchedTo(to)
    this.#fetching.took()
    this.#startMore()
    return true
  }

  /** kafkajs has skipped offsets without messages and continues at `to`. */
  passed(to: bigint): void {
    this.#fetching.passed(to)
  }

  /** The group has assigned this partition to this worker again; see `rejoined` of assignment.ts. */
  rejoined(memberChanged: boolean): void {
    this.#assignment.rejoined(memberChanged)
    const offsets = this.#assignment.ownership?.offsets
    if (offsets === undefined) return
    this.#fetching.moveTo(offsets.next)
    this.#startMore()
  }

  /** A heartbeat has proved that this worker is still a member of the group. */
  proven(): void {
    this.#assignment.proven()
    this.#publish()
  }

  /** Gets the log's first and next offset from the watchdog. When the position lies outside the log, acquires the partition again. */
  observe(log: Watermarks): void {
    const { offsets, state } = this.#assignment
    if (offsets === null) return
    this.#lag = log.high - offsets.base
    if (state === 'ready' && !this.#fetching.observe(log, offsets.next)) this.#assignment.reacquire()
  }

  /** Called every second: publishes and starts what no longer has to wait. */
  poke(): void {
    this.#publish()
    this.#startMore()
  }

  /** Starts nothing more and ends the handlers' waits. What they still complete is published. */
  drain(reason: Error): void {
    this.#draining = true
    this.#wait.abort(reason)
    this.#fetching.stop()
  }

  /** The partition was revoked, or the worker has drained. */
  drop(reason: Error): void {
    this.#assignment.revoke(reason)
    this.#wait.abort(reason)
    this.#uncommitted.clear()
    this.#seat.close()
  }

  /** @returns for how long the log has had messages that fetching does not bring, ms; 0 when it brings them */
  starvingMs(): number {
    return this.#fetching.starvingMs()
  }

  status() {
    const { state, offsets, trouble } = this.#assignment
    return {
      partition: this.partition,
      state,
      committed: offsets?.base ?? null,
      next: offsets?.next ?? null,
      lag: this.#lag,
      ...this.#uncommitted.counts(),
      backoffs: this.#outbox.backoffs(),
      trouble,
      /** Why the next batch cannot be read; null when it can. */
      unreadable: this.#unreadable?.reason ?? null,
      lastCommitAgeMs: this.#committedAtMs === null ? null : performance.now() - this.#committedAtMs,
    }
  }

  /** Waits at a batch that cannot be read and tries it again every 15 s. A newer worker may know the batch's codec. */
  #meet(next: Unreadable | null): void {
    const { log, source } = this.#options
    const { topic, partition } = source
    const before = this.#unreadable
    this.#unreadable = next
    if (next === null) {
      if (before !== null) log.info('the batch can be read now', { topic, partition, offset: before.offset })
      return
    }
    this.#fetching.waitFor(UNREADABLE_RETRY_MS)
    if (next.offset !== before?.offset) {
      log.error('a batch cannot be read: the partition waits, see docs/kafka.md', { topic, partition, ...next })
    }
  }

  #ready({ base, next, ahead, forget }: Acquired): void {
    if (forget) this.#uncommitted.clear()
    const isCovered = (offset: bigint) => offset < base || inRanges(offset, ahead)
    const covered = this.#uncommitted.all().filter(({ message }) => isCovered(message.offset))
    for (const item of covered) {
      if (item.tried) this.#uncommitted.remove(item)
      else this.#uncommitted.abandon(item)
    }
    const learned = covered.flatMap(({ tried, completion }) => (tried && completion !== null ? [completion] : []))
    if (learned.length > 0) this.#options.onCommitted(learned, null)
    this.#fetching.moveTo(next)
    this.#startMore()
    this.#publish()
  }

  async #failed({ publisher }: Ownership, error: unknown, items: UncommittedMessage[]): Promise<void> {
    this.#options.onFailed()
    const reacquire = this.#assignment.suspect(publisher)
    // Null: the partition is gone, or has left this ownership already (as after a join as a new member).
    if (reacquire === null) return
    if (!(error instanceof PublishRejected)) return this.#assignment.tell('publishing is interrupted', error)
    await this.#outbox.rejected(error, items)
    reacquire()
  }

  #startMore(): void {
    if (this.#assignment.state !== 'ready' || this.#draining) return
    if (!this.#outbox.isFull()) this.#uncommitted.start()
    const { queued, queuedBytes } = this.#uncommitted.queue()
    this.#fetching.adjust(queued, queuedBytes)
  }
}

export type PartitionStatus = ReturnType<Partition['status']>
