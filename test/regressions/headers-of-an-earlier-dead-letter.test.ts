import { expect, test } from 'vitest'
import type { SourceMessage } from '../../src/kafka/messages.ts'
import { deadLetter } from '../../src/outcomes/dead-letter.ts'

const source: SourceMessage = {
  topic: 'AI_handler',
  partition: 0,
  offset: 7n,
  timestampMs: Date.UTC(2026, 10, 27),
  key: null,
  value: Buffer.from('no JSON'),
  headers: {
    traceparent: '00',
    'dead-letter-source-first-offset': '1',
    'dead-letter-value-bytes': '900000',
    'dead-letter-value-sha256': 'of an earlier value',
  },
}

test('a message that brings the headers of an earlier dead letter gets those of its own only', () => {
  const { headers } = deadLetter('dead_letters', source, 'not_json_object', 'the value is not JSON')
  expect(headers).toEqual({
    traceparent: '00',
    'dead-letter-reason': 'not_json_object',
    'dead-letter-detail': 'the value is not JSON',
    'dead-letter-source-topic': 'AI_handler',
    'dead-letter-source-partition': '0',
    'dead-letter-source-offset': '7',
    'dead-letter-source-time': '2026-11-27T00:00:00.000Z',
  })
})
