/** Reading a topic back, with a kafkajs that delivers as the test says. */
import { expect, test } from 'vitest'
import type { KafkaClients } from '../../src/kafka/clients.ts'
import { readBack } from '../../src/kafka/outcomes-reader.ts'
import { silent } from '../../src/logging/log.ts'

const TOPIC = 'letters'
type EachBatch = (payload: unknown) => Promise<void>

/** Messages 0 to `high` - 1 of one partition, as kafkajs delivers them. */
function delivered(partition: number, high: number) {
  const offsets = Array.from({ length: high }, (_, offset) => String(offset))
  const messages = offsets.map((offset) => ({ offset, key: null, value: null, headers: {}, timestamp: '1' }))
  return { batch: { partition, messages, lastOffset: () => String(high - 1) }, heartbeat: async () => {} }
}

/** Reads two partitions of `high` messages each. `deliver` stands for kafkajs; `onMessage` resolves or rejects when the test says so. */
function reading(high: number, deliver: (eachBatch: EachBatch) => void) {
  const partitions = [0, 1]
  const admin = {
    fetchTopicOffsets: async () => partitions.map((partition) => ({ partition, low: '0', high: String(high) })),
    fetchTopicMetadata: async () => ({
      topics: [{ name: TOPIC, partitions: partitions.map((partitionId) => ({ partitionId })) }],
    }),
    fetchTopicOffsetsByTimestamp: async () => partitions.map((partition) => ({ partition, offset: '0' })),
  }
  const consumer = {
    on: () => {},
    connect: async () => {},
    subscribe: async () => {},
    run: async ({ eachBatch }: { eachBatch: EachBatch }) => deliver(eachBatch),
    disconnect: async () => {},
  }
  const clients = { withAdmin: (work: (of: unknown) => unknown) => work(admin), consumer: () => consumer }
  const taken: { at: string; done: () => void; fail: (error: Error) => void }[] = []
  const ended = readBack({
    clients: clients as unknown as KafkaClients,
    topic: TOPIC,
    groupPrefix: 'g',
    sinceMs: 0,
    onMessage: ({ partition, offset }) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      taken.push({ at: `${partition}/${offset}`, done: resolve, fail: reject })
      return promise
    },
    signal: new AbortController().signal,
    log: silent,
  })
  return { taken, ended, places: () => taken.map(({ at }) => at) }
}

const soon = () => new Promise(setImmediate)

test('what is delivered while a message is being taken waits, and is passed on after it', async () => {
  const { taken, ended, places } = reading(2, (eachBatch) => {
    void eachBatch(delivered(0, 2))
    void eachBatch(delivered(1, 2))
  })
  for (let count = 1; count <= 4; count++) {
    await soon()
    expect(taken).toHaveLength(count)
    taken.at(-1)?.done()
  }
  await ended
  expect(places()).toEqual(['0/0', '0/1', '1/0', '1/1'])
})

test('what is delivered again while it is being taken is passed on once, and the reading does not end before it is taken', async () => {
  const { taken, ended, places } = reading(1, (eachBatch) => {
    for (const partition of [1, 0, 0]) void eachBatch(delivered(partition, 1))
  })
  let isOver = false
  void ended.then(() => (isOver = true))
  await soon()
  taken[0]?.done()
  await soon()
  expect(places()).toEqual(['1/0', '0/0'])
  expect(isOver).toBe(false)
  taken[1]?.done()
  await ended
  expect(places()).toEqual(['1/0', '0/0'])
})

test('after a message that could not be taken none is passed on', async () => {
  const { taken, ended, places } = reading(2, (eachBatch) => {
    void eachBatch(delivered(0, 2))
    void eachBatch(delivered(1, 2))
    setImmediate(() => void eachBatch(delivered(0, 2)))
  })
  await soon()
  taken[0]?.fail(new Error('away'))
  await expect(ended).rejects.toThrow('away')
  await soon()
  await soon()
  expect(places()).toEqual(['0/0'])
})
