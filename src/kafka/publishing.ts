/** Publishes the completions of one partition: confirms a batch of them, commits it in one transaction, and reports that. */
import { bounded, pause } from '../lib/abortable.ts'
import type { Log } from '../logging/log.ts'
import type { Ownership } from './assignment.ts'
import type { Completion, Handler } from './messages.ts'
import type { Uncommitted, UncommittedMessage } from './uncommitted.ts'
import type { Batch, Outbox } from './outbox.ts'
import { PublishRejected } from './publisher.ts'
import type { LastCommit } from './reconcile.ts'
import { TIMINGS } from '../timings.ts'

const { withinMs, validMs } = TIMINGS.confirmation

/**
 * Under load a transaction waits this long for more completions, ms: the five Kafka requests and the markers of a transaction cost the
 * broker the same for one message as for a hundred.
 */
const LINGER_MS = 20
/** The load is high when the last transaction committed at least this many messages. */
const LINGER_FROM = 8

/** A commit that Kafka has just acknowledged. */
export type OwnCommit = LastCommit & { after: { offset: bigint } }

export interface PublishingOptions {
  uncommitted: Uncommitted
  outbox: Outbox
  handler: Handler
  /** The partition was revoked. */
  gone: AbortSignal
  log: Log
  /** @returns null while nothing may be published */
  ownership: () => Ownership | null
  onCommitted: (completions: Completion[], commit: OwnCommit, durationMs: number) => void
  /** The transaction failed. The publisher of this ownership cannot be used again. */
  onFailed: (ownership: Ownership, error: unknown, items: UncommittedMessage[]) => Promise<void>
}

/**
 * Long, because everything in it shares the state of one publishing run.
 * @returns a function that publishes everything that may be published; a call while it runs makes it check once more at the end
 */
export function createPublishing(options: PublishingOptions): () => void {
  const { uncommitted, outbox, handler, gone, log, ownership, onCommitted, onFailed } = options
  let running = false
  let again = false
  /** How many completed messages the last transaction committed; 0 when the last attempt committed none. */
  let lastCount = 0

  async function run(): Promise<void> {
    running = true
    try {
      while (again) {
        again = false
        while (await publishBatch());
      }
    } finally {
      running = false
    }
  }

  /** @returns whether to try the next batch at once */
  async function publishBatch(): Promise<boolean> {
    if (lastCount >= LINGER_FROM) await pause(LINGER_MS, gone).catch(() => {})
    lastCount = 0
    const before = ownership()
    const chosen = before && outbox.fit(outbox.pick(), before.offsets)
    if (!before || !chosen) return false
    const askedMs = performance.now()
    const isConfirmed = await confirm(chosen.items)
    // During the confirmation the partition may have been revoked or acquired again.
    const now = ownership()
    if (!isConfirmed || now?.publisher !== before.publisher) return false
    const batch = outbox.fit(chosen.items, now.offsets)
    return batch !== null && (await transact(now, batch, askedMs))
  }

  /**
   * Asks the handler which completions may still be published, and replaces those of `items` by what it returns.
   * @returns false when the handler could not tell now
   */
  async function confirm(items: UncommittedMessage[]): Promise<boolean> {
    // After a failure the next completion or the worker's tick tries again.
    return bounded(gone, withinMs, async (signal) => {
      try {
        await confirmWith(handler, items, signal)
        return true
      } catch (error) {
        const reason = (error as Error).message
        if (!signal.aborted) log.error('publishing waits: its confirmation failed', { reason })
        return false
      }
    })
  }

  /**
   * Asks the handler again when its confirmation has become too old.
   * @throws Error when an item must not be published any more, or when that cannot be found out now
   */
  async function stillConfirmed(
    { publisher }: Ownership,
    items: UncommittedMessage[],
    firstAskedMs: number,
  ): Promise<void> {
    for (let askedMs = firstAskedMs; performance.now() - askedMs > validMs;) {
      if (ownership()?.publisher !== publisher) throw new Error('another worker may own the partition by now')
      askedMs = performance.now()
      const asked = items.map(({ completion }) => completion)
      await bounded(gone, withinMs, (signal) => confirmWith(handler, items, signal))
      const changed = items.some(({ completion }, index) => completion !== asked[index])
      if (changed) throw new Error('an id has passed to another message since its confirmation')
    }
  }

  async function transact(before: Ownership, batch: Batch, askedMs: number): Promise<boolean> {
    const { items, progress, metadata } = batch
    const completions = completionsOf(items)
    const [startMs, atMs] = [performance.now(), Date.now()]
    const messages = completions.flatMap((each) => each.messages)
    const how = {
      eachTopicAlone: outbox.eachTopicAlone(items),
      abortFirst: items.some(({ tried }) => tried),
      mayCommit: () => stillConfirmed(before, items, askedMs),
    }
    // Set before sending: whatever happens from here on, the log may hold these messages.
    for (const item of items) item.tried = true
    try {
      await before.publisher.publish(messages, progress.offset, metadata, how)
    } catch (error) {
      if (error instanceof PublishRejected) for (const item of items) item.tried = how.abortFirst
      await onFailed(before, error, items)
      return false
    }
    const after = { offset: progress.offset, metadata }
    const commit = { before: before.committed, after, messages, atMs }
    for (const item of items) uncommitted.remove(item)
    lastCount = items.length
    outbox.succeeded(items)
    onCommitted(completions, commit, performance.now() - startMs)
    return true
  }

  return () => {
    again = true
    if (!running)
      run().catch((error: Error) => log.error('a fault of the worker in publishing', { reason: error.stack }))
  }
}

/** Replaces, for good, the completions whose messages must not be published any more; see `confirm` of messages.ts. */
async function confirmWith(handler: Handler, items: UncommittedMessage[], signal: AbortSignal): Promise<void> {
  const completions = completionsOf(items)
  const confirmed = new Map((await handler.confirm(completions, signal)).map((each) => [each.source.offset, each]))
  for (const item of items) item.completion = confirmed.get(item.message.offset) ?? item.completion
}

const completionsOf = (items: UncommittedMessage[]): Completion[] =>
  items.map(({ completion }) => completion).filter((each) => each !== null)
