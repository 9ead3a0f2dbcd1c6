import type { Admin, Producer, TopicMessages } from 'kafkajs'
import { describe, expect, it, vi } from 'vitest'
import type { Known } from '../../src/kafka/acquire.ts'
import { acquire } from '../../src/kafka/acquire.ts'
import type { KafkaClients } from '../../src/kafka/clients.ts'
import type { OutgoingMessage } from '../../src/kafka/messages.ts'
import { createStartOffsets } from '../../src/kafka/start-offset.ts'
import { PATIENTLY } from '../support/wait.ts'

const source = { group: 'g', topic: 'in', partition: 0 }
const never = new AbortController().signal
const ignore = () => {}
const log = { error: ignore, warn: ignore, info: ignore, debug: ignore }
const start = { first: () => Promise.resolve(7n), recent: () => Promise.resolve(7n) }

/** A Kafka that has `offset` committed, and writes down what is done to it. */
function fakeKafka(offset: string) {
  const done: string[] = []
  const transaction = () => {
    done.push('begin')
    return Promise.resolve({
      sendBatch({ topicMessages }: { topicMessages: TopicMessages[] }) {
        done.push(`send ${topicMessages.map(({ topic, messages }) => `${topic}:${messages.length}`).join()}`)
        return Promise.resolve(topicMessages.map(({ topic }) => ({ topicName: topic, partition: undefined })))
      },
      sendOffsets({ topics }: { topics: { partitions: { offset: string }[] }[] }) {
        done.push(`offset ${topics[0]?.partitions[0]?.offset}`)
        return Promise.resolve()
      },
      commit: () => Promise.resolve(done.push('commit')),
      abort: () => Promise.resolve(done.push('abort')),
    })
  }
  const producer = { connect: () => Promise.resolve(), disconnect: () => Promise.resolve(), transaction }
  const admin = {
    fetchOffsets() {
      done.push('read')
      return Promise.resolve([{ topic: 'in', partitions: [{ partition: 0, offset, metadata: null }] }])
    },
    fetchTopicMetadata: () =>
      Promise.resolve({ topics: [{ name: 'in', partitions: [{ partitionId: 0, leader: 1 }] }] }),
    fetchTopicOffsets: () => Promise.resolve([{ partition: 0, low: '0', high: '100', offset: '100' }]),
  }
  const clients = {
    producer: () => producer as unknown as Producer,
    withAdmin: <T>(work: (of: Admin) => Promise<T>) => work(admin as unknown as Admin),
    discard: ignore,
  } as unknown as KafkaClients
  return { clients, done }
}

const messages = ['out', 'rec'].map((topic) => ({ topic, key: 'k', value: 'v', headers: {} }))
const known: Known = {
  offsets: { base: 51n, next: 60n, ahead: [] },
  progress: { offset: 51n, done: [] },
  last: { before: { offset: 50n, metadata: '' }, after: { offset: 51n, metadata: '' }, messages, atMs: 0 },
}

describe('taking a partition over', () => {
  it('fences before it reads what is committed', async () => {
    const { clients, done } = fakeKafka('50')
    const { base } = await acquire(clients, source, start, null, log, never)
    expect(done.slice(0, 3)).toEqual(['begin', 'abort', 'read'])
    expect(base).toBe(50n)
  })

  it('commits at once where a new group begins', async () => {
    const { clients, done } = fakeKafka('-1')
    await acquire(clients, source, start, null, log, never)
    expect(done.slice(-3)).toEqual(['begin', 'offset 7', 'commit'])
  })

  it('commits where a new group begins only when that may be committed', async () => {
    const { clients, done } = fakeKafka('-1')
    const { promise: allowed, resolve: allow } = Promise.withResolvers<void>()
    const offsets = createStartOffsets(clients, 'in', { startFrom: { kind: 'earliest' }, processedTtlMs: 1 }, () => {
      done.push('asked')
      return allowed
    })
    const acquired = acquire(clients, source, offsets, null, log, never)
    await vi.waitFor(() => expect(done.at(-1)).toBe('asked'), PATIENTLY)
    allow()
    await acquired
    expect(done.slice(-4)).toEqual(['asked', 'begin', 'offset 0', 'commit'])
  })

  it('publishes again, once, a commit that Kafka acknowledged and lost', async () => {
    const { clients, done } = fakeKafka('50')
    const unseen = (of: readonly OutgoingMessage[]) => Promise.resolve([...of])
    const { base, next, forget } = await acquire(clients, source, start, known, log, never, unseen)
    const repeated = ['begin', 'send out:1,rec:1', 'abort', 'begin', 'send out:1,rec:1', 'offset 51', 'commit']
    expect(done.slice(-7)).toEqual(repeated)
    expect({ base, next, forget }).toEqual({ base: 51n, next: 60n, forget: false })
  })

  it('publishes nothing twice where the offset was set back, or only its own marker was lost', async () => {
    const { clients, done } = fakeKafka('50')
    await acquire(clients, source, start, known, log, never, () => Promise.resolve([]))
    expect(done.slice(-6)).toEqual(['begin', 'send out:1,rec:1', 'abort', 'begin', 'offset 51', 'commit'])
  })

  it('repeats no commit that Kafka still has', async () => {
    const { clients, done } = fakeKafka('51')
    await acquire(clients, source, start, known, log, never)
    expect(done.filter((each) => each !== 'read')).toEqual(['begin', 'abort'])
  })
})
