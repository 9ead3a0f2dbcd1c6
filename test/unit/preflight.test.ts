import { describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { checkKafka, checkProvider, checkRedis } from '../../src/ops/preflight.ts'
import type { RedisFacts } from '../../src/ops/redis-facts.ts'

const HOUR_MS = 3_600_000
const config = loadConfig({ OPENAI_KEY: 'sk-test', PROCESSED_TTL_SECONDS: '7200' })
const names = Object.values(config.kafka.topics).filter((topic) => topic !== null)
const topics = names.map((topic) => ({ topic, cleanupPolicy: 'delete', retentionMs: 168 * HOUR_MS }))

describe('Kafka', () => {
  test('as it should be, or that tells nothing, is not worth a word', () => {
    expect(checkKafka({ topics, noTransactions: null }, config)).toEqual([])
    const silent = topics.map(({ topic }) => ({ topic, cleanupPolicy: null, retentionMs: null }))
    expect(checkKafka({ topics: silent, noTransactions: null }, config)).toEqual([])
    const endless = topics.map((each) => ({ ...each, retentionMs: Infinity }))
    expect(checkKafka({ topics: endless, noTransactions: null }, config)).toEqual([])
  })

  test('that begins no transaction is an error that says what to look at', () => {
    const remedy = (noTransactions: string) => checkKafka({ topics, noTransactions }, config)[0]?.fields['remedy']
    expect(checkKafka({ topics, noTransactions: 'X' }, config)).toMatchObject([
      { level: 'error', fields: { reason: 'X' } },
    ])
    expect(remedy('TRANSACTIONAL_ID_AUTHORIZATION_FAILED')).toContain('transactional ids')
    expect(remedy('Failed to find group coordinator')).toContain('transaction.state.log.replication.factor')
    expect(remedy('fencing took longer than 30000 ms')).toContain('min.isr')
  })

  test('with a compacted topic is an error that names it, with every topic of ours', () => {
    for (const topic of names) {
      const changed = topics.map((each) => (each.topic === topic ? { ...each, cleanupPolicy: 'compact,delete' } : each))
      expect(checkKafka({ topics: changed, noTransactions: null }, config)).toMatchObject([
        { level: 'error', fields: { topic, cleanupPolicy: 'compact,delete' } },
      ])
    }
  })

  test('with a retention shorter than the marks live is a warning for each topic whose messages are needed so long', () => {
    const short = topics.map((each) => ({ ...each, retentionMs: HOUR_MS }))
    expect(checkKafka({ topics: short, noTransactions: null }, config).map(({ fields }) => fields)).toEqual([
      { topic: 'AI_handler', retentionHours: 1, wantedHours: 2 },
      // A day's spendings are read back from it, however short the marks live.
      { topic: 'notifications', retentionHours: 1, wantedHours: 24 },
    ])
  })
})

describe('Redis', () => {
  const well: RedisFacts = {
    maxmemoryPolicy: 'noeviction',
    appendOnly: true,
    save: '',
    clockAheadMs: 40,
    clockErrorMs: 2,
    marks: { seen: 0, noneOurs: true, notOurs: 0 },
  }
  const said = (facts: Partial<RedisFacts>) => checkRedis({ ...well, ...facts }).map(({ message }) => message)

  test('as it should be, or that tells nothing, is not worth a word', () => {
    expect(said({})).toEqual([])
    expect(said({ maxmemoryPolicy: null, appendOnly: null, save: null, marks: null })).toEqual([])
  })

  test.each([
    ['that evicts', { maxmemoryPolicy: 'volatile-lru' }, 'noeviction'],
    ['without any persistence', { appendOnly: false, save: '' }, 'persists nothing'],
    ['with snapshots only', { appendOnly: false, save: '3600 1' }, 'snapshots only'],
    ['with unknown snapshots', { appendOnly: false, save: null }, 'snapshots only'],
    ['with a clock that is behind', { clockAheadMs: -9_000 }, 'clock'],
    ['with marks before any work of ours', { marks: { seen: 3, noneOurs: true, notOurs: 0 } }, 'REDIS_KEY_PREFIX'],
    ['with marks that are not ours', { marks: { seen: 3, noneOurs: false, notOurs: 1 } }, 'REDIS_KEY_PREFIX'],
  ])('%s is one warning', (_what, facts, text) => {
    expect(said(facts)).toEqual([expect.stringContaining(text)])
  })

  test('that holds our own marks, or answers slowly, is not suspected', () => {
    expect(said({ marks: { seen: 200, noneOurs: false, notOurs: 0 } })).toEqual([])
    expect(said({ clockAheadMs: 6_000, clockErrorMs: 2_000 })).toEqual([])
  })
})

describe('the way to the provider', () => {
  test.each([
    'http://provider.example/v1',
    'http://203.0.113.7:8000/v1',
    'http://172.32.0.1/v1',
    'http://[2001:db8::1]/v1',
    // Names that begin as private addresses do.
    'http://10.provider.example/v1',
    'http://127.0.0.1.provider.example/v1',
    'http://192.168.provider.example./v1',
  ])('%s is readable in between', (baseUrl) => expect(checkProvider({ baseUrl })).toMatchObject([{ level: 'warn' }]))
  test.each([
    'https://provider.example/v1',
    'http://localhost:11434/v1',
    'http://127.0.0.1/v1',
    'http://[::1]:8080/v1',
    'http://vllm:8000/v1',
    'http://10.0.0.7/v1',
    'http://172.31.255.1/v1',
    'http://192.168.1.5/v1',
    'http://model.default.svc/v1',
    'http://host.docker.internal:1234/v1',
  ])('%s is not', (baseUrl) => expect(checkProvider({ baseUrl })).toEqual([]))
})
