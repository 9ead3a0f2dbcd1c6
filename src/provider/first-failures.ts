/** Which requests have failed in this worker, and how many others had been answered when each of them failed first. */

/** How many requests are remembered. Older ones were given up long ago. */
const REMEMBERED = 10_000

export class FirstFailures {
  readonly #failures = new Map<string, { scopes: string; successes: number }>()

  /** @returns how many calls of these scopes had been answered then; null when the request has not failed in them before */
  successes(id: string, scopes: string): number | null {
    const first = this.#failures.get(id)
    return first?.scopes === scopes ? first.successes : null
  }

  /** Keeps the first failure in these scopes. */
  remember(id: string, scopes: string, successes: number): void {
    if (this.successes(id, scopes) !== null) return
    this.#failures.delete(id)
    this.#failures.set(id, { scopes, successes })
    const [oldest] = this.#failures.keys()
    if (this.#failures.size > REMEMBERED && oldest !== undefined) this.#failures.delete(oldest)
  }

  forget(id: string): void {
    this.#failures.delete(id)
  }
}
