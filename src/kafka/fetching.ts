/** Controls where kafkajs fetches one partition from, and pauses and resumes it. */
import type { Watermarks } from './start-offset.ts'

/** Fetching pauses while this many bytes wait for a handler. */
const PREFETCH_BYTES = 1_000_000

/** kafkajs's controls for one partition. None throws: without a running consumer they do nothing, and the next join sets all again. */
export interface Flow {
  pause(): void
  resume(): void
  seek(offset: bigint): void
}

/** @param prefetch fetching pauses while this many messages wait for a handler */
export function createFetching(flow: Flow, prefetch: number) {
  let on = false
  /** Where kafkajs continues after offsets without messages (markers, aborted or compacted records), which it skips by itself. */
  let passedTo: bigint | null = null
  let starvingSinceMs: number | null = null
  /** Fetching is not resumed before this time, performance.now() ms. */
  let waitUntilMs = 0

  function stop(): void {
    on = false
    starvingSinceMs = null
    flow.pause()
  }

  return {
    stop,
    /** Fetches nothing for `ms`, because the next batch cannot be read. */
    waitFor(ms: number): void {
      waitUntilMs = performance.now() + ms
      stop()
    },
    /** Sets where fetching continues; `adjust` resumes it. */
    moveTo(offset: bigint): void {
      on = false
      passedTo = null
      flow.seek(offset)
    },
    /** Pauses fetching while too much waits for a handler, and resumes it at half of `prefetch` messages, to avoid flapping. */
    adjust(queued: number, queuedBytes: number): void {
      const hasRoom = queued < (on ? prefetch : prefetch / 2) && queuedBytes < PREFETCH_BYTES
      const room = hasRoom && performance.now() >= waitUntilMs
      if (room === on) return
      on = room
      if (room) flow.resume()
      else flow.pause()
    },
    /** Whether a fetch that began at `from` neither skips nor repeats a message when `next` is the wanted offset. */
    continues: (from: bigint, next: bigint) => from === next || from === passedTo,
    took(): void {
      passedTo = null
      starvingSinceMs = null
    },
    /** kafkajs has skipped offsets without messages and continues at `to`. */
    passed(to: bigint): void {
      passedTo = to
      starvingSinceMs = null
    },
    /** @returns whether the next offset to fetch still lies within the log */
    observe({ low, high }: Watermarks, next: bigint): boolean {
      const at = passedTo !== null && passedTo > next ? passedTo : next
      starvingSinceMs = on && high > at ? (starvingSinceMs ?? performance.now()) : null
      return low <= at && next <= high
    },
    /** @returns for how long the log has had messages that fetching does not bring, ms; 0 when it brings them */
    starvingMs: () => (starvingSinceMs === null ? 0 : performance.now() - starvingSinceMs),
  }
}

export type Fetching = ReturnType<typeof createFetching>
