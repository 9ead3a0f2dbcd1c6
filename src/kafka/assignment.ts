/**
 * One assignment of a partition to this worker, from the fence to the revocation: its state and its offsets.
 *
 *   acquiring ── earlier writers are fenced, and the committed offset is read ──► ready
 *   ready ── a transaction failed ──► suspect
 *   ready ── kafkajs moved the position, the position lies outside the log, or the member changed ──► acquiring
 *   suspect ── a heartbeat or a join proves the membership, or Kafka only refused the content ──► acquiring
 *   any ── revoked, or the worker stops ──► gone
 *
 * Only a ready partition fetches, starts handlers and publishes. A suspect one may belong to another worker by now.
 */
import { pause } from '../lib/abortable.ts'
import type { Log } from '../logging/log.ts'
import type { Acquired, Known } from './acquire.ts'
import { acquire } from './acquire.ts'
import type { KafkaClients } from './clients.ts'
import type { Committed } from './committed.ts'
import { kafkaReason } from './kafka-error.ts'
import type { OffsetRange } from './offset-metadata.ts'
import { progressOf } from './progress.ts'
import type { Publisher, Source } from './publisher.ts'
import type { LastCommit, Note, Offsets } from './reconcile.ts'
import { NOTES } from './reconcile.ts'
import { createSettling } from './settling.ts'
import type { StartOffsets } from './start-offset.ts'

const ACQUIRE_RETRY_MIN_MS = 100
const ACQUIRE_RETRY_MAX_MS = 3_000

/** What this worker knows of the partition from owning it. */
interface Remembered {
  readonly offsets: Offsets
  /** This worker's last commit; null: it has made none since it first acquired the partition, or the committed offset has changed since. */
  readonly last: LastCommit | null
}

/** What is needed to publish. A new publisher makes a new ownership. */
export interface Ownership extends Remembered {
  readonly publisher: Publisher
  /** What Kafka has committed. */
  readonly committed: Committed
}

/** See the top of this file. */
export type AssignmentState =
  /**
   * `remembered` is null at the first acquisition. `rejoined`: this worker has joined the group again since the attempt began.
   * Another worker may have owned the partition in between, so what the attempt has read is dropped.
   */
  | { kind: 'acquiring'; remembered: Remembered | null; rejoined: boolean }
  | { kind: 'ready'; ownership: Ownership }
  | { kind: 'suspect'; remembered: Remembered }
  | { kind: 'gone' }

export interface AssignmentOptions {
  source: Source
  clients: KafkaClients
  startOffsets: StartOffsets
  log: Log
  /** @returns offsets that were fetched and are not committed, ascending */
  uncommittedRanges: () => OffsetRange[]
  /** The partition is ready from now on. */
  onReady: (acquired: Acquired) => void
  /** The partition is not ready any more. */
  onReleased: () => void
}

export class Assignment {
  readonly #options: AssignmentOptions
  readonly #revoked = new AbortController()
  #state: AssignmentState = { kind: 'acquiring', remembered: null, rejoined: false }
  #trouble: string | null = null
  #toldLevel: 'info' | 'warn' = 'info'
  readonly #settling = createSettling()

  constructor(options: AssignmentOptions) {
    this.#options = options
  }

  get state(): AssignmentState['kind'] {
    return this.#state.kind
  }

  /** Null while nothing may be published. */
  get ownership(): Ownership | null {
    return this.#state.kind === 'ready' ? this.#state.ownership : null
  }

  /** Null before the first acquisition, and when the partition is gone. */
  get offsets(): Offsets | null {
    return this.#remembered()?.offsets ?? null
  }

  /** Aborts when the partition is gone. */
  get revoked(): AbortSignal {
    return this.#revoked.signal
  }

  /** Why acquiring or publishing failed last; null at first and after a commit. */
  get trouble(): string | null {
    return this.#trouble
  }

