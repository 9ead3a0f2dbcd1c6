import { describe, expect, it } from 'vitest'
import { judge } from '../../src/claims/judge.ts'
import { brokerAddress, readableAddress } from '../../src/kafka/addresses.ts'
import { NO_TIME, timestampMsOf } from '../../src/kafka/timestamps.ts'
import { deadLetter } from '../../src/outcomes/dead-letter.ts'

const AT_MS = 1_764_000_000_123

describe("a record's timestamp", () => {
  it.each([
    ['seconds', '1764000000', 1_764_000_000_000],
    ['ms', '1764000000123', AT_MS],
    ['microseconds', '1764000000123456', AT_MS],
    ['nanoseconds', '1764000000123456789', AT_MS],
    ['none', '-1', NO_TIME],
    ['zero', '0', NO_TIME],
    ['a number of no unit', '42', NO_TIME],
    ['the largest number', '9223372036854775807', 9_223_372_036_854],
    ['the smallest number', '-9223372036854775808', NO_TIME],
  ])('in %s is read', (_name, timestamp, expected) => {
    expect(timestampMsOf(timestamp)).toBe(expected)
  })

  const place = { group: 'g', topic: 't', partition: 0 }
  const refused = {
    owner: { ...place, offset: 1n, timestampMs: AT_MS },
    state: 'refused' as const,
    refusedAtMs: AT_MS,
    intent: { kind: 'refusal' as const, atMs: AT_MS },
  }

  it('in whatever unit, or none, never makes a resend after a refusal a duplicate', () => {
    const laterMs = AT_MS + 60_000
    for (const timestamp of [laterMs / 1_000, laterMs, laterMs * 1_000, BigInt(laterMs) * 1_000_000n, -1]) {
      const [whole = ''] = `${timestamp}`.split('.')
      const resent = { ...place, offset: 2n, timestampMs: timestampMsOf(whole) }
      expect({ whole, judged: judge(refused, resent, 'committed') }).toEqual({ whole, judged: 'take' })
    }
  })

  it('that cannot be read does not keep a message from being dead-lettered', () => {
    const source = { ...place, offset: 1n, key: null, value: null, headers: {}, timestampMs: timestampMsOf('-1') }
    expect(deadLetter('dead', source, 'bad_id', 'why').headers['dead-letter-source-time']).toBe(
      '1970-01-01T00:00:00.000Z',
    )
  })
})

describe('a broker at an IPv6 address', () => {
  it('is named such that kafkajs can split it, and is said as it was', () => {
    expect(brokerAddress('[::1]:9092')).toBe('--1.ipv6-literal.net:9092')
    expect(readableAddress('connect --1.ipv6-literal.net:9092')).toBe('connect [::1]:9092')
    expect(brokerAddress('kafka-1.example:9092')).toBe('kafka-1.example:9092')
  })
})
