/** Headers as they were consumed, made such that kafkajs can send them again. */
import type { Headers } from './messages.ts'

/**
 * kafkajs 2.2.4 fails on a header without a value when it sends one, and takes what every object inherits (`constructor`,
 * `__proto__`) for an earlier value of a header of that name when it reads one. Either would stop the partition for good.
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
