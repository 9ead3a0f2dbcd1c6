/**
 * Batches of Kafka's own client in every codec; and batches that unpack to too much, that nobody can read, or that only this worker cannot
 * read.
 */
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { readBack } from '../../src/kafka/outcomes-reader.ts'
import { sendWithJava } from '../support/java-producer.ts'
import { answer, startConsumer, textOf } from '../support/kafka-consumer.ts'
import { until } from '../support/kafka-testing.ts'
import { produceRaw, rawBatch } from '../support/raw-batch.ts'
import { world, worldOfEachTest } from './world-of-each-test.ts'

worldOfEachTest({ partitions: 2 })

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

describe('batches of the Java client', () => {
  it('are read whatever they are compressed with, with their headers, and read back too', async () => {
    const text = 'текст '.repeat(30)
    const sent = CODECS.flatMap((compression) =>
      Array.from({ length: 200 }, (_, index) => ({ compression, value: `${compression} ${index} ${text}` })),
    )
    const headers = [
      ['traceparent', '00-ab'],
      ['constructor', 'x'],
      ['twice', '1'],
      ['twice', '2'],
    ] as const
    await sendWithJava(world.brokers, [
      ...sent.map((each) => ({ ...each, topic: world.requests, headers: [...headers] })),
      ...sent.map((each) => ({ ...each, topic: world.out })),
    ])
    const seen: unknown[] = []
    const { handled } = startConsumer(world, {
      handle: (source) => {
        seen.push(source.headers)
        return Promise.resolve(answer(source, [world.records]))
      },
    })
    await until('all are handled', () => handled.length >= sent.length)
    expect(handled).toEqual(sent.map(({ value }) => value))
    const twice = [Buffer.from('1'), Buffer.from('2')]
    const expected = { traceparent: Buffer.from('00-ab'), constructor: Buffer.from('x'), twice }
    for (const each of seen) expect(each).toEqual(expected)

    const values: string[] = []
    await readBack({
      clients: world.clients,
      topic: world.out,
      groupPrefix: world.group,
      sinceMs: 0,
      onMessage: async ({ value }) => void values.push(String(value)),
      signal: AbortSignal.timeout(30_000),
      log: world.log,
    })
    expect(values).toEqual(sent.map(({ value }) => value))
  })

  it('of snappy without frames, as librdkafka writes it, are read', async () => {
    const records = [{ value: 'a' }, { value: 'b'.repeat(50_000) }]
    await produceRaw(world.brokers, world.requests, 0, await rawBatch({ codec: 'snappy', records }))
    const { handled } = startConsumer(world)
    await until('both are handled', () => handled.length === 2)
    expect(handled).toEqual(['a', 'b'.repeat(50_000)])
  })
})

/**
 * Sends a batch of two records between two messages, and expects these to be handled, and one message in the place of the batch.
 * @returns why that message is beyond the bounds
 */
async function beyondWith(batch: Buffer): Promise<unknown[]> {
  await world.send(['before'])
  await produceRaw(world.brokers, world.requests, 0, batch)
  await world.send(['after'])
  const beyond: unknown[] = []
  const { handled } = startConsumer(world, {
    handle: (source) => {
      if (source.beyond !== undefined) beyond.push(source.beyond)
      return Promise.resolve(answer(source, [world.out], textOf(source)))
    },
  })
  await until('all are committed', async () => (await world.committed())[0]?.offset === 4n)
  expect(handled).toEqual(['before', '', 'after'])
  return beyond
}

describe('a batch that unpacks to 190 MB', () => {
  it.each(['gzip', 'zstd'] as const)('of %s is told as beyond the bounds, and what follows is read', async (codec) => {
    const bomb = await rawBatch({ codec, records: [{ value: 'honest' }, { value: Buffer.alloc(190_000_000) }] })
    const beyond = await beyondWith(bomb)
    const detail = expect.stringContaining(`offsets 1 to 2, compressed with ${codec}: it unpacks to more`)
    expect(beyond).toEqual([{ reason: 'batch_too_large', fromOffset: 1n, detail }])
  })
})

/** The broker does not verify the checksum of an lz4 frame's content, which ends it. */
const spoilChecksum = (packed: Buffer) => void packed.writeUInt32LE(0xbad, packed.length - 4)

describe('a batch that nobody can read', () => {
  it('is told as beyond the bounds, and what follows is read', async () => {
    const records = [{ value: 'one' }, { value: 'two' }]
    const beyond = await beyondWith(await rawBatch({ codec: 'lz4', records, tamper: spoilChecksum }))
    const detail = expect.stringContaining('offsets 1 to 2, compressed with lz4: ')
    expect(beyond).toEqual([{ reason: 'batch_unreadable', fromOffset: 1n, detail }])
  })

  it('ends a reader with its codec and place', async () => {
    const damaged = await rawBatch({ codec: 'lz4', records: [{ value: 'damaged' }], tamper: spoilChecksum })
    await produceRaw(world.brokers, world.out, 0, damaged)
    const reading = readBack({
      clients: world.clients,
      topic: world.out,
      groupPrefix: world.group,
      sinceMs: 0,
      onMessage: async () => {},
      signal: AbortSignal.timeout(30_000),
      log: world.log,
    })
    await expect(reading).rejects.toThrow(`partition 0 of ${world.out} cannot be read: the batch of offsets 0 to 0, `)
  })
})

describe('a batch that this worker cannot read', () => {
  it('holds its own partition with its codec in the log, joins no group again, and lets the other partition go on', async () => {
    await world.send(['before'])
    await produceRaw(world.brokers, world.requests, 0, await rawBatch({ codec: 'lz4', records: [{ value: 'packed' }] }))
    // As on a machine that has no binary of the package.
    vi.doMock('lz4-napi', () => {
      throw new Error('no binary')
    })
    onTestFinished(() => {
      vi.doUnmock('lz4-napi')
    })
    const joined: number[][] = []
    const hooks = { rebalanced: (partitions: number[]) => void joined.push(partitions) }
    const { consumer, handled } = startConsumer(world, {}, { hooks })
    const held = () => consumer.status().partitions.find(({ partition }) => partition === 0)?.unreadable ?? null
    await until('what is before it is done', () => handled.includes('before'))
    await until('it says so', () => held() !== null)
    for (const value of ['one', 'two', 'three']) {
      await world.send([value], 1)
      await until(`${value} is handled beside it`, () => handled.includes(value))
    }
    expect(held()).toMatch(/offsets 1 to 1, compressed with lz4: /)
    const lines = world.log.lines.filter(({ message }) => message.startsWith('a batch cannot be read'))
    expect(lines.map(({ level, fields }) => [level, fields['offset']])).toEqual([['error', 1n]])
    expect(joined).toHaveLength(1)
    expect(world.log.lines.filter(({ message }) => message.startsWith('the consumer ended'))).toEqual([])
  })
})
