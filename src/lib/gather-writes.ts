/** Writes to a stream what is written in one turn of the event loop at once: each write of its own is a system call. */
import type { Writable } from 'node:stream'

/** Emptied at the end of each turn. */
const gathering = new Set<Writable>()

function release(stream: Writable): void {
  if (gathering.delete(stream)) stream.uncork()
}

// A turn that ends the process has no end: without this, the lines before a fault would be lost.
process.once('exit', () => gathering.forEach(release))

/** Call it before a write: this write and those that follow in the same turn go out together, at the end of the turn. */
export function gatherWrites(stream: Writable): void {
  if (gathering.has(stream)) return
  gathering.add(stream)
  stream.cork()
  process.nextTick(release, stream)
}
