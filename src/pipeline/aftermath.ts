/** What has to be written after a call even though the partition is gone, or the worker stops. */
import { bounded } from '../lib/abortable.ts'
import type { Log } from '../logging/log.ts'

/** After this long a failed report or settlement is given up: the stopping worker must not hang on Redis. */
const AFTERMATH_MS = 10_000
/** The same once calls are aborted. */
const LAST_WORDS_MS = 1_000

const NEVER = new AbortController().signal

/**
 * Runs `work` with a signal that ends it in time.
 * @param call of the call: when it has aborted already, there is a second left
 */
export const aftermath = <T>(call: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> =>
  call.aborted ? bounded(NEVER, LAST_WORDS_MS, work) : bounded(call, AFTERMATH_MS, work)

/** @returns what to catch an error with that is logged only */
export const warned = (log: Log, what: string, id: bigint) => (error: unknown) =>
  log.warn(what, { id, reason: error instanceof Error ? error.message : String(error) })
