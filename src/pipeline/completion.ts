/** What a message ends with: what is published for it, and what is to be done and said once that is committed. */
import type { Address, DeadLetterReason } from '../contracts.ts'
import { deadLetter, withoutValue } from '../outcomes/dead-letter.ts'
import type { ClaimOwner, Intent } from '../claims/dedupe.ts'
import type { Config } from '../config.ts'
import type { Journey } from '../outcomes/effort.ts'
import { effortHeaders } from '../outcomes/effort.ts'
import type { Certainty, Completion, OutgoingMessage, SourceMessage } from '../kafka/messages.ts'
import type { Log } from '../logging/log.ts'
import type { Metrics } from '../ops/metrics.ts'
import { createNearKeyWatch } from './near-keys.ts'
import type { Outcome } from '../outcomes/outcome.ts'
import { outcomeMessages, refusalMessage } from '../outcomes/outcome.ts'

/** What `committed` has to do and to say for a message, by its source. */
export interface Ending {
  /** As in the log line and the metrics: success, a failure's code, refused, dead_letter, duplicate. */
  outcome: string
  id: bigint | null
  owner: ClaimOwner
  /** Null: nothing that its id's claim has to know of. */
  publishes: Intent | null
  journey: Journey
  /** Why it is a dead letter. */
  why?: { reason: DeadLetterReason; detail: string }
}

export interface EndingsParts {
  topics: Config['kafka']['topics']
  log: Log
  metrics: Metrics
}

/** @returns a function per ending, which gives the completion for the Kafka layer; and what `committed` is to know of it */
export function createEndings({ topics, log, metrics }: EndingsParts) {
  const endings = new WeakMap<SourceMessage, Ending>()
  const watchNearKeys = createNearKeyWatch(log)

  function complete(source: SourceMessage, ending: Ending, completion: Omit<Completion, 'source'>): Completion {
    endings.set(source, ending)
    return { source, ...completion }
  }

  function foreign(source: SourceMessage): Completion {
    metrics.foreignKeySkipped(source.key)
    watchNearKeys(source)
    log.debug('skipped: the key is not ours', { partition: source.partition, offset: source.offset })
    return { source, messages: [], ifTooLarge: null }
  }

  function duplicate(source: SourceMessage, about: Pick<Ending, 'id' | 'owner' | 'journey'>, conflict: boolean) {
    const where = { id: about.id, partition: source.partition, offset: source.offset }
    if (conflict) log.warn('a different request under an id that is taken: skipped as a duplicate', where)
    return complete(source, { ...about, outcome: 'duplicate', publishes: null }, SKIPPED)
  }

  function final(
    source: SourceMessage,
    address: Address,
    owner: ClaimOwner,
    journey: Journey,
    outcome: Outcome,
    decisions: OutgoingMessage[] = [],
  ): Completion {
    const name = outcome.kind === 'success' ? 'success' : outcome.code
    const ending: Ending = { outcome: name, id: address.processingId, owner, publishes: { kind: 'outcome' }, journey }
    return complete(source, ending, {
      messages: [...outcomeMessages(topics, source, address, outcome), ...decisions],
      ifTooLarge: async () => {
        if (decisions.length === 0) return tooLarge(source, address, ending, outcome)
        log.warn('published without its decision record, with which it is too large', { id: address.processingId })
        return final(source, address, owner, journey, outcome)
      },
    })
  }

  /** A success that the broker refuses becomes a failure; a failure that it refuses can only be kept for the operator. */
  function tooLarge(source: SourceMessage, address: Address, ending: Ending, outcome: Outcome): Completion {
    if (outcome.kind === 'failure' && outcome.code === 'too_large_to_publish') {
      const detail = 'the broker refuses even the failure notification as too large'
      return dead(
        source,
        { ...ending, outcome: 'dead_letter', publishes: { kind: 'letter' } },
        { reason: 'too_large_to_publish', detail },
      )
    }
    const { outcome: failure } = failed('too_large_to_publish', TOO_LARGE, ending.journey)
    return final(source, address, ending.owner, ending.journey, failure)
  }

  /** @param when what it tells the caller to wait, and Redis's time of the refusal, ms */
  function refusal(
    source: SourceMessage,
    address: Address,
    owner: ClaimOwner,
    journey: Journey,
    { waitMs, atMs }: { waitMs: number; atMs: number },
  ): Completion {
    const publishes = { kind: 'refusal', atMs } as const
    const ending: Ending = { outcome: 'refused', id: address.processingId, owner, publishes, journey }
    return complete(source, ending, {
      messages: [refusalMessage(topics, source, address, waitMs, effortHeaders(journey))],
      ifTooLarge: async () => tooLarge(source, address, ending, failed('refused', '', journey).outcome),
    })
  }

  function dead(source: SourceMessage, ending: Ending, why: { reason: DeadLetterReason; detail: string }): Completion {
    const letter = deadLetter(topics.deadLetters, source, why.reason, why.detail)
    const told = { ...ending, why }
    const small = async () => complete(source, told, { messages: [withoutValue(letter)], ifTooLarge: null })
    return complete(source, told, { messages: [letter], ifTooLarge: small })
  }

  /**
   * The one line of a finished message.
   * @param how when `learned`, another worker may have published something else
   */
  function tell({ source, outcome, id, journey, why }: Ending & { source: SourceMessage }, how: Certainty): void {
    const { startedMs, waitedMs, askedMs, attempts, billedTokens } = journey
    const tookMs = Math.round(performance.now() - startedMs)
    const learned = how === 'learned' ? { learned: true } : {}
    const where = { id, partition: source.partition, offset: source.offset, ...learned }
    metrics.requestFinished(outcome, { waitedMs, tookMs })
    if (why !== undefined) {
      metrics.deadLettered(why.reason)
      log.warn('dead-lettered', { ...where, ...why })
    }
    log.info('request finished', {
      ...where,
      outcome,
      tookMs,
      waitedMs: Math.round(waitedMs),
      askedMs: Math.round(askedMs),
      tokens: billedTokens,
      attempts,
    })
  }

  return { foreign, duplicate, final, refusal, dead, tell, of: (source: SourceMessage) => endings.get(source) }
}

const SKIPPED = { messages: [], ifTooLarge: null }
const TOO_LARGE = 'Ответ не поместился в сообщение: сократите callback_url.'

/** @returns a final failure, as the pipeline's result: its caller is told `message` */
export function failed(code: string, message: string, journey: Journey) {
  const headers = effortHeaders(journey)
  return { kind: 'final' as const, outcome: { kind: 'failure' as const, code, message, headers } }
}
