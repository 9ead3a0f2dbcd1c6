/** Remembers how many calls had been answered when each failing request of this worker first failed. */

/** How many requests are remembered. Older ones have ended long ago. */
const REMEMBERED = 10_000

export class FirstFailures {
  readonly #failures = new Map<string, { scopes: string; successes: number }>()

  /** @returns how many calls of these scopes had been answered when the request first failed; null: it has not failed in them */
  successes(id: string, scopes: string): number | null {
    const first = this.#failures.get(id)
    return first?.scopes === scopes ? first.successes : null
  }

  /** Later failures in the same scopes change nothing. */
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
