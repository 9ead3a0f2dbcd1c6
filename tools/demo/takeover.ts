/** The middle of the demo: a worker is killed while it waits for the model, and another one goes on with its partition. */
import { pause } from '../../src/lib/abortable.ts'
import type { Arrival } from '../openai-stub/arrivals.ts'
import { hashKey } from '../openai-stub/decide.ts'
import type { Answer } from './answers.ts'
import type { Sample } from './samples.ts'
import { WORKERS, workerKey } from './stage.ts'
import type { Workers } from './workers.ts'

/** The worker that is killed: it has the samples of partition 0, unless the group dealt them the other way round. */
const VICTIM = 0
/** Answers before the kill, so that a viewer sees undisturbed work first. */
const ANSWERS_BEFORE = 5
/** By a call of this age the answers that came right before it are stored: a kill loses no more calls than are in flight. */
const SETTLED_MS = 150
/** A call younger than this is still unanswered when the signal arrives. */
const FRESH_MS = 400
const POLL_MS = 20
/** The answer to a call that began less than this, and FRESH_MS, before the kill may not have been stored, ms. */
const UNSTORED_MS = 1_000

export interface Kill {
  atMs: number
  pid: number
  /** Calls that the victim was waiting for. */
  inFlight: number
}

interface Scene {
  arrivals: () => readonly Arrival[]
  answered: () => number
  workers: Workers
  signal: AbortSignal
}

/** Waits for the first answers and for a fresh call of the victim, and kills the victim with SIGKILL. @throws the signal's reason */
export async function killOne({ arrivals, answered, workers, signal }: Scene): Promise<Kill> {
  const victim = hashKey(workerKey(VICTIM))
  for (;;) {
    const open = arrivals().filter(({ key, status, aborted }) => key === victim && status === null && !aborted)
    const now = performance.timeOrigin + performance.now()
    if (answered() >= ANSWERS_BEFORE && open.some(({ atMs }) => now - atMs > SETTLED_MS && now - atMs < FRESH_MS)) {
      const pid = workers.pids[VICTIM] ?? 0
      await workers.kill(VICTIM)
      return { atMs: now, pid, inFlight: open.length }
    }
    await pause(POLL_MS, signal)
  }
}

/** @returns how many paid calls may have left no outcome because they died with the victim */
export function lostCalls(arrivals: readonly Arrival[], kill: Kill | null): number {
  if (kill === null) return 0
  const victim = hashKey(workerKey(VICTIM))
  return arrivals.filter(
    ({ key, aborted, atMs, status }) =>
      key === victim && (aborted || status === null || atMs > kill.atMs - UNSTORED_MS - FRESH_MS),
  ).length
}

/** @returns ids of the samples that were sent to each partition */
export const idsByPartition = (samples: readonly Sample[]): Set<bigint>[] =>
  Array.from(
    { length: WORKERS },
    (_, partition) =>
      new Set(samples.flatMap(({ processingId }, n) => (n % WORKERS === partition ? (processingId ?? []) : []))),
  )

/**
 * @returns ms from the kill until the other worker answered a request of the victim's partition, taken to be the one that was without an
 *   answer for longest; null when no answer came after the kill
 */
export function takeoverMs(kill: Kill, answers: readonly Answer[], partitions: readonly Set<bigint>[]): number | null {
  const firsts = partitions.map((ids) =>
    Math.min(...answers.filter(({ id, atMs }) => ids.has(id) && atMs > kill.atMs).map(({ atMs }) => atMs - kill.atMs)),
  )
  const longest = Math.max(...firsts.filter(Number.isFinite))
  return Number.isFinite(longest) ? longest : null
}
