import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { encodeDone } from '../../src/kafka/offset-metadata.ts'
import { openPublisher } from '../../src/kafka/publisher.ts'
import { transactionalIdOf } from '../../src/kafka/transactional-id.ts'
import { answer, fence, heldCalls, numbered, startConsumer, textOf } from '../support/kafka-consumer.ts'
import type { KafkaWorld } from '../support/kafka-testing.ts'
import { kafkaWorld, until } from '../support/kafka-testing.ts'

let world: KafkaWorld

beforeEach(async () => {
  world = await kafkaWorld(inject('kafkaBrokers'))
})
afterEach(() => world.close())

const committedOffset = async () => (await world.committed())[0]?.offset ?? -1n

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
    expect(committed.length).toBe(30)
  })

  it('publishes nothing for what its confirmation took away, and commits it', async () => {
    await world.send(numbered(10))
    const reader = await world.read()
    startConsumer(world, {
      confirm: (batch) =>
        Promise.resolve(batch.map((each) => (textOf(each.source) === 'm4' ? { ...each, messages: [] } : each))),
    })
    await until('the offset is at the end', async () => (await committedOffset()) === 10n)
    await until('the others are published', () => reader.valuesOf(world.out).length === 9)
    expect(reader.valuesOf(world.out)).not.toContain('m4')
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

  it('asks again before a commit that comes long after its confirmation, and publishes nothing that was taken away', async () => {
    await world.send(['m1', 'm2'])
    const reader = await world.read()
    let asked = 0
    startConsumer(world, {
      // As after a freeze between the confirmation and the transaction: the first one is true, and old.
      async confirm(batch) {
        asked++
        if (asked === 1) await sleep(3_500)
        return asked === 1
          ? batch
          : batch.map((each) => (textOf(each.source) === 'm1' ? { ...each, messages: [] } : each))
      },
    })
    await until('the offset is at the end', async () => (await committedOffset()) === 2n)
    await until('the other is published', () => reader.valuesOf(world.out).includes('m2'))
    expect(reader.valuesOf(world.out)).toEqual(['m2'])
  })

  it('keeps no transaction open for a confirmation that does not come', async () => {
    await world.send(['m1'])
    const reader = await world.read()
    let asked = 0
    let gaveUp = false
    startConsumer(world, {
      async confirm(batch, signal) {
        asked++
        if (asked === 1) await sleep(3_500)
        if (asked !== 2) return batch
        const { promise, reject } = Promise.withResolvers<never>()
        const giveUp = () => {
          gaveUp = true
          reject(signal.reason as Error)
        }
        signal.addEventListener('abort', giveUp, { once: true })
        return promise
      },
    })
    await until('it is published all the same', () => reader.valuesOf(world.out).length > 0)
    expect([gaveUp, asked]).toEqual([true, 3])
    expect(reader.valuesOf(world.out)).toEqual(['m1'])
  })

  it('remembers what its confirmation took away when the transaction fails', async () => {
    await world.send(['m1', 'm2'])
    const reader = await world.read()
    const taken = new Set<string>()
    startConsumer(world, {
      // Said once of m1, and then not any more: Redis has lost who had it.
      async confirm(batch) {
        const [first] = batch
        if (first === undefined || taken.has(textOf(first.source))) return batch
        for (const each of batch) taken.add(textOf(each.source))
        await fence(world)
        return batch.map((each) => (textOf(each.source) === 'm1' ? { ...each, messages: [] } : each))
      },
    })
    await until('the offset is at the end', async () => (await committedOffset()) === 2n)
    await until('the other is published', () => reader.valuesOf(world.out).includes('m2'))
    expect(reader.valuesOf(world.out)).toEqual(['m2'])
  })

  it('says that it has only learned of a commit, where another worker published otherwise', async () => {
    await world.send(['m1'])
    const reader = await world.read()
    const source = { group: world.group, topic: world.requests, partition: 0 }
    const successor = async () => {
      const id = transactionalIdOf(source.group, source.topic, 0)
      const next = await openPublisher(world.clients, id, source, AbortSignal.timeout(10_000))
      const message = { topic: world.out, key: 'k', value: 'of the successor', headers: {} }
      await next.publish([message], 1n, encodeDone(1n, []))
      next.close()
    }
    const told: string[] = []
    let asked = 0
    startConsumer(world, {
      // As when it is frozen in its open transaction.
      async confirm(batch) {
        asked++
        if (asked === 1) await sleep(3_500)
        if (asked === 2) await successor()
        return batch
      },
      committed: (batch, how) =>
        Promise.resolve(void told.push(...batch.map((each) => `${textOf(each.source)} ${how}`))),
    })
    await until('it is told', () => told.length > 0)
    await until('the outcome is read', () => reader.valuesOf(world.out).length > 0)
    expect(told).toEqual(['m1 learned'])
    expect(reader.valuesOf(world.out)).toEqual(['of the successor'])
  })

  it('confirms nothing after a freeze past its session, until it is a member again', async () => {
    await world.send(['m1'])
    const reader = await world.read()
    const calls = heldCalls()
    const joinsBefore: number[] = []
    const sessionMs = 6_000
    let joins = 0
    startConsumer(
      world,
      {
        handle: calls.handle,
        confirm(batch) {
          joinsBefore.push(joins)
          return Promise.resolve(batch)
        },
      },
      { timeouts: { sessionMs }, hooks: { rebalanced: () => void joins++ } },
    )
    await until('it is in flight', () => calls.started.length === 1)
    calls.finish('m1', [world.out])
    // Nothing of this process runs, as with SIGSTOP; the answer is there when it goes on.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, sessionMs + 1_500)
    await until('it is published', () => reader.valuesOf(world.out).length > 0)
    expect(new Set(joinsBefore)).toEqual(new Set([2]))
    expect(reader.valuesOf(world.out)).toEqual(['m1'])
  })

  it('asks again for a confirmation that failed', async () => {
    await world.send(numbered(3))
    let asked = 0
    const { handled } = startConsumer(world, {
      confirm: (batch) => (asked++ === 0 ? Promise.reject(new Error('Redis is away')) : Promise.resolve(batch)),
    })
    await until('the offset is at the end', async () => (await committedOffset()) === 3n)
    expect(handled.length).toBe(3)
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
})

describe('stopping', () => {
  it('ends waits at once, lets calls finish and publishes them, and hands back the rest', async () => {
    await world.send(['waits', 'calls', 'never'])
    const reader = await world.read()
    const calls = heldCalls()
    let waitEnded = false
    const { consumer } = startConsumer(world, {
      handle(source, signals) {
        if (textOf(source) !== 'waits') return calls.handle(source, signals)
        const onAbort = (reject: (reason: Error) => void) => {
          waitEnded = true
          reject(signals.wait.reason as Error)
        }
        return new Promise((_, reject) => {
          signals.wait.addEventListener('abort', () => onAbort(reject), { once: true })
        })
      },
    })
    await until('all are in flight', () => calls.started.length === 2)
    const stopped = consumer.stop(10_000)
    await until('the wait has ended', () => waitEnded, 5_000)
    calls.finish('calls', [world.out])
    expect(await stopped).toEqual({ handedBack: 2, untouched: 0, unpublished: 0 })
    await until('the finished call is published', () => reader.valuesOf(world.out).includes('calls'))
    // waits and never are open; what lies between them is done.
    expect((await world.committed())[0]).toEqual({ offset: 0n, metadata: '1;0;1,1' })
  })

  it('gives every caller the same end', async () => {
    const { consumer } = startConsumer(world)
    expect(consumer.stop(100)).toBe(consumer.stop(5_000))
    await consumer.stop(100)
  })
})
