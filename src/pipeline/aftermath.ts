/** Writes that must follow a call even when the partition was revoked or the worker stops. */
import { bounded } from '../lib/abortable.ts'
import type { Log } from '../logging/log.ts'

/** A write that takes longer is given up: Redis may be away, and the call keeps its slot meanwhile. */
const AFTERMATH_MS = 10_000
/** The limit when the call was aborted before: the worker is stopping. */
const LAST_WORDS_MS = 1_000

const NEVER = new AbortController().signal

/**
 * Runs `work` with a signal that aborts after 10 s, and at once when the call is aborted meanwhile. If the call was aborted before, it
 * aborts after 1 s.
 * @param call the call's signal
 */
export const aftermath = <T>(call: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> =>
  call.aborted ? bounded(NEVER, LAST_WORDS_MS, work) : bounded(call, AFTERMATH_MS, work)

/** @returns a handler that only logs the error */
export const warned = (log: Log, what: string, id: bigint) => (error: unknown) =>
  log.warn(what, { id, reason: error instanceof Error ? error.message : String(error) })
