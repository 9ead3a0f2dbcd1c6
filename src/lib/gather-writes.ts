/** Joins the writes to a stream within one turn of the event loop to one: each separate write would be a system call. */
import type { Writable } from 'node:stream'

/** Streams that hold writes back; empty at the end of each turn. */
const gathering = new Set<Writable>()

function release(stream: Writable): void {
  if (gathering.delete(stream)) stream.uncork()
}

/** Writes out what is gathered. Call it when the process exits, which happens before the end of the turn. */
export function releaseGathered(): void {
  gathering.forEach(release)
}

/** Call it before a write: this write and those that follow in the same turn go out together, at the end of the turn. */
export function gatherWrites(stream: Writable): void {
  if (gathering.has(stream)) return
  gathering.add(stream)
  stream.cork()
  process.nextTick(release, stream)
}
