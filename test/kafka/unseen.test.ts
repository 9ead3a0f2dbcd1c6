import { expect, it } from 'vitest'
import { unseenOf } from '../../src/kafka/unseen.ts'
import { world, worldOfEachTest } from './world-of-each-test.ts'

worldOfEachTest()

it('of a commit that seems lost, what readers see is told from what they do not', async () => {
  const message = (value: string, headers = {}) => ({ topic: world.out, key: 'k', value, headers })
  const [committed, other, aborted] = [message('a', { h: '1' }), message('a', { h: '2' }), message('b')]
  const producer = world.clients.producer(`${world.id}.unseen`)
  await producer.connect()
  for (const [sent, end] of [
    [committed, 'commit'],
    [aborted, 'abort'],
  ] as const) {
    const transaction = await producer.transaction()
    await transaction.send({ topic: sent.topic, messages: [sent] })
    await transaction[end]()
  }
  await producer.disconnect()
  const look = { clients: world.clients, group: world.group, atMs: Date.now(), log: world.log }
  const unseen = await unseenOf([committed, other, aborted], { ...look, signal: new AbortController().signal })
  expect(unseen).toEqual([other, aborted])
})
