import { expect, test } from 'vitest'
import { beatOf } from '../../src/ops/heartbeat.ts'
import type { ConsumerStatus } from '../../src/kafka/consumer.ts'
import { BUSY_PARTITION } from '../support/partition-status.ts'

const status: ConsumerStatus = {
  partitions: [BUSY_PARTITION, { ...BUSY_PARTITION, partition: 5, running: 1 }],
  window: { messages: 7, bytes: 300, limitMessages: 256, limitBytes: 1_000 },
  membership: { assigned: true, unansweredMs: 1, lastEnd: null },
  stopping: false,
}
const who = { host: 'h', pid: '1', version: '1.2.3', model: 'gpt', prompt: 'prompt-1-abc' }

test('a worker shows who it is, what it was assigned, and what it has in hand', () => {
  expect(beatOf(who, status)).toEqual({ ...who, partitions: '4,5', inFlight: '3', window: '7', held: '' })
})

test('a worker names what keeps its partitions from publishing', () => {
  const refused = { ...BUSY_PARTITION, holds: [{ topic: 'notifications', reason: 'TOPIC_AUTHORIZATION_FAILED' }] }
  const suspect = { ...BUSY_PARTITION, partition: 5, state: 'suspect' as const, trouble: 'no broker answers' }
  expect(beatOf(who, { ...status, partitions: [refused, suspect] })['held']).toBe(
    '4: notifications (TOPIC_AUTHORIZATION_FAILED); 5: suspect (no broker answers)',
  )
})
