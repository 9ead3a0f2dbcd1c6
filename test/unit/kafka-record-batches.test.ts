import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_HEADERS, MAX_RECORDS_PER_FETCH, MAX_UNPACKED_BYTES } from '../../src/kafka/bounds.ts'
import { boundHeaders } from '../../src/kafka/headers.ts'
import { newAllowance, readRecordBatches } from '../../src/kafka/record-batches.ts'
import { longestStallMs } from '../support/cpu-stalls.ts'
import type { RawBatchOptions, RawRecord } from '../support/raw-batch.ts'
import { rawBatch } from '../support/raw-batch.ts'

const read = async (batches: RawBatchOptions[], fetchOffset = 0n) =>
  readRecordBatches(Buffer.concat(await Promise.all(batches.map(rawBatch))), fetchOffset, newAllowance())
const codecs = fc.constantFrom('none' as const, 'gzip' as const, 'snappy' as const, 'lz4' as const, 'zstd' as const)
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))

describe('record batches', () => {
  it('give back what was written, in every codec, from the offset that was asked for', async () => {
    const header = fc.tuple(fc.string({ maxLength: 5 }), fc.option(bytes))
    const record = fc.record({
      key: fc.option(bytes),
      value: fc.option(bytes),
      headers: fc.uniqueArray(header, { selector: ([name]) => name, maxLength: 8 }),
    })
    await fc.assert(
      fc.asyncProperty(
        codecs,
        fc.array(record, { minLength: 1, maxLength: 20 }),
        fc.nat(25),
        async (codec, records, skip) => {
          const found = await read([{ codec, records, base: 100n, timestamp: 7n }], 100n + BigInt(skip))
          expect(
            found.map(({ offset, timestamp, key, value, headers }) => ({ offset, timestamp, key, value, headers })),
          ).toEqual(
            records
              .map(({ key, value, headers }, index) => ({
                offset: `${100 + index}`,
                timestamp: '7',
                key,
                value,
                headers: Object.fromEntries(headers),
              }))
              .slice(skip),
          )
        },
      ),
      { numRuns: 60 },
    )
  })

  it('of any bytes are read, or told as unreadable, and never throw', async () => {
    const records = [{ value: 'a', headers: [['h', Buffer.from('x')]] as const }, { value: 'b' }]
    await fc.assert(
      fc.asyncProperty(codecs, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1 }), async (codec, changes) => {
        const batch = await rawBatch({ codec, records: records as unknown as RawRecord[] })
        for (const [at, byte] of changes) batch[at % batch.length] = byte
        for (const each of await readRecordBatches(batch, 0n, newAllowance())) expect(each.offset).toMatch(/^-?\d+$/)
      }),
      { numRuns: 300 },
    )
  })

  it('whose last records are compacted away carry the reader over them', async () => {
    const found = await read([{ records: [{ value: 'a' }], lastOffsetDelta: 9 }])
    expect(found.map(({ offset, isControlRecord }) => [offset, isControlRecord])).toEqual([
      ['0', false],
      ['9', true],
    ])
    expect(await read([{ records: [{ value: 'a' }], lastOffsetDelta: 9 }], 5n)).toMatchObject([
      { offset: '9', isControlRecord: true },
    ])
  })

  it('are read up to a number of records, and then from the next one on', async () => {
    const records = Array.from({ length: MAX_RECORDS_PER_FETCH + 5 }, () => ({ value: 'x' }))
    const first = await read([{ codec: 'zstd', records }])
    expect(first).toHaveLength(MAX_RECORDS_PER_FETCH)
    const rest = await read([{ codec: 'zstd', records }], BigInt(first.at(-1)?.offset ?? '') + 1n)
    expect(rest.map(({ offset }) => Number(offset) - MAX_RECORDS_PER_FETCH)).toEqual([0, 1, 2, 3, 4])
  })

  it('are left to the next fetch once a fetch has unpacked its share', async () => {
    const large = { codec: 'gzip' as const, records: [{ value: Buffer.alloc(20_000_000) }] }
    const found = await read([large, { ...large, base: 1n }, { records: [{ value: 'x' }], base: 2n }])
    expect(found.map(({ offset }) => offset)).toEqual(['0'])
  })

  it.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'of %s that unpack to too much tell of all their offsets',
    async (codec) => {
      const records = [{ value: 'honest' }, { value: Buffer.alloc(MAX_UNPACKED_BYTES) }]
      const found = await read([
        { codec, records, base: 5n },
        { records: [{ value: 'next' }], base: 7n },
      ])
      expect(found).toMatchObject([
        { offset: '6', value: null, trouble: { kind: 'too_large', codec, from: 5n } },
        { offset: '7', value: Buffer.from('next') },
      ])
    },
  )

  it('that nobody can read stand for all of their offsets, and what follows is read', async () => {
    const records = [{ value: 'x' }]
    const after = { records, base: 1n }
    const spoil = (packed: Buffer) => void packed.fill(0xff, 4)
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
      expect(await read([{ codec, records, tamper: spoil }, after])).toMatchObject([
        { offset: '0', value: null, trouble: { kind: 'malformed', codec, from: 0n } },
        { offset: '1', value: Buffer.from('x') },
      ])
    }
  })

  it('that were damaged after they were sent, or of a codec that Kafka has not defined, end what is read, and say so', async () => {
    const records = [{ value: 'x'.repeat(40) }]
    const after = await rawBatch({ records, base: 1n })
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const damaged = await rawBatch({ codec, records })
      damaged.fill(0xff, 65)
      expect(await readRecordBatches(Buffer.concat([damaged, after]), 0n, newAllowance())).toMatchObject([
        { trouble: { kind: 'unreadable', codec, reason: expect.stringContaining('checksum is wrong') as string } },
      ])
    }
    expect(
      await read([
        { records, attributes: 6 },
        { records, base: 1n },
      ]),
    ).toMatchObject([{ trouble: { kind: 'unreadable', codec: 'codec 6', reason: 'codec 6 is unknown' } }])
  })

  it('with more headers than the bounds allow keep those of tracing, and tell how many there were', async () => {
    const headers = Array.from({ length: 8_000 }, (_, index) => [`${index}`, null] as const)
    const trace = ['traceparent', Buffer.from('00-ab')] as const
    const [record] = await read([{ records: [{ value: 'x', headers: [...headers, trace] }] }])
    expect(record).toMatchObject({ headers: { traceparent: Buffer.from('00-ab') }, tooManyHeaders: { count: 8_001 } })
    const [allowed] = await read([{ records: [{ value: 'x', headers: headers.slice(0, MAX_HEADERS) }] }])
    expect(Object.keys(allowed?.headers ?? {})).toHaveLength(MAX_HEADERS)
  })

  it('never hold the event loop: many headers, many records, many batches, in every codec', async () => {
    const shapes: Record<string, RawRecord[]> = {
      'many headers': [{ value: 'x', headers: Array.from({ length: 60_000 }, (_, index) => [`${index % 999}`, null]) }],
      'many records with headers': Array.from({ length: 150 }, () => ({
        value: 'x',
        headers: Array.from({ length: 500 }, (_, index) => [`${index}`, null] as const),
      })),
      'tiny records': Array.from({ length: 60_000 }, () => ({ key: null, value: null })),
      'large values': Array.from({ length: 20 }, () => ({ value: Buffer.alloc(1_000_000, 'x') })),
    }
    const slow: string[] = []
    for (const [name, records] of Object.entries(shapes)) {
      for (const codec of ['none', 'lz4'] as const) {
        const batch = await rawBatch({ codec, records })
        const stallMs = await longestStallMs(() => readRecordBatches(batch, 0n, newAllowance()))
        slow.push(...(stallMs > 100 ? [`${name}, ${codec}: ${stallMs} ms`] : []))
      }
    }
    expect(slow).toEqual([])
  }, 180_000)
})

describe('headers that are passed on', () => {
  it('are as many as the bounds allow, those of tracing first', () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`h${index}`, 'v']))
    const kept = boundHeaders({
      ...many,
      TraceParent: '00',
      tracestate: 's',
      baggage: 'b'.repeat(15_000),
      large: 'x'.repeat(9_000),
    })
    expect(kept).toMatchObject({ TraceParent: '00', tracestate: 's', baggage: 'b'.repeat(15_000), h0: 'v' })
    expect(Object.keys(kept)).toHaveLength(64)
    expect(kept).not.toHaveProperty('large')
    const few = { a: 'b' }
    expect(boundHeaders(few)).toBe(few)
  })
})
