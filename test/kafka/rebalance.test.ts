import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { answer, fence, heldCalls, numbered, startConsumer, textOf } from '../support/kafka-consumer.ts'
import { until } from '../support/kafka-testing.ts'
import { startKafkaWorker } from '../support/kafka-workers.ts'
import { world, worldOfEachTest } from './world-of-each-test.ts'

worldOfEachTest({ partitions: 2 })

async function sendBoth(count: number, prefix: string): Promise<string[]> {
  const texts = [numbered(count, `${prefix}-a`), numbered(count, `${prefix}-b`)] as const
  await Promise.all(texts.map((each, partition) => world.send(each, partition)))
  return texts.flat()
}

describe('several workers', () => {
  it('share the partitions, and pass them on when one leaves, with nothing lost or doubled', async () => {
    const reader = await world.read()
    const first = startConsumer(world)
    await until('the first has both', () => first.consumer.status().partitions.length === 2)
    const second = startConsumer(world)
    await until('each has one', () =>
      [first, second].every(({ consumer }) => consumer.status().partitions.length === 1),
    )
    const early = await sendBoth(100, 'early')
    await until('early ones are published', () => reader.valuesOf(world.out).length >= 200)
    expect(first.handled.length).toBe(100)
    await first.consumer.stop(5_000)
    const late = await sendBoth(100, 'late')
    await until('late ones are published', () => reader.seen.length >= 800)
    expect(reader.valuesOf(world.out).toSorted()).toEqual([...early, ...late].toSorted())
    expect(reader.valuesOf(world.records).toSorted()).toEqual([...early, ...late].toSorted())
  })

  it('a partition that is taken away ends its waits, and what its calls answer later is not published', async () => {
    const reader = await world.read()
    await sendBoth(1, 'x')
    const calls = heldCalls()
    const first = startConsumer(world, { handle: calls.handle })
    await until('both are in flight', () => calls.started.length === 2)
    const second = startConsumer(world)
    await until('the second published one of them', () => reader.valuesOf(world.out).length === 1)
    const moved = reader.valuesOf(world.out)[0]!
    const kept = calls.started.find((each) => each !== moved)!
    expect(calls.get(moved)!.signals.wait.aborted).toBe(true)
    expect(calls.get(moved)!.signals.call.aborted).toBe(false)
    expect(calls.get(kept)!.signals.wait.aborted).toBe(false)
    for (const text of calls.started) calls.finish(text, [world.out])
    await until('the kept one is published', () => reader.valuesOf(world.out).length >= 2)
    expect(reader.valuesOf(world.out).toSorted()).toEqual([kept, moved].toSorted())
    expect(second.handled).toEqual([moved])
    expect(first.handled.length).toBe(2)
  })

  it('a writer that another one has fenced acquires again, and publishes each answer once', async () => {
    const reader = await world.read()
    const { handled } = startConsumer(world, {
      handle: (source) => sleep(30).then(() => answer(source, [world.out])),
    })
    const sent = await sendBoth(50, 'm')
    for (let round = 0; round < 3; round++) {
      await sleep(150)
      await fence(world)
      await world.send([`round${round}`], 0)
      sent.push(`round${round}`)
    }
    await until('all is published', () => reader.valuesOf(world.out).length >= sent.length)
    expect(reader.valuesOf(world.out).toSorted()).toEqual(sent.toSorted())
    expect(handled.length).toBe(sent.length)
  })

  it('a worker that was frozen past its session publishes nothing twice after it thaws, and works on', async () => {
    const reader = await world.read()
    const frozen = startKafkaWorker(world, { maxHandleMs: 400 })
    const sent = await sendBoth(100, 'm')
    await until('it has started', () => frozen.handled() > 10)
    frozen.signal('SIGSTOP')
    const other = startKafkaWorker(world, { maxHandleMs: 50 })
    await until('the other took over', () => reader.valuesOf(world.out).length >= 200)
    frozen.signal('SIGCONT')
    await until('it is a member again', () => frozen.has('assigned', 2))
    sent.push(...(await sendBoth(50, 'later')))
    await until('later ones are published', () => reader.seen.length >= 2 * sent.length)
    await other.stop()
    sent.push(...(await sendBoth(20, 'last')))
    await until('the thawed one works on alone', () => reader.seen.length >= 2 * sent.length)
    await frozen.stop()
    for (const topic of [world.out, world.records]) expect(reader.valuesOf(topic).toSorted()).toEqual(sent.toSorted())
  })

  it.each(['before', 'after'])(
    'a worker that is told to stop %s its partition moves waits for the calls that it has in flight there',
    async (when) => {
      const calls = heldCalls()
      const first = startConsumer(world, { handle: calls.handle })
      await sendBoth(4, 'm')
      await until('all calls are in flight', () => calls.started.length === 8)
      const move = async () => {
        const other = startConsumer(world, { handle: heldCalls().handle })
        const theirs = () => other.consumer.status().partitions.length
        await until('a partition has moved', () => theirs() > 0 && first.consumer.status().partitions.length < 2)
      }
      if (when === 'after') await move()
      const stopped = first.consumer.stop(60_000)
      if (when === 'before') await move()
      const kept = first.consumer.status().partitions[0]?.partition === 0 ? 'm-a' : 'm-b'
      const [staying, moved] = [true, false].map((isKept) =>
        calls.started.filter((text) => text.startsWith(kept) === isKept),
      ) as [string[], string[]]
      for (const text of staying) calls.finish(text, [])
      await until('what stayed is published', () => (first.consumer.status().partitions[0]?.completed ?? 0) === 0)
      await sleep(300)
      expect(moved.map((text) => calls.get(text)?.signals.call.aborted)).toEqual([false, false, false, false])
      for (const text of moved) calls.finish(text, [])
      expect((await stopped).handedBack).toBe(0)
    },
  )

  it('workers killed in the thick of it lose and double nothing', async () => {
    const reader = await world.read()
    const sent: string[] = []
    for (let round = 0; round < 3; round++) {
      // Send new messages in each round, because a worker may have published all earlier ones before it is killed.
      sent.push(...(await sendBoth(300, `m${round}`)))
      const before = reader.seen.length
      const worker = startKafkaWorker(world, { maxHandleMs: 300 })
      await until('it publishes', () => reader.seen.length > before)
      await sleep(Math.random() * 300)
      await worker.kill()
    }
    const last = startKafkaWorker(world, { maxHandleMs: 20 })
    await until('all is published', () => reader.seen.length >= 2 * sent.length)
    await last.stop()
    for (const topic of [world.out, world.records]) expect(reader.valuesOf(topic).toSorted()).toEqual(sent.toSorted())
  })
})

describe('a window full of held messages in one partition', () => {
  it('leaves room for the others', async () => {
    const calls = heldCalls()
    const [held, free] = [numbered(50, 'held'), numbered(50, 'free')]
    const { handled } = startConsumer(
      world,
      {
        handle: (source, signals) =>
          textOf(source).startsWith('held') ? calls.handle(source, signals) : Promise.resolve(answer(source, [])),
      },
      { windowMessages: 16 },
    )
    await world.send(held, 0)
    await until('the window is full', () => calls.started.length >= 14)
    await world.send(free, 1)
    await until('the other partition is worked off', async () => (await world.committed())[1]?.offset === 50n)
    expect(handled.filter((each) => each.startsWith('held')).length).toBeLessThan(20)
  })
})
