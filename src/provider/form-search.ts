/**
 * Lets one request at a time find out what else a server refuses, while the other requests of this worker wait for it.
 *
 * Without this, every request in flight would meet every refusal itself: each costs a call and a place in the requests per
 * minute. A search begins with a refusal that names a part of the form and ends when the server takes a request. At a server of
 * which nothing is known it begins with the first request, once and for at most `WAIT_MS`. In between:
 * - what was refused is left out of every call that this worker sends, so that a refusal is met once and not by each request;
 * - a request that is about to be asked waits for the call of the one before it, but at most `WAIT_MS` in all: a refusal comes
 *   sooner than that, and a server that still works on the call has probably taken its form.
 * Nothing is shared with the fleet here: that follows when the server has taken a request; see adaptations.ts.
 */
import { abortable } from '../lib/abortable.ts'
import type { Form } from './form.ts'
import { further, isSame } from './form.ts'
import type { Trial } from './trial.ts'

/** How long a request waits for others that try forms, and how long one of them may keep the others waiting, ms. */
const WAIT_MS = 2_000
/** A search without another refusal for this long is over, ms: the server may have changed since. */
const KEPT_MS = 60_000
/** In a form that the server has taken before, the refusal of one request may be due to its text. That of a second one is not. */
const REFUSED_OF_A_PROVED_FORM = 2

export class FormSearch {
  readonly #now: () => number
  /** Without everything that was refused since the search began; null: there is no search. */
  #form: Form | null = null
  #era = 0
  #keptUntilMs = 0
  /** Until then the other requests wait for the one that tries the form. */
  #triedUntilMs = 0
  /** The last era in which a first request was sent ahead at a server that nobody knew, and until when that is a search. */
  #newIn = -1
  #newUntilMs = 0
  /** Requests that were refused a part since the server last took one. */
  #requests = 0
  readonly #waiting = new Set<() => void>()

  /** @param now the time in ms; it never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /**
   * Waits while another request tries a form, at most `WAIT_MS`; then the caller is the one that tries. To be awaited before the
   * caller asks for a place in the budget: a grant would lapse meanwhile.
   * @param newIn nobody knows yet what the server takes, in this era; null: its form is known
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
   * @param era see adaptations.ts: a search that began before everything was forgotten is over
   * @returns that form, without what was refused since
   */
  formFor(fleet: Form, era: number): Form {
    const form = this.#era === era ? this.#current() : null
    return form === null ? fleet : { ...further(fleet, form), cap: form.cap }
  }

  /**
   * The server refused parts of a request's form by name.
   * @param before the request's trial until now
   * @param next its form is without the parts
   * @param isProved the server has taken requests in the fleet's form before
   */
  refused(before: Trial, next: Trial, isProved: boolean): void {
    // The form of such a trial lacks more than what was refused.
    if (next.unnamed) return this.failed()
    const form = this.#era === next.era ? this.#current() : null
    if (before.refusals === 0) this.#requests += 1
    if (form === null && isProved && this.#requests < REFUSED_OF_A_PROVED_FORM) return
    const found =
      form === null ? next.form : { ...further(form, next.form), cap: next.capRefused ? next.form.cap : form.cap }
    this.#form = found
    this.#era = next.era
    this.#keptUntilMs = this.#now() + KEPT_MS
    // A refusal that was known already tells nothing about the form that is being tried.
    if (form === null || !isSame(form, found)) this.#next()
  }

  /** The server took a request. @param asSent it was sent in the form that the fleet uses from now on: nothing is left to find out */
  taken(asSent: boolean): void {
    if (asSent) this.#end()
  }

  /** A request that was refused a part was turned away for its text after that: the part may have been refused for the text too. */
  doubted(): void {
    if (this.#requests === 1) this.#end()
  }

  /** A call that was to try a form ended without telling whether the server takes it. */
  failed(): void {
    this.#next()
  }

  #end(): void {
    this.#form = null
    this.#newUntilMs = 0
    this.#requests = 0
    this.#next()
  }

  #isOn(): boolean {
    return this.#current() !== null || this.#now() < this.#newUntilMs
  }

  #current(): Form | null {
    return this.#now() < this.#keptUntilMs ? this.#form : null
  }

  /** The first of those that wait tries next. */
  #next(): void {
    this.#triedUntilMs = 0
    for (const wake of this.#waiting) wake()
  }

  /** Waits until a call tells something, or for `ms`. */
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
