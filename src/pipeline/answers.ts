/** Gets a request's result from the model: asks until there is an answer, verifies it, and asks once more when it is doubtful. */
import type { FailureCode } from '../errors.ts'
import { FAILURES } from '../errors.ts'
import type { HandlerSignals } from '../kafka/messages.ts'
import type { Log } from '../logging/log.ts'
import type { Metrics } from '../ops/metrics.ts'
import type { Journey } from '../outcomes/effort.ts'
import type { Outcome } from '../outcomes/outcome.ts'
import type { Step } from '../provider/attempts.ts'
import type { Provider } from '../provider/client.ts'
import type { Checked, Prepared, Scoring } from '../scoring/scoring.ts'
import { warned } from './aftermath.ts'
import type { AskingPort, AskingResult, FailedAttempt } from './asking.ts'
import { askRepeatedly } from './asking.ts'
import type { Ask } from './attempt.ts'
import type { RequestContext } from './completion.ts'
import { failed } from './completion.ts'

/** After its worker has died this many times during its calls, a message runs alone, so that it cannot harm others. */
const STARTS_BEFORE_ALONE = 3
/** The wait that the caller is told when the provider's rate limit outlasts all retries and names no time. */
const RATE_LIMITED_WAIT_MS = 60_000

/** The second asking, after a doubtful answer, is not repeated when its call fails. */
const SECOND_FAILED = new Error('the second answer has failed')

export interface AnswerParts {
  ask: Ask
  /** See Provider. */
  capOf: Provider['capOf']
  scoring: Pick<Scoring, 'mostTokens' | 'read' | 'verify' | 'conclude'>
  log: Log
  metrics: Pick<Metrics, 'attemptFailed'>
}

/** An outcome, a refusal, or `changed`: the claim has changed; the caller claims again. */
export type Result = { kind: 'final'; outcome: Outcome } | { kind: 'refused'; waitMs: number } | { kind: 'changed' }

type Answer = Extract<AskingResult, { kind: 'answer' }>

export class Answers {
  readonly #parts: AnswerParts

  constructor(parts: AnswerParts) {
    this.#parts = parts
  }

  /**
   * Asks the model until there is a result.
   * @throws the reason of a signal that aborted
   */
  async get(
    prepared: Prepared,
    { owner, journey, address }: RequestContext,
    { starts }: { starts: number },
    signals: HandlerSignals,
  ): Promise<Result> {
    const { ask, capOf, scoring, metrics, log } = this.#parts
    const { id, messages, schema } = prepared
    const alone = starts >= STARTS_BEFORE_ALONE
    const user = address.userId.toString()
    const question = { id, owner, user, journey, messages, schema, alone, read: scoring.read }
    const port: AskingPort = {
      ask,
      capOf,
      mostTokens: (cap) => scoring.mostTokens(prepared, cap),
      onFailure: (failure, step) => {
        metrics.attemptFailed(failure.code)
        this.#tellFailure(id, failure, step)
      },
      outlast: null,
    }
    const concluded = async (checked: Checked, isSecond: boolean): Promise<Result> => ({
      kind: 'final',
      outcome: await scoring.conclude(prepared, checked, journey, isSecond),
    })
    const asked = await askRepeatedly(question, port, signals)
    if (asked.kind !== 'answer') return withoutAnswer(asked, journey)
    const first = await this.#verify(prepared, asked, journey)
    if (!first.isDoubtful) return await concluded(first, false)
    // The answer is about something else: ask the model once more, and keep the paid answer if that fails.
    await asked.endLease()
    const endAtOnce: AskingPort['onFailure'] = (failure) => {
      this.#tellFailure(id, failure, { kind: 'give_up', code: failure.code })
      throw SECOND_FAILED
    }
    const withoutSecond = (error: unknown) => {
      if (error !== SECOND_FAILED && !signals.wait.aborted) warned(log, 'the second asking failed', id)(error)
      return null
    }
    const again = await askRepeatedly(question, { ...port, onFailure: endAtOnce }, signals).catch(withoutSecond)
    if (again?.kind === 'changed') return again
    if (again?.kind !== 'answer') return await concluded(first, false)
    return await concluded(await this.#verify(prepared, again, journey), true)
  }

  async #verify(prepared: Prepared, answer: Answer, { trace }: Journey): Promise<Checked> {
    const sinceMs = performance.now()
    const checked = await this.#parts.scoring.verify(prepared, answer)
    trace?.verified(sinceMs)
    return checked
  }

  /** Logs a failed attempt. Of those that are not repeated, the logger writes at most twenty lines a minute and counts the rest. */
  #tellFailure(id: bigint, { code, cause, attempt }: FailedAttempt, step: Step): void {
    const { log } = this.#parts
    const fields = { id, code, cause, attempt }
    if (step.kind === 'give_up') log.warn('a call failed, and is not repeated', fields)
    else log.info('a call failed: it is repeated', { ...fields, afterMs: Math.round(step.afterMs) })
  }
}

/** A rate limit, of the budget or of the provider, becomes a refusal with a wait. Every other failure is final. */
function withoutAnswer(asked: Exclude<AskingResult, { kind: 'answer' }>, journey: Journey): Result {
  if (asked.kind !== 'failed') return asked
  const { code, retryAfterMs } = asked
  if (code === 'rate_limited') return { kind: 'refused', waitMs: retryAfterMs ?? RATE_LIMITED_WAIT_MS }
  return giveUp(code, journey)
}

const giveUp = (code: FailureCode, journey: Journey) => failed(code, FAILURES[code].message, journey)
