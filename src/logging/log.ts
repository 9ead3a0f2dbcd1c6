/** The log as the rest of the worker sees it. logger.ts builds it on winston; tests pass plain objects. */

/** Facts of a log line: never a resume, requirements, a name or a key. */
export type LogFields = Record<string, string | number | bigint | boolean | null | undefined>

export interface Log {
  error(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  debug(message: string, fields?: LogFields): void
}

/** A log that drops everything, for code that reports its findings in another way. */
export const silent: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} }
