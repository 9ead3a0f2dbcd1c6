import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import type { Completion, Handler, HandlerSignals } from '../../src/kafka/messages.ts'
import { DEFAULT_BATCH_LIMITS } from '../../src/kafka/outbox.ts'
import { Partition } from '../../src/kafka/partition.ts'
import { createWindow } from '../../src/kafka/window.ts'
import { PATIENTLY } from '../support/wait.ts'
import { MemoryKafka } from '../simulation/kafka.ts'
import type { Park } from '../simulation/scheduler.ts'

const ignore = () => {}
const log = { error: ignore, warn: ignore, info: ignore, debug: ignore }
const lane = { name: 'w', state: 'running' } as const
const STOP = new Error('stop')

/**
 * A partition with `count` messages over a Kafka in memory. `done` is what was asked of Kafka and of the handler, in order;
 * `breaks` is asked before each request to Kafka and may throw, `answers` has the handlers' answers by their offsets.
 */
function partitionOf({ isMember = (): boolean => true, count = 3 } = {}) {
  const done: string[] = []
  const kafka = new MemoryKafka('in', 1)
  for (let n = 0; n < count; n++) kafka.append(0, String.fromCharCode(97 + n))
  const told = { breaks: (_label: string): void => {}, confirm: (batch: Completion[]) => Promise.resolve(batch) }
  const park: Park = async (_lane, { label }, execute) => {
    done.push(label.split(' ')[0] ?? '')
    told.breaks(label)
    return await execute()
  }
  const answers = new Map<bigint, (messages: number) => void>()
  const handler: Handler = {
    handle(source, { wait, call }: HandlerSignals) {
      const { promise, resolve, reject } = Promise.withResolvers<Completion>()
      const message = { topic: 'out', key: null, value: String(source.offset), headers: {} }
      answers.set(source.offset, (copies) =>
        resolve({ source, messages: Array.from({ length: copies }, () => message), ifTooLarge: null }),
      )
      wait.addEventListener('abort', () => reject(wait.reason as Error))
      call.addEventListener('abort', () => reject(call.reason as Error))
      return promise
    },
    confirm(batch) {
      done.push('confirm')
      return told.confirm(batch)
    },
    abandoned: ({ source }) => void done.push(`abandoned ${source.offset}`),
    committed: () => Promise.resolve(),
  }
  const flow = {
    pause: () => void done.push('pause'),
    resume: () => void done.push('resume'),
    seek: (offset: bigint) => void done.push(`seek ${offset}`),
  }
  const partition = new Partition({
    source: { group: 'g', topic: 'in', partition: 0 },
    clients: kafka.clientsOf({ lane, returnedAtStep: -1 }, park),
    handler,
    window: createWindow({ messages: count + 7, bytes: 10_000 }),
    flow,
    startOffsets: { first: () => Promise.resolve(0n), recent: () => Promise.resolve(0n) },
    call: new AbortController().signal,
    batch: DEFAULT_BATCH_LIMITS,
    prefetch: 8,
    log,
    isMember,
    onCommitted: (completions, ms) =>
      void done.push(`${ms === null ? 'learned' : 'known'} ${completions.map(({ source }) => source.offset).join()}`),
    onFailed: () => void done.push('failed'),
  })
  const ready = () => vi.waitFor(() => expect(partition.status().state).toBe('ready'), PATIENTLY)
  const fetch = (from = 0) => {
    const messages = kafka.log[0]!.slice(from)
    return partition.fetched({ from: BigInt(from), to: BigInt(count), messages, unreadable: null })
  }
  const saw = (step: string) => vi.waitFor(() => expect(done).toContain(step), PATIENTLY)
  const answer = (offset: bigint) => answers.get(offset)?.(1)
  const published = () => kafka.published.map(({ value }) => value)
  return { partition, kafka, done, told, ready, fetch, saw, answer, published, answers }
}

