/** A consumer asks before each transaction whether its answers may still be published, and obeys. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { encodeDone } from '../../src/kafka/offset-metadata.ts'
import { openPublisher } from '../../src/kafka/publisher.ts'
import { transactionalIdOf } from '../../src/kafka/transactional-id.ts'
import { fence, heldCalls, numbered, startConsumer, textOf } from '../support/kafka-consumer.ts'
import { until } from '../support/kafka-testing.ts'
import { committedOffset, world, worldOfEachTest } from './world-of-each-test.ts'

worldOfEachTest()

describe('a consumer', () => {
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

  it('asks again before a commit that comes long after its confirmation, and publishes nothing that was taken away', async () => {
    await world.send(['m1', 'm2'])
    const reader = await world.read()
    let asked = 0
    startConsumer(world, {
      // As if the worker froze between the confirmation and the transaction: the first confirmation is true but old.
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
      // Confirms m1 once and then no more: Redis has lost who owned it.
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
      const next = await openPublisher(world.clients, id, source, AbortSignal.timeout(30_000))
      const message = { topic: world.out, key: 'k', value: 'of the successor', headers: {} }
      await next.publish([message], 1n, encodeDone(1n, []))
      next.close()
    }
    const told: string[] = []
    let asked = 0
    startConsumer(world, {
      // As if the worker froze in its open transaction.
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
    // Nothing in this process runs, as after SIGSTOP; the answer is there when it continues.
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
})
