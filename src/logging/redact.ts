/** The last line of defence: replaces a secret that has reached a log line, although none should. */

/** Replacing shorter secrets would hit ordinary words and protect little. */
const SECRET_MIN_LENGTH = 4
/** Longest text, in characters. A line must be short enough to be appended in one write, since several processes share the file. */
const TEXT_MAX_LENGTH = 4_000
/** Replaced keys are remembered, because the answer to a call in flight may still quote one. */
const LEARNED_MAX = 20

/** @param fixed the secrets of the settings; empty and missing ones are left out @returns a list that can learn more secrets */
export function createSecrets(fixed: readonly (string | null | undefined)[]) {
  const known = fixed.filter((secret): secret is string => typeof secret === 'string' && secret !== '')
  let learned: string[] = []
  return {
    /** Adds a secret that does not come from the settings, such as a key file's. Remembers the last 20. */
    learn(value: string): void {
      if (value !== '' && !learned.includes(value)) learned = [...learned, value].slice(-LEARNED_MAX)
    },
    all: (): readonly string[] => [...known, ...learned],
  }
}

export type Secrets = ReturnType<typeof createSecrets>

const PATTERNS: [RegExp, string][] = [
  // Keys of the provider, also in the shortened form that its errors quote.
  [/\bsk-[\w*-]{6,}/g, 'sk-***'],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, '$1 ***'],
]
const URL_PATTERNS: typeof PATTERNS = [
  // User and password in a URL.
  [/\b([a-z][a-z\d+.-]{0,20}:\/\/)[^\s/@]+@/gi, '$1***@'],
  // The query of a callback URL, where callers put tokens.
  [/\b(https?:\/\/[^\s?#"'<>]+)[?#][^\s"'<>]*/gi, '$1?***'],
]

/**
 * @param secrets gives the current values that must never be shown; asked for each text, since keys are rotated
 * @returns a function that replaces every secret (also URL-encoded), whatever looks like one, and the queries of URLs by `***`, and
 * cuts the text after 4,000 characters
 */
export function createRedact(secrets: () => readonly string[]) {
  return (text: string): string => {
    let clean = text
    for (const secret of secrets()) {
      if (secret.length < SECRET_MIN_LENGTH) continue
      clean = clean.replaceAll(secret, '***').replaceAll(encodeURIComponent(secret), '***')
    }
    const over = clean.length - TEXT_MAX_LENGTH
    if (over > 0) clean = `${clean.slice(0, TEXT_MAX_LENGTH)}... (${over} more)`
    const patterns = clean.includes('://') ? [...PATTERNS, ...URL_PATTERNS] : PATTERNS
    for (const [pattern, instead] of patterns) clean = clean.replace(pattern, instead)
    return clean
  }
}
