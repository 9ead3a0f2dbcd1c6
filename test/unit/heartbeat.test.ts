import { expect, test } from 'vitest'
import type { FleetSettings } from '../../src/ops/fleet.ts'
import { readBeat } from '../../src/ops/fleet.ts'
import { beatOf } from '../../src/ops/heartbeat.ts'
import type { ConsumerStatus } from '../../src/kafka/consumer.ts'
import { BUSY_PARTITION } from '../support/partition-status.ts'

const status: ConsumerStatus = {
  partitions: [BUSY_PARTITION, { ...BUSY_PARTITION, partition: 5, running: 1 }],
  window: { messages: 7, bytes: 300, limitMessages: 256, limitBytes: 1_000 },
  membership: { assigned: true, unansweredMs: 1, lastEnd: null },
  stopping: false,
}
const settings: FleetSettings = {
  model: 'gpt',
  prompt: 'prompt-1-abc',
  address: 'https://model.example/v1',
  group: 'g',
  topic: 'in',
  budget: 'gpt',
  requestsPerMinute: 3,
  requestsPerDay: null,
  tokensPerMinute: 40_000,
  tokensPerDay: null,
  verdictMinScore: 50,
}
const scopes = { outage: 'outage:a', route: 'route:a', key: 'key:a:b', config: 'config:c' }
const who = { host: 'h', pid: '1', version: '1.2.3', model: 'gpt', prompt: 'prompt-1-abc', settings }
const beat = (consumer: ConsumerStatus, skipped = {}) => beatOf(who, { consumer, scopes, skipped })

test('a worker shows who it is, what it was assigned, and what it has in hand', () => {
  const { settings: _, ...identity } = who
  const expected = { ...identity, partitions: '4,5', inFlight: '3', window: '7', held: '' }
  expect(beat(status)).toMatchObject(expected)
})

test('what a worker writes is read as it was meant, and so is what one of an older version wrote', () => {
  const read = readBeat('w', beat(status, { none: 3 }))
  expect(read).toEqual({
    worker: 'w',
    host: 'h',
    pid: '1',
    version: '1.2.3',
    partitions: [4, 5],
    inFlight: 3,
    window: 7,
    held: '',
    scopes,
    settings,
    skipped: { none: 3 },
  })
  const old = { host: 'h', pid: '1', partitions: '', settings: '{"model":5}', scopes: 'no JSON' }
  expect(readBeat('w', old)).toMatchObject({ partitions: [], settings: null, scopes: null, skipped: {} })
  expect(readBeat('w', {})).toBeNull()
})

test('a worker names what keeps its partitions from publishing', () => {
  const refused = { ...BUSY_PARTITION, backoffs: [{ topic: 'notifications', reason: 'TOPIC_AUTHORIZATION_FAILED' }] }
  const suspect = { ...BUSY_PARTITION, partition: 5, state: 'suspect' as const, trouble: 'no broker answers' }
  expect(beat({ ...status, partitions: [refused, suspect] })['held']).toBe(
    '4: notifications (TOPIC_AUTHORIZATION_FAILED); 5: suspect (no broker answers)',
  )
})
