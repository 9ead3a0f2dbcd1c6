/** Computes what to commit for a partition from the offsets that are not done yet. Pure. */
import type { OffsetRange } from './offset-metadata.ts'

export interface Progress {
  /** The offset to commit: everything below it is done. */
  offset: bigint
  /** Done offsets above it, ascending, not touching each other. */
  done: OffsetRange[]
}

/**
 * Every offset below the fetch position counts as done unless it is in `uncommitted`. This includes offsets without a message, such
 * as transaction markers and compacted offsets.
 * @param uncommitted offsets that were fetched and are not committed, ascending. Ranges, because a bigint is an object: to compute
 * the offset after each of thousands of messages for every commit would leave much garbage.
 * @param position the offset after the last one that was fetched
 * @param ahead what an earlier commit says is done; the part at or above `position` still counts
 */
export function progressOf(
  uncommitted: Iterable<OffsetRange>,
  position: bigint,
  ahead: readonly OffsetRange[],
): Progress {
  const done: OffsetRange[] = []
  let offset: bigint | null = null
  let reached = 0n
  for (const { from, to } of uncommitted) {
    if (offset === null) offset = from
    else if (from > reached) done.push({ from: reached, to: from })
    reached = to
  }
  const rest = ahead.filter(({ to }) => to > position).map(({ from, to }) => ({ from: max(from, position), to }))
  if (offset !== null && position > reached) done.push({ from: reached, to: position })
  offset ??= position
  for (const range of rest) {
    const last = done.at(-1)
    if (offset === range.from) offset = range.to
    else if (last?.to === range.from) last.to = range.to
    else done.push(range)
  }
  return { offset, done }
}

export function isDone(offset: bigint, progress: Progress): boolean {
  return offset < progress.offset || inRanges(offset, progress.done)
}

export function inRanges(offset: bigint, ranges: readonly OffsetRange[]): boolean {
  return ranges.some(({ from, to }) => offset >= from && offset < to)
}

const max = (a: bigint, b: bigint) => (a > b ? a : b)
