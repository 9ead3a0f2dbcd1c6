/** The end of a message: what is published for it, what its claim stores, and what is logged and counted after the commit. */
import type { ClaimOwner, Ended, Intent } from '../claims/dedupe.ts'
import type { Config } from '../config.ts'
import type { Address, DeadLetterReason } from '../contracts.ts'
import type { Certainty, Completion, OutgoingMessage, SourceMessage } from '../kafka/messages.ts'
import type { Log } from '../logging/log.ts'
import type { Metrics } from '../ops/metrics.ts'
import { deadLetter, withoutValue } from '../outcomes/dead-letter.ts'
import type { Journey } from '../outcomes/effort.ts'
import { effortHeaders, startJourney } from '../outcomes/effort.ts'
import type { Outcome } from '../outcomes/outcome.ts'
import { outcomeMessages, refusalMessage } from '../outcomes/outcome.ts'
import type { Telemetry } from '../telemetry/trace.ts'
import { createNearKeyWatch } from './near-keys.ts'

/** What travels with a message from its arrival to its log line. */
export interface MessageContext {
  readonly source: SourceMessage
  /** This message, as a claim names it. */
  readonly owner: ClaimOwner
  readonly journey: Journey
}

/** The context of a message that can be answered. */
export interface RequestContext extends MessageContext {
  readonly address: Address
}

export type Ending =
  /** The message's key is not `new_request`: skipped. */
  | { kind: 'foreign' }
  /** Another message owns the id, or the id is finished: skipped. */
  | { kind: 'duplicate'; id: bigint }
  /** `name`: success, or the failure's code. `reasons`: why it got its score; null for a failure, or when none are stored. */
  | { kind: 'outcome'; id: bigint; name: string; reasons: string | null }
  /** Refused, because budget or rate limit leave no room; `atMs`: when, on Redis's clock, ms. */
  | { kind: 'refusal'; id: bigint; atMs: number }
  /** `id` is null where it could not be read. */
  | { kind: 'letter'; id: bigint | null; reason: DeadLetterReason; detail: string }

/** A completion with what the pipeline needs to confirm it, and after its commit. */
export interface Completed extends Completion {
  readonly context: MessageContext
  readonly ending: Ending
}

/** @param telemetry null: no traces are wanted, or the message is not ours */
export function contextOf(source: SourceMessage, group: string, telemetry: Telemetry | null): MessageContext {
  const { topic, partition, offset, timestampMs } = source
  const journey = startJourney(telemetry?.request(source) ?? null)
  return { source, owner: { group, topic, partition, offset, timestampMs }, journey }
}

/** @returns what the message's claim records of its end; null for a skip, and for a letter without an id: they have no claim */
export function claimOf({ ending, context: { owner } }: Completed): Ended | null {
  const publishes = intentOf(ending)
  if (publishes === null || !('id' in ending) || ending.id === null) return null
  return { id: ending.id, owner, publishes, reasons: ending.kind === 'outcome' ? ending.reasons : null }
}

function intentOf(ending: Ending): Intent | null {
  if (ending.kind === 'refusal') return { kind: 'refusal', atMs: ending.atMs }
  return ending.kind === 'outcome' || ending.kind === 'letter' ? { kind: ending.kind } : null
}

/** @returns a result that ends the request with a failure; its caller gets `message` */
export function failed(code: string, message: string, journey: Journey) {
  const headers = effortHeaders(journey)
  return { kind: 'final' as const, outcome: { kind: 'failure' as const, code, message, headers } }
}

export interface CompletionParts {
  topics: Config['kafka']['topics']
  log: Log
  metrics: Pick<Metrics, 'foreignKeySkipped' | 'requestFinished' | 'deadLettered'>
}

/** Makes the completion for each way in which a message ends. */
export class Completions {
  readonly #topics: CompletionParts['topics']
  readonly #log: Log
  readonly #metrics: CompletionParts['metrics']
  readonly #watchNearKeys: ReturnType<typeof createNearKeyWatch>

  constructor({ topics, log, metrics }: CompletionParts) {
    this.#topics = topics
    this.#log = log
    this.#metrics = metrics
    this.#watchNearKeys = createNearKeyWatch(log)
  }

  foreign(context: MessageContext): Completed {
    const { partition, offset } = context.source
    this.#metrics.foreignKeySkipped(context.source.key)
    this.#watchNearKeys(context.source)
    this.#log.debug('skipped: the key is not ours', { partition, offset })
    return completed(context, { kind: 'foreign' }, [])
  }

