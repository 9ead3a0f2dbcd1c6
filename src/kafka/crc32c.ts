/** The checksum of Kafka's record batches: CRC-32C (Castagnoli). Node's zlib has only CRC-32. */
import { turn } from '../lib/turns.ts'

/** 0x1EDC6F41, its bits in reverse. */
const POLYNOMIAL = 0x82f63b78
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte
  for (let bit = 0; bit < 8; bit++) rest = (rest & 1) === 1 ? (rest >>> 1) ^ POLYNOMIAL : rest >>> 1
  return rest >>> 0
})

/** The event loop gets a turn after this many bytes, which take some ms. */
const SLICE_BYTES = 524_288

/** @returns the checksum, an unsigned 32-bit number */
export async function crc32c(bytes: Buffer): Promise<number> {
  let crc = 0xffffffff
  for (let from = 0; from < bytes.length; from += SLICE_BYTES) {
    if (from > 0) await turn()
    for (const byte of bytes.subarray(from, from + SLICE_BYTES)) crc = (TABLE[(crc ^ byte) & 255] ?? 0) ^ (crc >>> 8)
  }
  return (crc ^ 0xffffffff) >>> 0
}
