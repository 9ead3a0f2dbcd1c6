/** The shapes that pass between the Kafka layer and the pipeline; nothing here knows kafkajs. */

/** Values may repeat under one name, as Kafka allows. */
export type Headers = Record<string, Buffer | string | (Buffer | string)[] | undefined>

/** A message as it was consumed. */
export interface SourceMessage {
  topic: string
  partition: number
  offset: bigint
  /** Create or append time, ms since the epoch; 0 when it has none that can be read (timestamps.ts). */
  timestampMs: number
  key: Buffer | null
  value: Buffer | null
  headers: Headers
  /** It is beyond a bound, and to be dead-lettered. */
  beyond?: BeyondBounds
}

/** Why a message is dead-lettered whatever it says. */
export interface BeyondBounds {
  reason: 'headers_too_large' | 'batch_too_large'
  /** For the operator. */
  detail: string
  /** The message stands for the whole of what was sent at the offsets from here to its own; null: for itself only. */
  fromOffset: bigint | null
}

/** A message to publish, in the transaction that commits its source's offset. */
export interface OutgoingMessage {
  topic: string
  key: Buffer | string | null
  value: Buffer | string | null
  headers: Headers
}

/** A message that is finished: what to publish for it (nothing, for a skip) before its offset may be committed. */
export interface Completion {
  source: SourceMessage
  messages: OutgoingMessage[]
  /** What to publish instead when the broker refuses even this one alone as too large. */
  ifTooLarge: (() => Promise<Completion>) | null
}

/** When a handler must give up; both abort with a reason that is an Error. */
export interface HandlerSignals {
  /** Waits (budget, holds, leases) end: the partition was taken away, or the worker is stopping. */
  wait: AbortSignal
  /** Calls end too: the worker's time to drain is over. */
  call: AbortSignal
}

/** Of a commit: `known` by its own transaction, or `learned` later from the committed offset, and maybe another worker's. */
export type Certainty = 'known' | 'learned'

/** What the consumer calls; the pipeline is the one implementation, tests pass plain functions. */
export interface Handler {
  /** Never rejects but for an abort: then the message is handed back, uncommitted. */
  handle(message: SourceMessage, signals: HandlerSignals): Promise<Completion>
  /**
   * Asked right before each transaction with all that it would publish; gives back the same completions, those that
   * must not be published any more (another message owns the id now) with `messages` emptied.
   */
  confirm(batch: Completion[], signal: AbortSignal): Promise<Completion[]>
  /** Told of an answer that this worker will not publish: its partition was taken away, or somebody else has published it. */
  abandoned?(completion: Completion): void
  /** Told after the commit. */
  committed(batch: Completion[], how: Certainty): Promise<void>
}
