import { describe, expect, it } from 'vitest'
import type { Completion, SourceMessage } from '../../src/kafka/messages.ts'
import { answer, numbered, startConsumer, textOf } from '../support/kafka-consumer.ts'
import { until } from '../support/kafka-testing.ts'
import { committedOffset, world, worldOfEachTest } from './world-of-each-test.ts'

worldOfEachTest()

const small = (source: SourceMessage, topic: string): Completion => answer(source, [topic], `small ${textOf(source)}`)

describe('a transaction that Kafka finds too large', () => {
  it('goes in smaller ones, and the single message that is too large is replaced', async () => {
    const narrow = `narrow.${world.id}`
    await world.createTopic(narrow, { 'max.message.bytes': '20000' })
    const sent = numbered(60)
    await world.send(sent)
    const reader = await world.read([narrow])
    const { handled } = startConsumer(world, {
      handle(source) {
        const size = textOf(source) === 'm17' ? 50_000 : 3_000
        const completion = answer(source, [narrow], `${textOf(source)} ${'x'.repeat(size)}`)
        return Promise.resolve({ ...completion, ifTooLarge: () => Promise.resolve(small(source, narrow)) })
      },
    })
    await until('all is committed', async () => (await committedOffset()) === 60n)
    await until('all is published', () => reader.seen.length >= 60)
    const texts = reader.valuesOf(narrow).map((value) => value.replace(/ x+$/, ''))
    expect(texts.toSorted()).toEqual(sent.map((each) => (each === 'm17' ? 'small m17' : each)).toSorted())
    expect(handled.length).toBe(60)
  })

  it('is capped in bytes beforehand', async () => {
    await world.send(numbered(100))
    const reader = await world.read([world.out])
    let failed = 0
    startConsumer(
      world,
      { handle: (source) => Promise.resolve(answer(source, [world.out], 'x'.repeat(50_000))) },
      { hooks: { failed: () => failed++ } },
    )
    await until('all is published', () => reader.seen.length >= 100)
    expect(failed).toBe(0)
    expect(world.log.lines.filter(({ message }) => message.includes('too large'))).toEqual([])
  })
})

describe('a topic that is gone', () => {
  it('holds what goes to it and nothing else, is named once, and gets the kept answers when it is back', async () => {
    const gone = `gone.${world.id}`
    const sent = numbered(20)
    await world.send(sent)
    const forGone = (text: string) => Number(text.slice(1)) % 5 === 0
    const reader = await world.read([world.out])
    const transactions = { committed: 0, failed: 0 }
    const { handled, consumer } = startConsumer(
      world,
      {
        handle: (source) => Promise.resolve(answer(source, forGone(textOf(source)) ? [gone, world.out] : [world.out])),
      },
      { hooks: { committed: () => transactions.committed++, failed: () => transactions.failed++ } },
    )
    await until('the others are published', () => reader.seen.length === 16)
    const named = () => world.log.lines.filter(({ level, fields }) => level === 'error' && fields['topic'] === gone)
    await until('it is named', () => named().length > 0)
    expect(consumer.status().partitions[0]?.backoffs.map(({ topic }) => topic)).toEqual([gone])
    expect(await committedOffset()).toBe(0n)
    await until('it has been tried again', () => transactions.failed > 2)
    await until('the others are counted', () => transactions.committed > 0)

    await world.createTopic(gone)
    await until('all is committed', async () => (await committedOffset()) === 20n)
    const late = await world.read([gone])
    await until('the kept answers are published', () => late.seen.length === 4 && reader.seen.length === 20)
    expect(handled.length).toBe(20)
    expect(named().length).toBe(1)
  })
})
