import { EventEmitter } from 'node:events'
import type { Consumer, EachBatchPayload } from 'kafkajs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { KafkaClients } from '../../src/kafka/clients.ts'
import type { LogFields } from '../../src/logging/log.ts'
import { Membership } from '../../src/kafka/membership.ts'
import { TIMINGS } from '../../src/timings.ts'
import { PATIENTLY } from '../support/wait.ts'

const ignore = () => {}
const told: string[] = []
const keep =
  (level: string) =>
  (message: string, fields: LogFields = {}) =>
    void told.push(`${level} ${message} ${String(fields['reason'])}`)
const log = { error: keep('error'), warn: keep('warn'), info: keep('info'), debug: ignore }
const { sessionMs } = TIMINGS.group

/** A membership over consumers that a test speaks for; `done` is what was done and told, in order. */
function membershipOf(connect: () => Promise<void> = () => Promise.resolve()) {
  const done: string[] = []
  const consumers: EventEmitter[] = []
  let batch: (payload: EachBatchPayload) => Promise<void> = () => Promise.resolve()
  let takes = true
  const consumer = () => {
    const emitter = new EventEmitter()
    consumers.push(emitter)
    return Object.assign(emitter, {
      connect,
      subscribe: () => Promise.resolve(),
      run: ({ eachBatch }: { eachBatch: typeof batch }) => Promise.resolve(void (batch = eachBatch)),
      disconnect: () => Promise.resolve(void done.push('disconnect')),
      pause: ([{ partitions }]: [{ partitions: number[] }]) => void done.push(`pause ${partitions.join()}`),
      resume: ignore,
      seek: ignore,
    }) as unknown as Consumer
  }
  const membership = new Membership({
    clients: { consumer } as unknown as KafkaClients,
    group: 'g',
    topic: 'in',
    timeouts: TIMINGS.group,
    log,
    events: {
      onAssigned: (partitions, changed) =>
        void done.push(`assigned ${partitions.join()}${changed ? ' as another member' : ''}`),
      onHeartbeat: () => void done.push('heartbeat'),
      onFetched: (partition, { from, to }) => {
        done.push(`fetched ${partition} ${from}-${to}`)
        return takes
      },
      onPassed: (partition, to) => void done.push(`passed ${partition} ${to}`),
      onRestart: (reason) => void done.push(`restart ${reason}`),
    },
  })
  const emit = (event: string, payload: object = {}) => consumers.at(-1)!.emit(event, { payload })
  const join = (memberId: string, partitions: number[]) =>
    emit('consumer.group_join', { memberId, memberAssignment: { in: partitions } })
  const fetch = (payload: Partial<EachBatchPayload>) => batch(payload as EachBatchPayload)
  return { membership, done, consumers, emit, join, fetch, refuse: () => (takes = false) }
}

const message = (offset: string) => ({ offset, key: null, value: null, headers: {}, timestamp: '1' })
const batchFrom = (fetchedOffset: string, offsets: string[]) =>
  ({
    topic: 'in',
    partition: 0,
    fetchedOffset,
    messages: offsets.map(message),
    lastOffset: () => offsets.at(-1),
  }) as unknown as EachBatchPayload['batch']

