/** Writes to a stream what is written in one turn of the event loop at once: each write of its own is a system call. */
import type { Writable } from 'node:stream'

/** Emptied at the end of each turn. */
const gathering = new Set<Writable>()

function release(stream: Writable): void {
  if (gathering.delete(stream)) stream.uncork()
}

/** Lets out what is gathered. For the end of the process: the turn in which it ends has no end of its own. */
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
