/** Variable-length integers of Kafka's records, written in place of kafkajs's own writer; mended.ts applies it. */

export interface Encoder {
  buf: Buffer
  offset: number
  ensureAvailable(bytes: number): void
}

/** The longest encoding of a 32-bit integer. */
const MAX_BYTES = 5

/**
 * Appends an unsigned 32-bit integer in LEB128. kafkajs allocates an array and a buffer for each, and each header of a record has two:
 * that took 2.5 % of the worker's CPU time.
 */
export function writeUVarInt(encoder: Encoder, value: number): void {
  encoder.ensureAvailable(MAX_BYTES)
  let left = value
  while ((left & ~0x7f) !== 0) {
    encoder.buf[encoder.offset++] = (left & 0x7f) | 0x80
    left >>>= 7
  }
  encoder.buf[encoder.offset++] = left
}
