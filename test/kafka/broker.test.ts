import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { answer, numbered, startConsumer } from '../support/kafka-consumer.ts'
import { until } from '../support/kafka-testing.ts'
import type { LocalKafka } from '../support/services.ts'
import { startLocalKafka } from '../support/services.ts'
import { world, worldOfEachTest } from './world-of-each-test.ts'

let kafka: LocalKafka

beforeAll(async () => {
  kafka = await startLocalKafka()
}, 180_000)
afterAll(() => kafka.stop())
worldOfEachTest({ brokers: () => kafka.brokers })

const warnings = (text: string) => world.log.lines.filter(({ message }) => message.includes(text)).length

describe('a broker', () => {
  it('that is killed and comes back costs no answer and no second call', async () => {
    const sent = numbered(600)
    await world.send(sent)
    const reader = await world.read()
    const { handled } = startConsumer(
      world,
      { handle: (source) => sleep(100).then(() => answer(source, [world.out, world.records])) },
      { windowMessages: 32 },
    )
    await until('it publishes', () => reader.seen.length > 100)
    await kafka.kill('SIGKILL')
    await sleep(3_000)
    await kafka.restart()
    await until('all is published', () => reader.seen.length >= 1_200)
    for (const topic of [world.out, world.records]) expect(reader.valuesOf(topic).toSorted()).toEqual(sent.toSorted())
    expect(handled.length).toBe(600)
    expect(warnings('publishing is interrupted')).toBeLessThanOrEqual(10)
  }, 180_000)

  it('that is frozen past the session, and thaws, neither', async () => {
    const sent = numbered(300)
    await world.send(sent)
    const reader = await world.read()
    const { handled } = startConsumer(
      world,
      { handle: (source) => sleep(100).then(() => answer(source, [world.out, world.records])) },
      { windowMessages: 16, timeouts: { sessionMs: 6_000 } },
    )
    await until('it publishes', () => reader.seen.length > 50)
    process.kill(kafka.pid, 'SIGSTOP')
    await sleep(8_000)
    process.kill(kafka.pid, 'SIGCONT')
    await until('all is published', () => reader.seen.length >= 600)
    for (const topic of [world.out, world.records]) expect(reader.valuesOf(topic).toSorted()).toEqual(sent.toSorted())
    expect(handled.length).toBe(300)
  }, 180_000)

  it('whose topic is deleted and made anew is read from the new beginning', async () => {
    await world.send(numbered(50, 'old'))
    const { handled } = startConsumer(world)
    await until('the old ones are done', async () => (await world.committed())[0]?.offset === 50n)
    await world.admin.deleteTopics({ topics: [world.requests] })
    await sleep(1_000)
    await world.createTopic(world.requests)
    await until('it can be written to', () =>
      world.send(['new']).then(
        () => true,
        () => false,
      ),
    )
    await until('the new one is handled', () => handled.includes('new'))
    await until('it is committed', async () => (await world.committed())[0]?.offset === 1n)
    expect(handled.length).toBe(51)
  }, 180_000)
})
