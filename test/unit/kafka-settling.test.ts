import { expect, test } from 'vitest'
import { createSettling } from '../../src/kafka/settling.ts'

const loading = Object.assign(new Error('This is not the correct coordinator'), { type: 'NOT_COORDINATOR_FOR_GROUP' })

test('what Kafka answers while it gets ready is a warning only when it lasts', () => {
  let nowMs = 0
  const settling = createSettling(() => nowMs)
  expect(settling.levelOf(loading)).toBe('info')
  nowMs = 14_000
  expect(settling.levelOf('GROUP_LOAD_IN_PROGRESS')).toBe('info')
  nowMs = 15_000
  expect(settling.levelOf(loading)).toBe('warn')
  settling.over()
  expect(settling.levelOf(loading)).toBe('info')
})

test('it is news once, and once more when it becomes a warning, and its end when it was told', () => {
  let nowMs = 0
  const settling = createSettling(() => nowMs)
  expect(settling.over()).toBe(false)
  expect([loading, loading].map((error) => settling.newsOf(error))).toEqual(['info', null])
  nowMs = 15_000
  expect([loading, loading].map((error) => settling.newsOf(error))).toEqual(['warn', null])
  expect(settling.over()).toBe(true)
  expect(settling.newsOf(new Error('connect ECONNREFUSED'))).toBe('warn')
})

test('other trouble is a warning at once', () => {
  const settling = createSettling(() => 0)
  expect(settling.levelOf(new Error('connect ECONNREFUSED'))).toBe('warn')
  expect(settling.levelOf('TOPIC_AUTHORIZATION_FAILED')).toBe('warn')
})