describe('membership of the consumer group', () => {
  beforeEach(() => {
    told.splice(0)
    vi.useFakeTimers()
  })
  afterEach(() => void vi.useRealTimers())

  it('pauses the partitions of a join before it tells of them, so that nothing is fetched first', async () => {
    const { membership, done, join } = membershipOf()
    void membership.run(new AbortController().signal, () => 0)
    join('a', [0, 1])
    join('a', [0])
    join('b', [0])
    expect(done).toEqual([
      'pause 0,1',
      'assigned 0,1',
      'pause 0',
      'assigned 0',
      'pause 0',
      'assigned 0 as another member',
    ])
  })

  it('is a member for as long as a heartbeat was answered within the session', () => {
    const { membership, emit, join } = membershipOf()
    void membership.run(new AbortController().signal, () => 0)
    expect(membership.isMember()).toBe(false)
    join('a', [0])
    vi.advanceTimersByTime(sessionMs - 1)
    expect(membership.isMember()).toBe(true)
    emit('consumer.heartbeat')
    vi.advanceTimersByTime(sessionMs)
    expect(membership.isMember()).toBe(false)
  })

  it('counts a heartbeat from when it was sent: its answer may have waited for a frozen process', () => {
    const { membership, emit, join } = membershipOf()
    void membership.run(new AbortController().signal, () => 0)
    join('a', [0])
    vi.advanceTimersByTime(2 * sessionMs)
    emit('consumer.network.request', { apiName: 'Heartbeat', duration: sessionMs })
    emit('consumer.heartbeat')
    expect(membership.isMember()).toBe(false)
  })

  it('makes another consumer after a crash, and hears the old one no more', async () => {
    const { membership, done, consumers, join, emit } = membershipOf()
    void membership.run(new AbortController().signal, () => 0)
    join('a', [0])
    emit('consumer.crash', { error: new Error('broken') })
    await vi.waitFor(() => expect(consumers).toHaveLength(2), PATIENTLY)
    expect(done).toContainEqual(expect.stringMatching(/^restart .*broken/))
    const before = done.length
    consumers[0]!.emit('consumer.heartbeat', { payload: {} })
    expect(done).toHaveLength(before)
  })

  it('tries again when Kafka cannot be reached at the start', async () => {
    const { membership, done, consumers } = membershipOf(() => Promise.reject(new Error('no broker')))
    void membership.run(new AbortController().signal, () => 0)
    await vi.waitFor(() => expect(done).toContainEqual(expect.stringMatching(/^restart .*no broker/)), PATIENTLY)
    await vi.waitFor(() => expect(consumers.length).toBeGreaterThan(1), PATIENTLY)
  })

  const LOADING = Object.assign(new Error('loading'), { type: 'GROUP_LOAD_IN_PROGRESS' })

  it('says once that a new Kafka gets ready for the first join, and warns only when that lasts', async () => {
    const { membership, consumers } = membershipOf(() => Promise.reject(LOADING))
    void membership.run(new AbortController().signal, () => 0)
    await vi.waitFor(() => expect(consumers.length).toBeGreaterThan(2), PATIENTLY)
    // Memberships of tests before may still speak.
    const ofThis = told.filter((line) => line.endsWith('GROUP_LOAD_IN_PROGRESS'))
    expect(ofThis).toEqual(['info Kafka is not ready for the group yet: joining again GROUP_LOAD_IN_PROGRESS'])
    vi.advanceTimersByTime(15_000)
    await vi.waitFor(
      () => expect(told).toContain('warn the consumer ended: making another GROUP_LOAD_IN_PROGRESS'),
      PATIENTLY,
    )
  })

  it('warns when a consumer ends that had joined', async () => {
    const { membership, join, emit } = membershipOf()
    void membership.run(new AbortController().signal, () => 0)
    join('a', [0])
    emit('consumer.crash', { error: LOADING })
    await vi.advanceTimersByTimeAsync(0)
    expect(told).toEqual(['warn the consumer ended: making another GROUP_LOAD_IN_PROGRESS'])
  })

  it('leaves the group when it is stopped, and is done then', async () => {
    const { membership, done, join } = membershipOf()
    const stop = new AbortController()
    const run = membership.run(stop.signal, () => 1_000)
    join('a', [0])
    stop.abort(new Error('stop'))
    await run
    expect(done.at(-1)).toBe('disconnect')
    expect(membership.isMember()).toBe(false)
  })

  it('moves on only past what was taken', async () => {
    const { membership, fetch, refuse } = membershipOf()
    void membership.run(new AbortController().signal, () => 0)
    await vi.advanceTimersByTimeAsync(0)
    const resolved: string[] = []
    const resolveOffset = (offset: string) => void resolved.push(offset)
    await fetch({ batch: batchFrom('3', ['4', '5']), isStale: () => false, resolveOffset })
    expect(resolved).toEqual(['5'])
    await fetch({ batch: batchFrom('6', ['6']), isStale: () => true, resolveOffset })
    refuse()
    await fetch({ batch: batchFrom('6', ['6']), isStale: () => false, resolveOffset })
    expect(resolved).toEqual(['5'])
  })

  it('passes stretches without messages', () => {
    const { membership, done, emit } = membershipOf()
    void membership.run(new AbortController().signal, () => 0)
    emit('consumer.start_batch_process', { partition: 1, batchSize: 0, lastOffset: '7' })
    expect(done).toEqual(['passed 1 8'])
  })
})
