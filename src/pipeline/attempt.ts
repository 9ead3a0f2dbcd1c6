/**
 * One attempt to get an answer, paid from the budget: gate → budget and slot → call (call.ts) → gate.
 * asking.ts repeats attempts; answers.ts decides what becomes of the answer.
 */
import type { Budget, BudgetDecision } from '../budget/budget.ts'
import { countGrant, countWait } from '../outcomes/effort.ts'
import type { HandlerSignals } from '../kafka/messages.ts'
import type { FleetEvidence } from '../provider/gate-reports.ts'
import type { Gate } from '../provider/gate.ts'
import type { Provider } from '../provider/client.ts'
import type { Pass } from '../provider/gate-scripts.ts'
import type { CallResult } from '../provider/holds.ts'
import { aftermath, warned } from './aftermath.ts'
import type { Asked, Called, CallParts } from './call.ts'
import { Calls } from './call.ts'

export interface AskParts extends CallParts {
  budget: CallParts['budget'] & Pick<Budget, 'neverFits' | 'reserve'>
  gate: Pick<Gate, 'enter' | 'report'>
  /** Resolves when Redis's data can be trusted. A grant taken before could lapse during the wait for that. */
  untilTrusted: (signal: AbortSignal) => Promise<void>
}

export type Attempt =
  | Exclude<Called, { kind: 'failure' }>
  | (Extract<Called, { kind: 'failure' }> & { evidence: FleetEvidence })
  | { kind: 'refused'; waitMs: number }
  | { kind: 'too_long' }

/** Makes one attempt. When a signal aborts, it rejects with the signal's reason, and the lease is given back or expires. */
export type Ask = (asked: Asked, signals: HandlerSignals) => Promise<Attempt>

export function createAsk(parts: AskParts): Ask {
  const attempts = new Attempts(parts)
  return (asked, signals) => attempts.make(asked, signals)
}

/** @returns `ask` that waits before each attempt while another request finds out what the server refuses; see Provider */
export function afterFormSearch({ untilFormKnown }: Pick<Provider, 'untilFormKnown'>, ask: Ask): Ask {
  return async (asked, signals) => {
    const sinceMs = performance.now()
    await untilFormKnown(asked.trial, signals.wait)
    countWait(asked.journey, performance.now() - sinceMs)
    return await ask(asked, signals)
  }
}

class Attempts {
  readonly #parts: AskParts
  readonly #calls: Calls

  constructor(parts: AskParts) {
    this.#parts = parts
    this.#calls = new Calls(parts)
  }

  async make(asked: Asked, signals: HandlerSignals): Promise<Attempt> {
    const { budget, gate, log } = this.#parts
    // Checked before the gate, which may hold calls for hours.
    if (budget.neverFits(asked.tokens)) return { kind: 'too_long' }
    const queuedMs = performance.now()
    const pass = await gate.enter(asked.id.toString(), signals.wait)
    const report = (result: CallResult, cause = '') =>
      aftermath(signals.call, (signal) => gate.report(pass, result, signal, cause)).catch((error: unknown) => {
        warned(log, 'could not report to the gate', asked.id)(error)
        return NO_EVIDENCE
      })
    const unusedAfter = async (error: unknown): Promise<never> => {
      await report('unused')
      throw error
    }
    const reserved = await this.#waitForGrant(asked, pass, queuedMs, signals).catch(unusedAfter)
    if (reserved.kind !== 'granted') {
      await report('unused')
      return reserved
    }
    try {
      const { called, accounted } = await this.#calls.make(asked, reserved, signals).catch(unusedAfter)
      const cause = called.kind === 'failure' ? `${called.cause}, attempt ${asked.attempt}` : ''
      const [evidence] = await Promise.all([report(resultOf(called), cause), accounted])
      return called.kind === 'failure' ? { ...called, evidence } : called
    } finally {
      // The gate must know of the failure first. Otherwise the next call would begin and probably fail too.
      reserved.slot.release()
    }
  }

  /** @returns the grant, which holds a slot; or the result of an attempt that got none */
  async #waitForGrant(
    asked: Asked,
    pass: Pass,
    queuedMs: number,
    signals: HandlerSignals,
  ): Promise<BudgetDecision | { kind: 'again' }> {
    await this.#parts.untilTrusted(signals.wait)
    const reserved = await this.#reserve(asked, pass, signals.wait)
    countWait(asked.journey, performance.now() - queuedMs)
    asked.journey.trace?.waited(queuedMs, reserved?.kind ?? 'held_again')
    if (reserved === null) return { kind: 'again' }
    if (reserved.kind === 'granted') countGrant(asked.journey, reserved.id)
    return reserved
  }

  /** @returns null when calls were held again meanwhile */
  async #reserve(asked: Asked, pass: Pass, wait: AbortSignal): Promise<BudgetDecision | null> {
    try {
      const { tokens, user, alone } = asked
      const demand = { tokens, user, urgent: pass.probe !== null, alone }
      return await this.#parts.budget.reserve(demand, AbortSignal.any([wait, pass.held]))
    } catch (error) {
      if (pass.held.aborted && !wait.aborted) return null
      throw error
    }
  }
}

/** @returns what to report to the gate about a call */
function resultOf(called: Called): CallResult {
  if (called.kind === 'failure') return called.code
  return called.kind === 'answer' ? 'answered' : 'unused'
}

/** Used when Redis cannot tell how other workers fare: without evidence the failure is not blamed on the request. */
const NO_EVIDENCE: FleetEvidence = { held: false, scopes: '', successes: 0 }
