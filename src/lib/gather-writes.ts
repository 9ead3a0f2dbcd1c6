/** Writes to a stream what is written in one turn of the event loop at once: each write of its own is a system call. */
import type { Writable } from 'node:stream'

const gathering = new WeakSet<Writable>()

/** Call it before a write: this write and those that follow in the same turn go out together, at the end of the turn. */
export function gatherWrites(stream: Writable): void {
  if (gathering.has(stream)) return
  gathering.add(stream)
  stream.cork()
  process.nextTick(() => {
    gathering.delete(stream)
    stream.uncork()
  })
}
