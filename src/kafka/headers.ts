/** Converts consumed headers so that kafkajs can send them again. */
import { MAX_PASSED_HEADER_BYTES, MAX_PASSED_HEADERS, TRACE_HEADERS } from './bounds.ts'
import type { Headers } from './messages.ts'

/**
 * kafkajs 2.2.4 fails to send a header without a value. When it reads a header named like an inherited property (`constructor`,
 * `__proto__`), it takes that property for an earlier value. Either would stop the partition for good.
 * @returns Buffers and strings only; a null value becomes an empty one
 */
export function readHeaders(raw: Headers): Headers {
  const read: [string, Buffer | string | (Buffer | string)[]][] = []
  for (const [name, held] of Object.entries(raw)) {
    const values = ([held].flat() as unknown[]).map((value) => value ?? Buffer.alloc(0))
    const own = values.filter((value) => Buffer.isBuffer(value) || typeof value === 'string')
    const [only] = own
    if (only !== undefined) read.push([name, own.length === 1 ? only : own])
  }
  return Object.fromEntries(read)
}

/** @returns the headers that fit the bounds: trace headers first, then the others in order; each header whole or not at all */
export function boundHeaders(headers: Headers): Headers {
  const traces = (name: string) => TRACE_HEADERS.includes(name.toLowerCase())
  const entries = Object.entries(headers)
  const kept = new Set<string>()
  let [count, bytes] = [0, 0]
  for (const [name, held] of [
    ...entries.filter(([each]) => traces(each)),
    ...entries.filter(([each]) => !traces(each)),
  ]) {
    const values = [held ?? ''].flat()
    const size = values.reduce((sum, value) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0)
    if (count + values.length > MAX_PASSED_HEADERS || bytes + size > MAX_PASSED_HEADER_BYTES) continue
    kept.add(name)
    count += values.length
    bytes += size
  }
  return kept.size === entries.length ? headers : Object.fromEntries(entries.filter(([name]) => kept.has(name)))
}
