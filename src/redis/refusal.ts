/** What Redis refuses with, read from its words: they differ between releases, and between a command and a script. */

/**
 * @returns the code of an error reply, such as `OOM`; null when it has none but `ERR`. Up to Redis 6 a script wraps what its
 * command met: "ERR Error running script (call to f_...): @user_script:1: -OOM command not allowed ..."
 */
export const refusalCode = (message: string): string | null =>
  /(?:^|-)(?!ERR\b)([A-Z]{3,})\b/.exec(message)?.[1] ?? null

/**
 * Whether the server is a replica, or knows that it is no master that may write. Redis 5 to 8 say `READONLY`, in front or
 * wrapped by a script's error; before 5 a replica was a "slave". `MASTERDOWN` comes from a replica without its master.
 */
export const isReadOnly = (error: Error): boolean =>
  /\b(READONLY|MASTERDOWN)\b/.test(error.message) || /read[- ]only (replica|slave)/i.test(error.message)
