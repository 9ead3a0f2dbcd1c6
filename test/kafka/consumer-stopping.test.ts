/** A consumer that is stopped while messages are in flight. */
import { describe, expect, it } from 'vitest'
import { heldCalls, startConsumer, textOf } from '../support/kafka-consumer.ts'
import { until } from '../support/kafka-testing.ts'
import { world, worldOfEachTest } from './world-of-each-test.ts'

worldOfEachTest()

describe('a consumer that is stopped', () => {
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
    await until('the wait has ended', () => waitEnded)
    calls.finish('calls', [world.out])
    expect(await stopped).toEqual({ handedBack: 2, untouched: 0, unpublished: 0 })
    await until('the finished call is published', () => reader.valuesOf(world.out).includes('calls'))
    // `waits` and `never` stay uncommitted; the message between them is done.
    expect((await world.committed())[0]).toEqual({ offset: 0n, metadata: '1;0;1,1' })
  })

  it('gives every caller the same end', async () => {
    const { consumer } = startConsumer(world)
    expect(consumer.stop(100)).toBe(consumer.stop(5_000))
    await consumer.stop(100)
  })
})
