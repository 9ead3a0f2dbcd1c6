/** Writes that must follow a call even when the partition was revoked or the worker stops. */
import { bounded } from '../lib/abortable.ts'
import type { Log } from '../logging/log.ts'

/** After this long a failed report or settlement is given up: the stopping worker must not hang on Redis. */
const AFTERMATH_MS = 10_000
/** The same limit when the call was aborted: the worker is stopping. */
const LAST_WORDS_MS = 1_000

const NEVER = new AbortController().signal

/**
 * Runs `work` with a signal that aborts after the limit: 10 s from now, or at most 1 s once the call is aborted.
 * @param call the call's signal; when it has aborted already, the limit is one second
 */
export const aftermath = <T>(call: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> =>
  call.aborted ? bounded(NEVER, LAST_WORDS_MS, work) : bounded(call, AFTERMATH_MS, work)

/** @returns a handler that only logs the error */
export const warned = (log: Log, what: string, id: bigint) => (error: unknown) =>
  log.warn(what, { id, reason: error instanceof Error ? error.message : String(error) })
