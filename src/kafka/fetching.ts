/** Where kafkajs fetches one partition from, and whether it does. */
import type { Watermarks } from './start-offset.ts'

/** Fetching pauses at so many bytes that no handler has room for. */
const PREFETCH_BYTES = 1_000_000

/** Steers the fetching of a partition. None of it throws: after a restart of the consumer the next join sets it again. */
export interface Flow {
  pause(): void
  resume(): void
  seek(offset: bigint): void
}

/** @param prefetch how many messages that no handler has room for may lie in memory */
export function createFetching(flow: Flow, prefetch: number) {
  let on = false
  /** kafkajs passes stretches without messages (markers, aborted or compacted records) by itself; it fetches on from here. */
  let passedTo: bigint | null = null
  let starvingSinceMs: number | null = null
  /** Not resumed before then, performance.now() ms. */
  let waitUntilMs = 0

  function stop(): void {
    on = false
    starvingSinceMs = null
    flow.pause()
  }

  return {
    stop,
    /** Stops for so long: what comes next cannot be read. */
    waitFor(ms: number): void {
      waitUntilMs = performance.now() + ms
      stop()
    },
    /** Fetches from `offset` on, once `adjust` lets it. */
    moveTo(offset: bigint): void {
      on = false
      passedTo = null
      flow.seek(offset)
    },
    /** Pauses and resumes by what waits for a handler; between the two lies half of it, so that they do not alternate. */
    adjust(queued: number, queuedBytes: number): void {
      const hasRoom = queued < (on ? prefetch : prefetch / 2) && queuedBytes < PREFETCH_BYTES
      const room = hasRoom && performance.now() >= waitUntilMs
      if (room === on) return
      on = room
      if (room) flow.resume()
      else flow.pause()
    },
    /** Whether a fetch from `from` on misses nothing and repeats nothing for one who wants `next`. */
    continues: (from: bigint, next: bigint) => from === next || from === passedTo,
    took(): void {
      passedTo = null
      starvingSinceMs = null
    },
    /** kafkajs met a stretch without messages and goes on at `to`. */
    passed(to: bigint): void {
      passedTo = to
      starvingSinceMs = null
    },
    /** @returns whether the log still holds what is fetched next */
    observe({ low, high }: Watermarks, next: bigint): boolean {
      const at = passedTo !== null && passedTo > next ? passedTo : next
      starvingSinceMs = on && high > at ? (starvingSinceMs ?? performance.now()) : null
      return low <= at && next <= high
    },
    /** How long, in ms, the log has had messages that fetching does not bring; 0 when it does. */
    starvingMs: () => (starvingSinceMs === null ? 0 : performance.now() - starvingSinceMs),
  }
}

export type Fetching = ReturnType<typeof createFetching>
