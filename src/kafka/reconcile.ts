/** Decides after the fence where to continue, from the committed offset, the log's bounds and this worker's own offsets. Pure. */
import type { Committed } from './committed.ts'
import type { OutgoingMessage } from './messages.ts'
import type { OffsetRange } from './offset-metadata.ts'
import { decodeDone } from './offset-metadata.ts'
import type { Watermarks } from './start-offset.ts'

/** The offsets that decide where to fetch a partition and what to commit for it. */
export interface Offsets {
  /** The committed offset: everything below it is done. */
  readonly base: bigint
  /** The position: the offset to fetch next. */
  readonly next: bigint
  /** The done offsets above the base, from the commit's metadata. */
  readonly ahead: readonly OffsetRange[]
}

/** The last commit that Kafka has acknowledged to this worker. Only the last one can have been lost. */
export interface LastCommit {
  before: Committed
  after: Committed
  messages: OutgoingMessage[]
  /** When it began, ms since the epoch. */
  atMs: number
}

export type Note =
  | 'as_committed'
  /** The group has no offset here: it is new, or the offset was deleted. Begin at the configured start. */
  | 'no_offset'
  /** The group's offset has vanished, but this worker knows it. */
  | 'offset_restored'
  /** The committed offset or the position lies beyond the log's end: the topic was created again, or truncated. */
  | 'log_shorter'
  /** Somebody set the offset back. */
  | 'moved_back'
  /** Retention has removed messages that were never read. */
  | 'retention'
  /** Other software wrote the metadata, or a tool moved the offset without it. */
  | 'foreign_metadata'

export interface Reconciled extends Offsets {
  note: Note
  /** Forget this worker's uncommitted messages: the log holds others now, or they will be fetched again. */
  forget: boolean
  /** Commit the base at once, because Kafka does not have it. */
  commit: boolean
}

/**
 * @param known this worker's offsets; null at its first acquisition
 * @param ask.start gives where a group without an offset begins; called only for such a group
 * @param ask.recent gives where to begin in a log that is shorter than before, whose offsets now mean other messages
 */
export async function reconcile(
  known: Offsets | null,
  committed: Committed,
  log: Watermarks,
  ask: { start: () => Promise<bigint>; recent: () => Promise<bigint> },
): Promise<Reconciled> {
  const afresh = (base: bigint, note: Note, commit = true): Reconciled => ({
    base,
    next: base,
    ahead: [],
    note,
    forget: true,
    commit,
  })
  if (committed.offset === null && known === null) return afresh(await ask.start(), 'no_offset')
  const base = committed.offset ?? known?.base ?? 0n
  if (base > log.high || (known !== null && known.next > log.high)) return afresh(await ask.recent(), 'log_shorter')
  if (committed.offset === null && known !== null) {
    return withinLog({ ...known, note: 'offset_restored', forget: false, commit: true }, log)
  }
  const done = decodeDone(base, committed.metadata)
  const note = done === null ? 'foreign_metadata' : 'as_committed'
  if (known !== null && base < known.base) {
    return withinLog({ ...afresh(base, 'moved_back', false), ahead: done ?? [] }, log)
  }
  const next = known !== null && known.next > base ? known.next : base
  return withinLog({ base, next, ahead: done ?? [], note, forget: known === null, commit: false }, log)
}

function withinLog(reconciled: Reconciled, { low }: Watermarks): Reconciled {
  if (reconciled.next >= low) return reconciled
  return { ...reconciled, next: low, note: 'retention' }
}

/** @returns whether the committed offset is again the one before this worker's last acknowledged commit */
export function isLost(last: LastCommit, committed: Committed): boolean {
  return committed.offset === last.before.offset && committed.metadata === last.before.metadata
}

/** How each note is logged. */
export const NOTES: Record<Note, { level: 'debug' | 'info' | 'warn' | 'error'; text: string }> = {
  as_committed: { level: 'info', text: 'partition acquired: going on from the committed offset' },
  no_offset: { level: 'info', text: 'the group has no committed offset here: beginning as KAFKA_START_FROM says' },
  offset_restored: { level: 'warn', text: "the group's committed offset had vanished: it is committed again" },
  log_shorter: {
    level: 'error',
    text: 'the topic is shorter than it was (made anew?): beginning at its recent messages',
  },
  moved_back: { level: 'warn', text: 'the committed offset was moved back: reading from there' },
  retention: { level: 'error', text: 'retention has removed messages that were never read: going on after them' },
  foreign_metadata: {
    level: 'warn',
    text: "the committed offset's metadata is not ours: what is done above it will be met again",
  },
}
