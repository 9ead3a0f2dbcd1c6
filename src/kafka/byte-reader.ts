/** Reads the numbers and byte strings of Kafka's record format from a buffer. A read beyond its end throws a RangeError. */
export class ByteReader {
  readonly #buffer: Buffer
  /** The index of the next byte. */
  at = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  byte(): number {
    const byte = this.#buffer[this.at]
    if (byte === undefined) throw new RangeError('it is cut off')
    this.at++
    return byte
  }

  /** A zigzag number of at most 32 bits. */
  varint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte()
      value |= (byte & 127) << shift
      if (byte < 128) return (value >>> 1) ^ -(value & 1)
    }
    throw new RangeError('a number is too long')
  }

  /** A zigzag number of at most 64 bits. */
  varlong(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte()
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return (value >> 1n) ^ -(value & 1n)
    }
    throw new RangeError('a number is too long')
  }

  /** Reads a length and that many bytes, not copied; null for a length of -1. */
  bytes(): Buffer | null {
    const length = this.varint()
    if (length < 0) return null
    const from = this.at
    this.moveTo(from + length)
    return this.#buffer.subarray(from, this.at)
  }

  moveTo(at: number): void {
    if (at < this.at || at > this.#buffer.length) throw new RangeError('it is cut off')
    this.at = at
  }
}
