import { expect, test } from 'vitest'
import { beatOf } from '../../src/heartbeat.ts'
import type { ConsumerStatus } from '../../src/kafka/consumer.ts'

const partition = {
  partition: 4,
  state: 'ready' as const,
  committed: 10n,
  next: 20n,
  lag: 5n,
  queued: 3,
  queuedBytes: 300,
  running: 2,
  answered: 1,
  handedBack: 0,
  holds: [],
  trouble: null,
  lastCommitAgeMs: null,
}
const status: ConsumerStatus = {
  partitions: [partition, { ...partition, partition: 5, running: 1 }],
  window: { messages: 7, bytes: 300, limitMessages: 256, limitBytes: 1_000 },
  membership: { assigned: true, unansweredMs: 1, lastEnd: null },
  stopping: false,
}
const who = { host: 'h', pid: '1', version: '1.2.3', model: 'gpt', prompt: 'prompt-1-abc' }

test('a worker shows who it is, what it was assigned, and what it has in hand', () => {
  expect(beatOf(who, status)).toEqual({ ...who, partitions: '4,5', inFlight: '3', window: '7', held: '' })
})

test('a worker names what keeps its partitions from publishing', () => {
  const refused = { ...partition, holds: [{ topic: 'notifications', reason: 'TOPIC_AUTHORIZATION_FAILED' }] }
  const suspect = { ...partition, partition: 5, state: 'suspect' as const, trouble: 'no broker answers' }
  expect(beatOf(who, { ...status, partitions: [refused, suspect] })['held']).toBe(
    '4: notifications (TOPIC_AUTHORIZATION_FAILED); 5: suspect (no broker answers)',
  )
})
