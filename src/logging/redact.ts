/** The last line of defence: no secret should reach a log line, and one that does is blackened here. */

/** Shorter ones would blacken ordinary words, and protect little. */
const SECRET_MIN_LENGTH = 4
/** Of one text. A line has to stay short enough that several processes append theirs in one write each. */
const TEXT_MAX_LENGTH = 4_000
/** A key that was replaced may still be quoted by an answer that is on its way. */
const LEARNED_MAX = 20

/** @param fixed those of the settings; what is empty or missing is left out */
export function createSecrets(fixed: readonly (string | null | undefined)[]) {
  const known = fixed.filter((secret): secret is string => typeof secret === 'string' && secret !== '')
  let learned: string[] = []
  return {
    /** A value that came from elsewhere than the settings, such as a key file's. The last 20 of them are remembered. */
    learn(value: string): void {
      if (value !== '' && !learned.includes(value)) learned = [...learned, value].slice(-LEARNED_MAX)
    },
    all: (): readonly string[] => [...known, ...learned],
  }
}

export type Secrets = ReturnType<typeof createSecrets>

const PATTERNS: [RegExp, string][] = [
  // Keys of the provider, and what its errors quote of them.
  [/\bsk-[\w*-]{6,}/g, 'sk-***'],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, '$1 ***'],
]
const URL_PATTERNS: typeof PATTERNS = [
  // User and password of an address.
  [/\b([a-z][a-z\d+.-]{0,20}:\/\/)[^\s/@]+@/gi, '$1***@'],
  // Callers put tokens into the query of their callback's address.
  [/\b(https?:\/\/[^\s?#"'<>]+)[?#][^\s"'<>]*/gi, '$1?***'],
]

/**
 * @param secrets gives the values that must never be shown as they are now; asked for each text, since keys are rotated
 * @returns a function that replaces in a text every secret, also as it stands in a URL, whatever looks like one, and the
 * queries of URLs by `***`, and cuts it after 4,000 characters
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
