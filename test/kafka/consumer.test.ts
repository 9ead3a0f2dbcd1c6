import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { answer, heldCalls, numbered, startConsumer, textOf } from '../support/kafka-consumer.ts'
import { until } from '../support/kafka-testing.ts'
import { committedOffset, world, worldOfEachTest } from './world-of-each-test.ts'

worldOfEachTest()

describe('a consumer', () => {
  it('publishes one answer per message to both topics and commits up to the end', async () => {
    const sent = numbered(500)
    await world.send(sent)
    const reader = await world.read()
    const { committed } = startConsumer(world)
    await until('all is published', () => reader.seen.length >= 1_000)
    expect(reader.valuesOf(world.out).toSorted()).toEqual(sent.toSorted())
    expect(reader.valuesOf(world.records).toSorted()).toEqual(sent.toSorted())
    await until('the offset is at the end', async () => (await committedOffset()) === 500n)
    // Kafka shows a commit before this process has heard of it.
    await until('all are told of', () => committed.length >= 500)
    expect(committed.length).toBe(500)
  })

  it('publishes what overtook a slow message, and a restart repeats none of it', async () => {
    const sent = numbered(40)
    await world.send(sent)
    const reader = await world.read()
    const calls = heldCalls()
    const slow = (text: string) => text === 'm3' || text === 'm20'
    const first = startConsumer(world, {
      handle: (source, signals) =>
        slow(textOf(source)) ? calls.handle(source, signals) : Promise.resolve(answer(source, [world.out])),
    })
    await until('38 are published', () => reader.seen.length === 38)
    await until('the offset waits for the slow one', async () => (await committedOffset()) === 3n)
    const report = await first.consumer.stop(0)
    expect(report).toEqual({ handedBack: 2, untouched: 0, unpublished: 0 })

    const second = startConsumer(world, { handle: (source) => Promise.resolve(answer(source, [world.out])) })
    await until('all is committed', async () => (await committedOffset()) === 40n)
    expect(second.handled.toSorted()).toEqual(['m20', 'm3'])
    await until('all is published', () => reader.seen.length >= 40)
    expect(reader.valuesOf(world.out).toSorted()).toEqual(sent.toSorted())
  })

  it('moves the offset past messages that publish nothing', async () => {
    await world.send(numbered(30))
    const { committed } = startConsumer(world, { handle: (source) => Promise.resolve(answer(source, [])) })
    await until('the offset is at the end', async () => (await committedOffset()) === 30n)
    await until('all are told of', () => committed.length >= 30)
    expect(committed.length).toBe(30)
  })

  it('calls the handler again after a fault of its own, and loses nothing', async () => {
    await world.send(numbered(3))
    let faults = 0
    const reader = await world.read()
    startConsumer(world, {
      handle(source) {
        if (textOf(source) === 'm1' && faults++ === 0) return Promise.reject(new Error('a bug'))
        return Promise.resolve(answer(source, [world.out]))
      },
    })
    await until('all is published', () => reader.seen.length === 3)
    expect(world.log.lines.filter(({ level }) => level === 'error').length).toBe(1)
  })

  it('is not stalled by transaction markers and aborted messages in its topic', async () => {
    const upstream = world.kafka.producer({ transactionalId: `up.${world.id}`, maxInFlightRequests: 1 })
    await upstream.connect()
    for (const end of ['commit', 'abort', 'commit', 'abort'] as const) {
      const transaction = await upstream.transaction()
      const messages = [{ key: 'new_request', value: `${end}ed` }]
      await transaction.send({ topic: world.requests, messages })
      await transaction[end]()
    }
    await upstream.disconnect()
    const { handled } = startConsumer(world)
    await until('the committed ones are handled', () => handled.length === 2)
    await world.send(['after'])
    await until('what comes after them is committed', async () => (await committedOffset()) === 9n)
    expect(handled).toEqual(['commited', 'commited', 'after'])
  })

  it('keeps taking messages while a window full of them is in flight, up to the window', async () => {
    await world.send(numbered(100))
    const calls = heldCalls()
    const { consumer } = startConsumer(world, { handle: calls.handle }, { windowMessages: 10 })
    await until('the window is full', () => calls.started.length === 10)
    await sleep(300)
    expect(calls.started.length).toBe(10)
    calls.finish('m5', [])
    await until('the next one is started', () => calls.started.includes('m10'))
    expect(consumer.status().window).toMatchObject({ messages: 10, limitMessages: 10 })
  })

  it('stops starting messages when the gaps no longer fit the offset metadata, and goes on when they close', async () => {
    await world.send(numbered(2_400, 'first'))
    const calls = heldCalls()
    const odd = (text: string) => Number(/\d+$/.exec(text)?.[0]) % 2 === 1
    const { handled } = startConsumer(
      world,
      {
        handle: (source, signals) =>
          odd(textOf(source)) ? Promise.resolve(answer(source, [])) : calls.handle(source, signals),
      },
      { windowMessages: 10_000 },
    )
    const full = () => world.log.lines.some(({ message }) => message.startsWith('too many gaps'))
    await until('the metadata is full', full)
    expect((await world.committed())[0]!.metadata.length).toBeLessThanOrEqual(4_096)
    await world.send(numbered(100, 'later'))
    await sleep(500)
    expect(handled.length).toBe(2_400)

    for (const text of calls.started) calls.finish(text, [])
    await until('the later ones are started', () => calls.started.includes('later98'))
    for (const text of calls.started.filter((each) => each.startsWith('later'))) calls.finish(text, [])
    await until('the offset is at the end', async () => (await committedOffset()) === 2_500n)
    expect(new Set(handled).size).toBe(2_500)
  })

  it('goes on when the clock of its machine is set back by an hour', async () => {
    const { consumer, handled } = startConsumer(world)
    await until('it is ready', () => consumer.status().partitions[0]?.state === 'ready')
    const now = Date.now.bind(Date)
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() - 3_600_000)
    onTestFinished(() => clock.mockRestore())
    await sleep(5_000)
    expect(consumer.status().membership.unansweredMs).toBeLessThan(4_000)
    await world.send(['later'])
    await until('it is committed', async () => (await committedOffset()) === 1n)
    expect(handled).toEqual(['later'])
  })
})
