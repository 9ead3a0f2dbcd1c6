import { describe, expect, test } from 'vitest'
import { readHeaders } from '../../src/kafka/headers.ts'

const bytes = Buffer.from('v')

describe('headers of a consumed message that kafkajs cannot send again', () => {
  test('a null value, which Kafka allows, becomes an empty one', () => {
    const raw = { nul: null, twice: [null, bytes] } as unknown as Parameters<typeof readHeaders>[0]
    expect(readHeaders(raw)).toEqual({ nul: Buffer.alloc(0), twice: [Buffer.alloc(0), bytes] })
  })

  test('a name that every object has brings no function along', () => {
    // As kafkajs's decoder leaves them: it takes what the object inherits for an earlier value.
    const raw = { constructor: [Object, bytes], toString: [() => '', bytes] }
    expect(Object.entries(readHeaders(raw as never))).toEqual([
      ['constructor', bytes],
      ['toString', bytes],
    ])
  })

  test('others pass unchanged', () => {
    expect(readHeaders({ traceparent: bytes, twice: [bytes, bytes], text: 't' })).toEqual({
      traceparent: bytes,
      twice: [bytes, bytes],
      text: 't',
    })
  })
})
