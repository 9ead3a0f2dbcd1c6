import { describe, expect, it } from 'vitest'
import type { Handler, SourceMessage } from '../../src/kafka/messages.ts'
import { createUncommitted } from '../../src/kafka/uncommitted.ts'
import { createOutbox } from '../../src/kafka/outbox.ts'
import { PublishRejected } from '../../src/kafka/publisher.ts'
import type { Rejection } from '../../src/kafka/publisher.ts'

const ignore = () => {}
const log = { error: ignore, warn: ignore, info: ignore, debug: ignore }
const signal = new AbortController().signal
const START = { base: 0n, next: 10n, ahead: [] }

const source = (offset: number): SourceMessage => ({
  topic: 'in',
  partition: 0,
  offset: BigInt(offset),
  timestampMs: 1,
  key: null,
  value: Buffer.from(String(offset)),
  headers: {},
})

/** An outbox over messages 0 to `count`-1, those in `answered` with an answer, and a clock that the test moves. */
async function outboxOf(count: number, answered: number[], limits = { messages: 200, bytes: 10_000 }) {
  const clock = { ms: 0 }
  const handler: Pick<Handler, 'handle'> = {
    handle: (message) =>
      answered.includes(Number(message.offset))
        ? Promise.resolve({
            source: message,
            messages: [
              { topic: Number(message.offset) % 2 === 0 ? 'even' : 'odd', key: null, value: 'v', headers: {} },
            ],
            ifTooLarge: () => Promise.resolve({ source: message, messages: [], ifTooLarge: null }),
          })
        : new Promise(() => {}),
  }
  const seat = { enter: () => true, leave: ignore, close: ignore }
  const parts = { handler: handler as Handler, signals: { wait: signal, call: signal }, seat, log, onSettled: ignore }
  const uncommitted = createUncommitted(parts)
  for (let offset = 0; offset < count; offset++) uncommitted.add(source(offset))
  uncommitted.start()
  await new Promise((resolve) => setImmediate(resolve))
  const outbox = createOutbox(uncommitted, { topic: 'in', partition: 0 }, log, limits, () => clock.ms)
  const picked = () => outbox.pick().map(({ message }) => Number(message.offset))
  return { uncommitted, outbox, clock, picked }
}

const rejection = (kind: Rejection, topic: string | null = null) => new PublishRejected(kind, topic, new Error(kind))

describe('what goes into the next transaction', () => {
  it('holds what is answered, in the order of offsets, and nothing that is still asked for', async () => {
    const { picked } = await outboxOf(5, [3, 1])
    expect(picked()).toEqual([1, 3])
  })

  it('commits up to the first message that is not done, and tells which later ones are', async () => {
    const { outbox } = await outboxOf(10, [0, 1, 5])
    const { progress } = outbox.fit(outbox.pick(), START)!
    expect(progress).toEqual({ offset: 2n, done: [{ from: 5n, to: 6n }] })
  })

  it('is bounded by a number of messages and by bytes for each topic', async () => {
    const few = await outboxOf(9, [0, 1, 2, 3], { messages: 2, bytes: 10_000 })
    expect(few.picked()).toEqual([0, 1])
    const small = await outboxOf(9, [0, 1, 2, 3], { messages: 200, bytes: 110 })
    expect(small.picked()).toEqual([0, 1])
  })
})

describe('what a refusal by Kafka teaches', () => {
  it('halves a transaction that is too large, and grows again after a while', async () => {
    const { outbox, clock, picked } = await outboxOf(9, [0, 2, 4, 6])
    await outbox.rejected(rejection('too_large'), outbox.pick())
    expect(picked()).toEqual([0, 2])
    clock.ms += 60_001
    for (let times = 0; times < 10; times++) {
      outbox.succeeded([])
      clock.ms += 60_001
    }
    expect(picked()).toEqual([0, 2, 4, 6])
  })

  it('replaces a message that is too large alone', async () => {
    const { outbox } = await outboxOf(3, [0])
    const [item] = outbox.pick()
    await outbox.rejected(rejection('too_large'), [item!])
    expect(item!.completion?.messages).toEqual([])
  })

  it('holds a message for a minute of which there is no smaller form', async () => {
    const { outbox, clock, picked } = await outboxOf(3, [0, 1])
    const [item] = outbox.pick()
    item!.completion = { ...item!.completion!, ifTooLarge: null }
    await outbox.rejected(rejection('too_large'), [item!])
    expect(picked()).toEqual([1])
    clock.ms += 60_000
    expect(picked()).toEqual([0, 1])
  })

  it('holds a topic that is refused, ever longer, and publishes to the others', async () => {
    const { outbox, clock, picked } = await outboxOf(4, [0, 1, 2])
    await outbox.rejected(rejection('topic', 'even'), outbox.pick())
    expect(picked()).toEqual([1])
    expect(outbox.backoffs()).toEqual([{ topic: 'even', reason: expect.any(String) as string }])
    clock.ms += 1_000
    expect(picked()).toEqual([0, 1, 2])
    await outbox.rejected(rejection('topic', 'even'), outbox.pick())
    clock.ms += 1_999
    expect(picked()).toEqual([1])
    clock.ms += 1
    outbox.succeeded(outbox.pick())
    expect(outbox.backoffs()).toEqual([])
  })

  it('is nothing for a while when Kafka refuses the offset in the source', async () => {
    const { outbox, clock, picked } = await outboxOf(4, [0, 1, 2])
    await outbox.rejected(rejection('topic', 'in'), outbox.pick())
    expect(picked()).toEqual([])
    clock.ms += 1_000
    expect(picked()).toEqual([0, 1, 2])
    outbox.succeeded(outbox.pick())
    expect(outbox.backoffs()).toEqual([])
  })

  it('asks for one topic at a time when the refusal does not name one', async () => {
    const { outbox } = await outboxOf(4, [0, 1])
    const items = outbox.pick()
    await outbox.rejected(rejection('topic'), items)
    expect(outbox.eachTopicAlone(items)).toBe(true)
    outbox.succeeded(items)
    expect(outbox.eachTopicAlone(items)).toBe(false)
  })

  it('waits for the oldest message when the gaps do not fit the metadata', async () => {
    const { outbox } = await outboxOf(9, [5])
    const items = outbox.pick()
    for (let times = 0; times < 14; times++) await outbox.rejected(rejection('metadata_too_large'), items)
    expect(outbox.fit(items, START)).toBeNull()
    expect(outbox.isFull()).toBe(true)
  })
})