describe('a partition', () => {
  it('takes nothing before it has fenced and knows where to begin', async () => {
    const { fetch, ready, done } = partitionOf()
    expect(fetch()).toBe(false)
    await ready()
    expect(done.filter((each) => each === 'fence' || each === 'seek 0')).toEqual(['fence', 'seek 0'])
    expect(fetch()).toBe(true)
  })

  it('confirms, publishes and commits in this order, and tells last', async () => {
    const { ready, fetch, done, answer, saw } = partitionOf()
    await ready()
    fetch()
    done.length = 0
    answer(0n)
    await saw('known 0')
    expect(done).toEqual(['confirm', 'send', 'offset', 'commit', 'known 0'])
  })

  it('publishes what is answered out of order, and passes no offset that is not done', async () => {
    const { ready, fetch, answer, saw, kafka, published } = partitionOf()
    await ready()
    fetch()
    answer(2n)
    await saw('known 2')
    expect([kafka.isCommitted(0, 2n), kafka.isCommitted(0, 0n)]).toEqual([true, false])
    answer(0n)
    await saw('known 0')
    answer(1n)
    await saw('known 1')
    expect(published()).toEqual(['2', '0', '1'])
    expect(kafka.isDone()).toBe(true)
  })

  it('waits for company after a large transaction, and not after a small one', async () => {
    const { ready, fetch, answer, saw, done } = partitionOf({ count: 14 })
    await ready()
    fetch()
    answer(0n)
    await saw('known 0')
    answer(1n)
    // While the first of them is published, the others gather.
    for (let offset = 2n; offset < 12n; offset++) answer(offset)
    await saw('known 1')
    await saw('known 2,3,4,5,6,7,8,9,10,11')
    answer(12n)
    await sleep(5)
    answer(13n)
    await saw('known 12,13')
    expect(done.filter((step) => step.startsWith('known'))).toHaveLength(4)
  })

  it('publishes nothing while the group may have given it to another', async () => {
    let member = true
    const { ready, fetch, answer, saw, done, partition } = partitionOf({ isMember: () => member })
    await ready()
    fetch()
    member = false
    answer(0n)
    await vi.waitFor(() => expect(partition.status().completed).toBe(1), PATIENTLY)
    partition.poke()
    expect(done).not.toContain('confirm')
    member = true
    partition.poke()
    await saw('known 0')
  })

  it('publishes nothing while its confirmation fails, and asks anew later', async () => {
    const { ready, fetch, answer, saw, told, partition, published } = partitionOf()
    await ready()
    fetch()
    told.confirm = () => Promise.reject(new Error('Redis is away'))
    answer(0n)
    await saw('confirm')
    told.confirm = (batch) => Promise.resolve(batch)
    expect(published()).toEqual([])
    await vi.waitFor(() => {
      partition.poke()
      expect(published()).toEqual(['0'])
    }, PATIENTLY)
  })

  it('takes a fetch from elsewhere for a moved position, and reads it anew', async () => {
    const { ready, fetch, done } = partitionOf()
    await ready()
    done.length = 0
    expect(fetch(1)).toBe(false)
    await ready()
    expect(done).toContain('fence')
  })
})

describe('a transaction that fails', () => {
  it('is repeated only after a proof that it is a member, a fence, and a look at what is committed', async () => {
    const { ready, fetch, answer, saw, told, done, partition, published } = partitionOf()
    await ready()
    fetch()
    told.breaks = (label) => {
      if (label.startsWith('commit')) throw new Error('the connection was lost')
    }
    answer(0n)
    await saw('failed')
    expect(partition.status().state).toBe('suspect')
    told.breaks = ignore
    done.length = 0
    partition.proven()
    await saw('known 0')
    expect(done[0]).toBe('pause')
    expect(done.indexOf('fence')).toBeLessThan(done.indexOf('admin'))
    expect(published()).toEqual(['0'])
  })

  it('is not repeated when it was committed and only its reply was lost', async () => {
    const { ready, fetch, answer, saw, told, kafka, partition, published } = partitionOf()
    await ready()
    fetch()
    const { committed } = kafka
    const set = committed.set.bind(committed)
    committed.set = (...args) => {
      set(...args)
      throw new Error('the reply was lost')
    }
    answer(0n)
    await saw('failed')
    committed.set = set
    told.breaks = ignore
    partition.proven()
    await saw('learned 0')
    expect(published()).toEqual(['0'])
  })
})

describe('the end of a partition', () => {
  it('drains: starts and takes nothing more, and publishes what is still answered', async () => {
    const { ready, fetch, answer, saw, partition, answers } = partitionOf()
    await ready()
    fetch()
    answer(0n)
    partition.drain(STOP)
    await saw('known 0')
    await vi.waitFor(() => expect(partition.status()).toMatchObject({ running: 0, handedBack: 2 }), PATIENTLY)
    expect(fetch()).toBe(false)
    expect(answers.size).toBe(3)
  })

  it('gives up what was answered and not published when it is revoked', async () => {
    const { ready, fetch, answer, saw, told, done, partition, published } = partitionOf()
    await ready()
    fetch()
    const { promise, resolve } = Promise.withResolvers<void>()
    told.confirm = (batch) => promise.then(() => batch)
    answer(0n)
    await saw('confirm')
    partition.drop(STOP)
    resolve()
    await saw('abandoned 0')
    expect(partition.status().state).toBe('gone')
    expect(published()).toEqual([])
    expect(done).not.toContain('send')
  })

  it('hands a paid answer that comes after the revocation to its next owner', async () => {
    const { ready, fetch, saw, kafka, partition, answers } = partitionOf()
    await ready()
    fetch()
    answers.get(1n)?.(1)
    partition.drop(STOP)
    await saw('abandoned 1')
    expect(kafka.isCommitted(0, 1n)).toBe(false)
  })
})
