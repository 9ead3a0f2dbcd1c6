/** Reads from an error why Redis refused; the wording differs between releases, and between commands and scripts. */

/**
 * @returns the code of an error reply, such as `OOM`; null when it has none but `ERR`. Up to Redis 6 a script wraps what its
 * command met: "ERR Error running script (call to f_...): @user_script:1: -OOM command not allowed ..."
 */
export const refusalCode = (message: string): string | null =>
  /(?:^|-)(?!ERR\b)([A-Z]{3,})\b/.exec(message)?.[1] ?? null

/**
 * Whether the server cannot take writes because it is a replica. Redis 5 to 8 say `READONLY`, at the beginning or inside a script's
 * error; before 5 a replica was a "slave". `MASTERDOWN` comes from a replica that has lost its master.
 */
export const isReadOnly = (error: Error): boolean =>
  /\b(READONLY|MASTERDOWN)\b/.test(error.message) || /read[- ]only (replica|slave)/i.test(error.message)
