/** Which offsets above the committed one are done, written into the commit's metadata. */

/** Offsets from `from` up to but without `to`. */
export interface OffsetRange {
  from: bigint
  to: bigint
}

/** The broker's default of offset.metadata.max.bytes; it refuses longer metadata with OFFSET_METADATA_TOO_LARGE. */
export const METADATA_LIMIT_BYTES = 4_096

const VERSION = '1'
const FORMAT = /^1;([0-9a-z]+)((?:;[0-9a-z]+,[0-9a-z]+)*)$/

/**
 * Writes `done` as run lengths: `1;base;undone,done;undone,done...`, all in base 36.
 * @param base the offset that is committed with this metadata, itself not done
 * @param done ascending, not touching each other, all above `base`
 * @returns ASCII, so its length is its size in bytes; empty when nothing above `base` is done
 */
export function encodeDone(base: bigint, done: readonly OffsetRange[]): string {
  if (done.length === 0) return ''
  let at = base
  let text = `${VERSION};${base.toString(36)}`
  for (const { from, to } of done) {
    text += `;${(from - at).toString(36)},${(to - from).toString(36)}`
    at = to
  }
  return text
}

/**
 * Reads what `encodeDone` wrote.
 * @returns the ranges; null when this worker's code did not write the text, or wrote it for another base (a tool moved the offset)
 */
export function decodeDone(base: bigint, metadata: string): OffsetRange[] | null {
  if (metadata === '') return []
  const match = FORMAT.exec(metadata)
  if (match?.[1] === undefined || fromBase36(match[1]) !== base) return null
  const ranges: OffsetRange[] = []
  let at = base
  for (const run of (match[2] ?? '').split(';').slice(1)) {
    const [undone, done] = run.split(',').map(fromBase36) as [bigint, bigint]
    if (undone === 0n || done === 0n) return null
    ranges.push({ from: at + undone, to: at + undone + done })
    at += undone + done
  }
  return ranges
}

/** `BigInt()` cannot read base 36, and `parseInt` loses digits beyond 2^53. */
function fromBase36(text: string): bigint {
  return Array.from(text).reduce((value, digit) => value * 36n + BigInt(parseInt(digit, 36)), 0n)
}
