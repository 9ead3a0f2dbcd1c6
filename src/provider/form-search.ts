/**
 * While a server refuses parts of a request's form, one request at a time tries a form, and the other requests of this worker
 * wait. Otherwise each request in flight would find out by itself, at the price of a call and of a place in the requests per
 * minute for each refused part.
 *
 * A search begins when the server refuses a named part, and ends when it accepts a request in the form that the fleet then uses. At a
 * server of which the fleet knows nothing, the first request begins one, once and for at most `WAIT_MS`. During a search:
 * - every call of this worker leaves out what was refused, so that each part is refused only once;
 * - each request waits for the call before it, but at most `WAIT_MS` in all: a server refuses a form sooner than that, and one
 *   that is still busy with the call has probably accepted its form.
 * The fleet learns the form only once the server has accepted a request; see adaptations.ts.
 */
import { abortable } from '../lib/abortable.ts'
import type { Form } from './form.ts'
import { further, isSame } from './form.ts'
import type { Trial } from './trial.ts'

/** How long a request waits for others that try a form, and how long one of them may keep others waiting, ms. */
const WAIT_MS = 2_000
/** A search ends when no part was refused for this time, ms: the server may have changed. */
const KEPT_MS = 60_000
/**
 * When the server has accepted the fleet's form before, a single refused request may be refused for its text. A search then begins
 * only when this many requests are refused.
 */
const REFUSED_IN_PROVED_FORM = 2

export class FormSearch {
  readonly #now: () => number
  /** The form without everything that was refused in this search; null: nothing was refused yet, even if a search is on. */
  #form: Form | null = null
  /** The era of `#form`. */
  #era = 0
  #keptUntilMs = 0
  /** When the other requests stop waiting for the one that tries the form. */
  #triedUntilMs = 0
  /** The last era in which the server was unknown and one request was sent ahead. */
  #newIn = -1
  /** When the others stop waiting for the request that was sent ahead. */
  #newUntilMs = 0
  /** How many requests had a named part refused since `#end` was last called. */
  #refusedRequests = 0
  readonly #waiting = new Set<() => void>()

  /** @param now a monotonic clock, ms */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /**
   * Waits at most `WAIT_MS` while another request tries a form; then it is the caller's turn to try. Await it before asking the
   * budget for a grant, which would lapse meanwhile.
   * @param newIn the era, when the fleet does not know yet which form the server accepts; null: it knows the form
   * @throws the signal's reason when it aborts first
   */
  async turn(newIn: number | null, signal: AbortSignal): Promise<void> {
    const dueMs = this.#now() + WAIT_MS
    if (newIn !== null && newIn !== this.#newIn) {
      this.#newIn = newIn
      this.#newUntilMs = dueMs
      this.#triedUntilMs = 0
    }
    while (this.#isOn()) {
      const nowMs = this.#now()
      if (nowMs >= dueMs) return
      if (nowMs >= this.#triedUntilMs) {
        this.#triedUntilMs = nowMs + WAIT_MS
        return
      }
      await this.#change(Math.min(dueMs, this.#triedUntilMs) - nowMs, signal)
    }
  }

  /**
   * @param fleet the form that the fleet uses
   * @param era see adaptations.ts: a search of an earlier era is over
   * @returns the fleet's form, without what was refused in this search
   */
  formFor(fleet: Form, era: number): Form {
    const form = this.#era === era ? this.#current() : null
    return form === null ? fleet : { ...further(fleet, form), cap: form.cap }
  }

  /**
   * Call it when the server refused parts of a request's form.
   * @param before the trial that was refused
   * @param next the same without these parts
   * @param isProved the server has accepted requests in the fleet's form before
   */
  refused(before: Trial, next: Trial, isProved: boolean): void {
    // The server named no part, so the next form leaves out more than what was refused.
    if (next.unnamed) return this.failed()
    const form = this.#era === next.era ? this.#current() : null
    if (before.refusedCalls === 0) this.#refusedRequests += 1
    if (form === null && isProved && this.#refusedRequests < REFUSED_IN_PROVED_FORM) return
    const found =
      form === null ? next.form : { ...further(form, next.form), cap: next.capRefused ? next.form.cap : form.cap }
    this.#form = found
    this.#era = next.era
    this.#keptUntilMs = this.#now() + KEPT_MS
    // When the refusal is not new, the form that is being tried may still be accepted.
    if (form === null || !isSame(form, found)) this.#next()
  }

  /**
   * The server accepted a request.
   * @param asSent the request was sent in the form that the fleet uses from now on, so nothing is left to find out
   */
  accepted(asSent: boolean): void {
    if (asSent) this.#end()
  }

  /** A request that had a part refused was then rejected for its text, so its text may have caused the refused part too. */
  doubted(): void {
    if (this.#refusedRequests === 1) this.#end()
  }

  /** A call that tried a form ended, and it is still unknown whether the server accepts the form. */
  failed(): void {
    this.#next()
  }

  #end(): void {
    this.#form = null
    this.#newUntilMs = 0
    this.#refusedRequests = 0
    this.#next()
  }

  #isOn(): boolean {
    return this.#current() !== null || this.#now() < this.#newUntilMs
  }

  #current(): Form | null {
    return this.#now() < this.#keptUntilMs ? this.#form : null
  }

  /** Lets the first waiting request try next. */
  #next(): void {
    this.#triedUntilMs = 0
    for (const wake of this.#waiting) wake()
  }

  /** Waits until a call has a result, at most `ms`. */
  async #change(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, ms)
    this.#waiting.add(resolve)
    try {
      await abortable(promise, signal)
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(resolve)
    }
  }
}
