/** What the pipeline reports for a request's trace. Does not import OpenTelemetry, which is loaded only when it is used. */
import type { SourceMessage } from '../kafka/messages.ts'
import type { Usage } from '../provider/reply.ts'

export interface Telemetry {
  /** Begins the trace of one request, now. */
  request(source: SourceMessage): RequestTrace
  /**
   * Sends what is not sent yet; resolves when the collector has taken it.
   * @throws what the exporters throw
   */
  flush(): Promise<void>
  /** Ends timers and connections; waits for nothing. */
  close(): void
}

/** How a wait for the budget ended. */
export type WaitResult = 'granted' | 'refused' | 'too_long' | 'held_again'

/** One HTTP request to the model. Times are on performance.now()'s clock, ms. */
export interface ModelCall {
  sinceMs: number
  tookMs: number
  maxCompletionTokens: number
  /** The model's name in the provider's answer; null: it gave none. */
  model: string | null
  /** Billed tokens; null: the provider did not say. */
  usage: Usage | null
  /** A code of errors.ts, or `aborted`; null: a usable answer. */
  failure: string | null
}

/**
 * The trace of one request, from the consumed message to the commit. It takes only ids, codes, counts and names of topics and models:
 * no text of a request, no personal name, no key, no exception's message.
 */
export interface RequestTrace {
  /**
   * A wait at the gate and for the budget has just ended.
   * @param sinceMs when it began, on performance.now()'s clock
   */
  waited(sinceMs: number, result: WaitResult): void
  called(call: ModelCall): void
  /** An answer has been verified just now. */
  verified(sinceMs: number): void
  /**
   * The message is completed.
   * @param topics to which something is published for it; empty for a skip
   */
  answered(topics: readonly string[]): void
  /**
   * The message is committed.
   * @param outcome the name of its ending, as in the log line
   */
  ended(outcome: string, id: bigint | null): void
  /** The message goes back to Kafka, or to the partition's next owner. */
  handedBack(): void
}
