/** Repeats attempts until there is an answer, or none is to be had. The worker and `evaluate` share this loop. */
import { pause } from '../lib/abortable.ts'
import type { FailureCode } from '../errors.ts'
import type { HandlerSignals } from '../kafka/messages.ts'
import { countWait } from '../outcomes/effort.ts'
import type { FailedCall } from '../provider/attempts.ts'
import type { Step } from '../provider/attempts.ts'
import { nextStep } from '../provider/attempts.ts'
import type { Trial } from '../provider/trial.ts'
import type { Ask, Attempt } from './attempt.ts'
import type { Asked } from './call.ts'

export interface AskingPort {
  ask: Ask
  /** See Provider. */
  capOf: (trial: Trial | null) => number
  /** @returns the tokens to reserve for a call with this cap on its answer: an estimate; null when they exceed what the model can take */
  mostTokens: (maxCompletionTokens: number) => number | null
  /** Called after each failed attempt with the next step. An error that it throws ends the asking. */
  onFailure: (failure: FailedAttempt, step: Step) => void
  /** Waits before a refused request is asked about again. null: a refusal ends the asking. */
  outlast: ((waitMs: number, signal: AbortSignal) => Promise<void>) | null
}

/** `cause`: for the log, see call.ts. `attempt`: its number, from 1. */
export type FailedAttempt = FailedCall & { cause: string; attempt: number }

export type AskingResult =
  | Extract<Attempt, { kind: 'answer' }>
  | { kind: 'refused'; waitMs: number }
  /** The claim has changed; see Called. */
  | { kind: 'changed' }
  /** `retryAfterMs`: from the provider's last failure; null when it named no time. */
  | { kind: 'failed'; code: FailureCode; retryAfterMs: number | null }

/**
 * Repeats attempts until there is an answer, or no further attempt may be made: the budget refuses it, the claim has changed, the
 * request is too long, or provider/attempts.ts gives up.
 * @throws the reason of a signal that aborted; what `onFailure` throws
 */
export async function askRepeatedly(
  question: Omit<Asked, 'tokens' | 'maxCompletionTokens' | 'trial' | 'attempt'>,
  { ask, capOf, mostTokens, onFailure, outlast }: AskingPort,
  signals: HandlerSignals,
): Promise<AskingResult> {
  const failures: FailedCall[] = []
  let trial: Trial | null = null
  /** Multiplies the cap on the answer: 2 after an answer that was cut off. */
  let times = 1
  for (;;) {
    const maxCompletionTokens = capOf(trial) * times
    const tokens = mostTokens(maxCompletionTokens)
    const tooLong = {
      kind: 'failed',
      code: trial?.raised === true ? 'thought_out' : 'too_long',
      retryAfterMs: null,
    } as const
    if (tokens === null) return tooLong
    const number = failures.length + 1
    const attempt = await ask({ ...question, attempt: number, maxCompletionTokens, trial, tokens }, signals)
    switch (attempt.kind) {
      case 'answer':
      case 'changed':
        return attempt
      case 'too_long':
        return tooLong
      case 'refused':
        // A retry may be refused too: it takes from the budget like a first attempt.
        if (outlast === null) return attempt
        await outlast(attempt.waitMs, signals.wait)
        break
      case 'again':
        break
      case 'failure': {
        failures.push(attempt)
        const step = nextStep(failures)
        onFailure({ ...attempt, attempt: number }, step)
        if (step.kind === 'give_up') return { kind: 'failed', code: step.code, retryAfterMs: attempt.retryAfterMs }
        if (step.longer) times = 2
        trial = attempt.next ?? trial
        countWait(question.journey, step.afterMs)
        await pause(step.afterMs, signals.wait)
      }
    }
  }
}
