/** What must never stand in a log, whoever writes it there. */

/** Of those that were learned: a key that was replaced may still be quoted by an answer that is on its way. */
const LEARNED_MAX = 20

export interface Secrets {
  /** A value that came from elsewhere than the settings, such as a key file's. The last 20 of them are remembered. */
  learn(value: string): void
  all(): readonly string[]
}

/** @param fixed those of the settings; what is empty or missing is left out */
export function createSecrets(fixed: readonly (string | null | undefined)[]): Secrets {
  const known = fixed.filter((secret): secret is string => typeof secret === 'string' && secret !== '')
  let learned: string[] = []
  return {
    learn(value) {
      if (value !== '' && !learned.includes(value)) learned = [...learned, value].slice(-LEARNED_MAX)
    },
    all: () => [...known, ...learned],
  }
}
