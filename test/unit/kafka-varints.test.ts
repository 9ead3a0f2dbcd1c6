import { createRequire } from 'node:module'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { writeUVarInt } from '../../src/kafka/varints.ts'

const require = createRequire(import.meta.url)

interface Encoder {
  buf: Buffer
  offset: number
  buffer: Buffer
  ensureAvailable(bytes: number): void
  writeUVarInt(value: number): Encoder
}
const EncoderOfKafkajs = require('kafkajs/src/protocol/encoder.js') as new (size?: number) => Encoder

test('integers are written byte by byte as kafkajs writes them, whatever stands before them', () => {
  const anyInteger = fc.oneof(fc.integer(), fc.nat(300), fc.constantFrom(0, 127, 128, 2 ** 31 - 1, -1, -(2 ** 31)))
  fc.assert(
    fc.property(fc.array(anyInteger, { maxLength: 20 }), (values) => {
      const [theirs, ours] = [new EncoderOfKafkajs(1), new EncoderOfKafkajs(1)]
      for (const value of values) {
        theirs.writeUVarInt(value)
        writeUVarInt(ours, value)
      }
      expect(ours.buf.subarray(0, ours.offset)).toEqual(theirs.buf.subarray(0, theirs.offset))
    }),
  )
})
