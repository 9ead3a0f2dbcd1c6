/** The shapes that pass between the Kafka layer and the pipeline; nothing here knows kafkajs. */

/** A name may have several values, as Kafka allows. */
export type Headers = Record<string, Buffer | string | (Buffer | string)[] | undefined>

/** A message as it was consumed. */
export interface SourceMessage {
  topic: string
  partition: number
  offset: bigint
  /** Create or append time, ms since the epoch; 0 when it has no readable timestamp (timestamps.ts). */
  timestampMs: number
  key: Buffer | null
  value: Buffer | null
  headers: Headers
  /** Set when the message is beyond a bound, or nobody can read it, and it has to be dead-lettered. */
  beyond?: BeyondBounds
}

/** Why a message is dead-lettered without being read. */
export interface BeyondBounds {
  reason: 'headers_too_large' | 'batch_too_large' | 'batch_unreadable'
  /** For the operator. */
  detail: string
  /** The message stands in for all messages from this offset to its own; null: it stands for itself only. */
  fromOffset: bigint | null
}

/** A message to publish, in the transaction that commits its source's offset. */
export interface OutgoingMessage {
  topic: string
  key: Buffer | string | null
  value: Buffer | string | null
  headers: Headers
  /** Chosen at the first attempt to publish it (partitioner.ts) and kept for all others. */
  partition?: number
}

/** A completed message: what to publish for it (nothing, for a skip) in the transaction that commits its offset. */
export interface Completion {
  source: SourceMessage
  messages: OutgoingMessage[]
  /** Makes a replacement for when the broker refuses this completion as too large even alone in a transaction. */
  ifTooLarge: (() => Promise<Completion>) | null
}

/** When a handler must give up; both abort with a reason that is an Error. */
export interface HandlerSignals {
  /** Ends waits (budget, holds, leases): the partition was revoked, or the worker is stopping. */
  wait: AbortSignal
  /** Ends calls too: the worker's time to drain is over. */
  call: AbortSignal
}

/** How a commit was found out: `known`: this worker's own transaction; `learned`: from the committed offset, maybe another worker's. */
export type Certainty = 'known' | 'learned'

/** What the consumer calls; the pipeline is the one implementation, tests pass plain functions. */
export interface Handler {
  /**
   * Handles one message.
   * @returns what to publish for it
   * @throws only when a signal aborts; the message is then handed back, uncommitted
   */
  handle(message: SourceMessage, signals: HandlerSignals): Promise<Completion>
  /**
   * Called right before each transaction with all completions that it would publish.
   * @returns one completion for each message: the same one; or one without messages where nothing may be published any more, because
   * another message owns the id now, or the id is already finished
   */
  confirm(batch: Completion[], signal: AbortSignal): Promise<Completion[]>
  /**
   * Called with a completion that this worker will not publish: the partition was revoked, the worker stops, another worker has committed
   * the message, the log was made anew, or its committed offset was set back.
   */
  abandoned?(completion: Completion): void
  /** Called after the commit. */
  committed(batch: Completion[], how: Certainty): Promise<void>
}