  /** Tries to acquire the partition until that succeeds or the partition is gone. The owner calls it once, at the beginning. */
  async acquire(): Promise<void> {
    const { clients, source, startOffsets, log } = this.#options
    for (let delayMs = ACQUIRE_RETRY_MIN_MS; ; delayMs = Math.min(delayMs * 2, ACQUIRE_RETRY_MAX_MS)) {
      if (this.#state.kind !== 'acquiring') return
      this.#state = { ...this.#state, rejoined: false }
      try {
        const acquired = await acquire(clients, source, startOffsets, this.#known(), log, this.revoked)
        if (this.#isUpToDate()) return this.#own(acquired)
        acquired.publisher.close()
      } catch (error) {
        if (!this.revoked.aborted) this.tell('the partition cannot be acquired yet', error)
      }
      await pause(delayMs, this.revoked).catch(() =>
        log.debug('stopped acquiring: the partition was revoked', this.#where()),
      )
    }
  }

  /** Leaves `ready` or `suspect` and acquires the partition again. */
  reacquire(): void {
    const remembered = this.#release()
    this.#state = { kind: 'acquiring', remembered, rejoined: false }
    void this.acquire()
  }

  /**
   * The group has assigned the partition to this worker again.
   * @param memberChanged this worker is a new member of the group, so another worker may have owned the partition meanwhile
   */
  rejoined(memberChanged: boolean): void {
    if (this.#state.kind === 'acquiring') this.#state = { ...this.#state, rejoined: true }
    else if (this.#state.kind === 'suspect' || (this.#state.kind === 'ready' && memberChanged)) this.reacquire()
  }

  /** A heartbeat has proved that this worker is still a member of the group. */
  proven(): void {
    if (this.#state.kind === 'suspect') this.reacquire()
  }

  /**
   * A transaction of this publisher failed.
   * @returns a function that acquires again without waiting for proof of the membership, unless the partition has already left
   * `suspect`; null when the failure belongs to an earlier ownership
   */
  suspect(failed: Publisher): (() => void) | null {
    if (this.#state.kind !== 'ready' || this.#state.ownership.publisher !== failed) return null
    const { offsets, last } = this.#state.ownership
    this.#release()
    const suspect: AssignmentState = { kind: 'suspect', remembered: { offsets, last } }
    this.#state = suspect
    return () => {
      if (this.#state === suspect) this.reacquire()
    }
  }

  /** Messages were taken from a fetch; `next` is where the next fetch begins. */
  fetchedTo(next: bigint): void {
    this.#move(({ base, ahead }) => ({ base, next, ahead: ahead.filter(({ to }) => to > next) }))
  }

  /** This worker's commit was acknowledged. The acknowledgement may come when the partition is not ready any more. */
  committed(last: LastCommit, base: bigint): void {
    this.#move((offsets) => ({ ...offsets, base }), last)
    if (this.#trouble !== null) this.#options.log.info('publishing goes on', this.#where())
    this.#trouble = null
  }

  /** The partition was revoked, or the worker has drained. */
  revoke(reason: Error): void {
    this.#release()
    this.#state = { kind: 'gone' }
    this.#revoked.abort(reason)
  }

  /** Logs why there is no progress: as a warning, unless Kafka is still getting ready. The same reason is not logged twice in a row. */
  tell(what: string, error: unknown): void {
    const reason = kafkaReason(error)
    const level = this.#remembered() === null ? this.#settling.levelOf(error) : 'warn'
    if (this.#trouble === reason && this.#toldLevel === level) return
    this.#trouble = reason
    this.#toldLevel = level
    this.#options.log[level](`${what}: trying again`, { ...this.#where(), reason })
  }

  /** Whether what this attempt has read may be used: no join has come in between. */
  #isUpToDate(): boolean {
    return this.#state.kind === 'acquiring' && !this.#state.rejoined
  }

  #known(): Known | null {
    const remembered = this.#remembered()
    if (remembered === null) return null
    const { next, ahead } = remembered.offsets
    return { ...remembered, progress: progressOf(this.#options.uncommittedRanges(), next, ahead) }
  }

  #own(acquired: Acquired): void {
    const { publisher, committed, base, next, ahead, note } = acquired
    this.#tellNote(note, { base, next })
    const last = this.#remembered()?.last ?? null
    const stands = last?.after.offset === committed.offset && last.after.metadata === committed.metadata
    const offsets = { base, next, ahead }
    this.#state = { kind: 'ready', ownership: { publisher, committed, offsets, last: stands ? last : null } }
    this.#options.onReady(acquired)
  }

  /**
   * Stops fetching and closes the publisher.
   * @returns what to remember of the ownership
   */
  #release(): Remembered | null {
    this.#options.onReleased()
    if (this.#state.kind === 'ready') this.#state.ownership.publisher.close()
    return this.#remembered()
  }

  #remembered(): Remembered | null {
    if (this.#state.kind === 'gone') return null
    if (this.#state.kind !== 'ready') return this.#state.remembered
    const { offsets, last } = this.#state.ownership
    return { offsets, last }
  }

  #move(change: (offsets: Offsets) => Offsets, commit: LastCommit | null = null): void {
    const state = this.#state
    if (state.kind === 'ready') {
      const { ownership } = state
      const also = commit === null ? {} : { last: commit, committed: commit.after }
      this.#state = { kind: 'ready', ownership: { ...ownership, ...also, offsets: change(ownership.offsets) } }
    } else if (state.kind !== 'gone' && state.remembered !== null) {
      const { offsets, last } = state.remembered
      this.#state = { ...state, remembered: { offsets: change(offsets), last: commit ?? last } }
    }
  }

  #tellNote(note: Note, { base, next }: { base: bigint; next: bigint }): void {
    const { level, text } = NOTES[note]
    this.#options.log[level](text, { ...this.#where(), committed: base, offset: next })
  }

  #where(): { topic: string; partition: number } {
    const { topic, partition } = this.#options.source
    return { topic, partition }
  }
}