  /** @param conflict whether its payload differs from that of the message that owns the id */
  duplicate(context: MessageContext, id: bigint, conflict: boolean): Completed {
    const { partition, offset } = context.source
    if (conflict) {
      const where = { id, partition, offset }
      this.#log.warn('a different request under an id that is taken: skipped as a duplicate', where)
    }
    return completed(context, { kind: 'duplicate', id }, [])
  }

  final(context: RequestContext, outcome: Outcome, decisions: OutgoingMessage[] = []): Completed {
    const { source, address } = context
    const id = address.processingId
    const name = outcome.kind === 'success' ? 'success' : outcome.code
    const reasons = outcome.kind === 'success' ? (outcome.reasons ?? null) : null
    const messages = [...outcomeMessages(this.#topics, source, address, outcome), ...decisions]
    return completed(context, { kind: 'outcome', id, name, reasons }, messages, async () => {
      if (decisions.length === 0) return this.#tooLarge(context, outcome)
      this.#log.warn('published without its decision record, because with it the outcome is too large', { id })
      return this.final(context, outcome)
    })
  }

  /** @param when `waitMs`: the wait that the caller is told; `atMs`: when it was refused, on Redis's clock; ms */
  refusal(context: RequestContext, { waitMs, atMs }: { waitMs: number; atMs: number }): Completed {
    const { source, address, journey } = context
    const message = refusalMessage(this.#topics, source, address, waitMs, effortHeaders(journey))
    const ending: Ending = { kind: 'refusal', id: address.processingId, atMs }
    return completed(context, ending, [message], async () => this.#tooLarge(context, null))
  }

  /** @param id null where it could not be read */
  letter(context: MessageContext, id: bigint | null, why: { reason: DeadLetterReason; detail: string }): Completed {
    const { reason, detail } = why
    const letter = deadLetter(this.#topics.deadLetters, context.source, reason, detail)
    const ending: Ending = { kind: 'letter', id, reason, detail }
    return completed(context, ending, [letter], async () => completed(context, ending, [withoutValue(letter)]))
  }

  /**
   * The replacement for what the broker refuses as too large: a failure that says so for an outcome or a refusal, and a dead letter for
   * that failure.
   * @param outcome what the broker refused; null: a refusal
   */
  #tooLarge(context: RequestContext, outcome: Outcome | null): Completed {
    if (outcome?.kind === 'failure' && outcome.code === TOO_LARGE) {
      const detail = 'the broker refuses even the failure notification as too large'
      return this.letter(context, context.address.processingId, { reason: TOO_LARGE, detail })
    }
    return this.final(context, failed(TOO_LARGE, TOO_LARGE_MESSAGE, context.journey).outcome)
  }

  /**
   * Logs and counts a message after its commit.
   * @param how `learned`: another worker may have published something else
   */
  tell({ context: { source, journey }, ending }: Completed, how: Certainty): void {
    if (ending.kind === 'foreign') return
    const { startedMs, waitedMs, askedMs, attempts, billedTokens } = journey
    const name = nameOf(ending)
    const tookMs = Math.round(performance.now() - startedMs)
    const learned = how === 'learned' ? { learned: true } : {}
    const where = { id: ending.id, partition: source.partition, offset: source.offset, ...learned }
    this.#metrics.requestFinished(name, { waitedMs, tookMs })
    journey.trace?.ended(name, ending.id)
    if (ending.kind === 'letter') {
      const { reason, detail } = ending
      this.#metrics.deadLettered(reason)
      this.#log.warn('dead-lettered', { ...where, reason, detail })
    }
    const took = { tookMs, waitedMs: Math.round(waitedMs), askedMs: Math.round(askedMs) }
    this.#log.info('request finished', { ...where, outcome: name, ...took, tokens: billedTokens, attempts })
  }
}

const TOO_LARGE = 'too_large_to_publish'
const TOO_LARGE_MESSAGE = 'Ответ не поместился в сообщение: сократите callback_url.'

function completed(
  context: MessageContext,
  ending: Ending,
  messages: OutgoingMessage[],
  ifTooLarge: (() => Promise<Completed>) | null = null,
): Completed {
  return { source: context.source, messages, ifTooLarge, context, ending }
}

/** @returns the ending's name, for what the log line and the metrics call `outcome` */
function nameOf(ending: Exclude<Ending, { kind: 'foreign' }>): string {
  if (ending.kind === 'outcome') return ending.name
  return { refusal: 'refused', letter: 'dead_letter', duplicate: 'duplicate' }[ending.kind]
}
