/** Reads a record's headers in linear time. kafkajs 2.2.4 copies all earlier ones for each header: 10 s for 8,000 headers. */
import { MAX_HEADER_BYTES, MAX_HEADERS, TRACE_HEADERS } from './bounds.ts'
import type { ByteReader } from './byte-reader.ts'

export interface HeadersFound {
  /** In kafkajs's form: an array for a repeated name, null for a null value. */
  headers: Record<string, Buffer | null | (Buffer | null)[]>
  /** How many headers there are, and their bytes, when they exceed a bound (`headers` then holds only the trace headers); else null. */
  beyond: { count: number; bytes: number } | null
}

/** Trace headers are looked for only among the first 10,000 headers. */
const MOST_LOOKED_AT = 10_000

/**
 * Reads the headers of one record.
 * @param end where the record ends
 * @returns all headers, or only the trace headers of a record beyond the bounds
 * @throws RangeError when there are more headers than fit before `end`, or the buffer ends within them
 */
export function readRecordHeaders(reader: ByteReader, end: number): HeadersFound {
  const from = reader.at
  const count = reader.varint()
  if (count <= 0) return { headers: {}, beyond: null }
  // Each header takes at least two bytes, for its two lengths.
  if (count * 2 > end - reader.at) throw new RangeError('more headers than bytes')
  const isBeyond = count > MAX_HEADERS || end - from > MAX_HEADER_BYTES
  const byName = new Map<string, (Buffer | null)[]>()
  for (let index = 0; index < Math.min(count, MOST_LOOKED_AT); index++) {
    const name = reader.bytes()?.toString() ?? ''
    const value = reader.bytes()
    if (isBeyond && !(TRACE_HEADERS.includes(name.toLowerCase()) && isShort(value))) continue
    const values = byName.get(name)
    if (values === undefined) byName.set(name, [value])
    else values.push(value)
  }
  // Defined as an own property, because the name may be `__proto__`.
  const headers = Object.fromEntries([...byName].map(([name, values]) => [name, only(values)]))
  return { headers, beyond: isBeyond ? { count, bytes: end - from } : null }
}

const isShort = (value: Buffer | null) => (value?.length ?? 0) <= MAX_HEADER_BYTES / TRACE_HEADERS.length
const only = (values: (Buffer | null)[]) => (values.length === 1 && values[0] !== undefined ? values[0] : values)
