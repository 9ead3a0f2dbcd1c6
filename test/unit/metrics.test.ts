import { expect, test } from 'vitest'
import type { BudgetStatus } from '../../src/budget/status.ts'
import type { Log, LogFields } from '../../src/logging/log.ts'
import { createMetrics } from '../../src/ops/metrics.ts'
import type { Picture } from '../../src/ops/picture.ts'
import { BUSY_PARTITION } from '../support/partition-status.ts'

const quiet = () => {}

function memoryLog() {
  const warnings: LogFields[] = []
  const log: Log = { error: quiet, info: quiet, debug: quiet, warn: (_message, fields) => warnings.push(fields ?? {}) }
  return { log, warnings }
}

/** The samples as `name{labels}` → value. */
async function samples(metrics: { render(): Promise<string> }): Promise<Map<string, number>> {
  const lines = (await metrics.render()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ')
      return [line.slice(0, space).replace('resume_scoring_', ''), Number(line.slice(space + 1))]
    }),
  )
}

const budget: BudgetStatus = {
  open: true,
  axes: [
    { axis: 'requestsPerMinute', limit: 3, used: 1, usedElsewhere: 1, free: 1, nextFreeInMs: 5_000 },
    { axis: 'tokensPerDay', limit: null, used: 700, usedElsewhere: 0, free: null, nextFreeInMs: 5_000 },
  ],
  waiting: 1,
  heldForMs: 1_500,
  closedForMs: 0,
}
const consumer = {
  partitions: [BUSY_PARTITION, { ...BUSY_PARTITION, partition: 5, state: 'suspect' as const, lag: 0n }],
  window: { messages: 3, bytes: 300, limitMessages: 256, limitBytes: 1_000 },
  membership: { assigned: true, unansweredMs: 1, lastEnd: null },
  stopping: false,
}
const hold = {
  scope: 'key:4f0c:91ab',
  code: 'quota' as const,
  cause: '',
  holdsOthers: true,
  sinceMs: Date.now() - 60_000,
  requests: 2,
  failures: 2,
  probes: 1,
  nextProbeAtMs: null,
  abandoned: false,
  remedy: '',
}

test('what happens is counted, durations in seconds', async () => {
  const metrics = createMetrics({ info: { version: '1.2.3', model: 'gpt' } })
  metrics.requestFinished('success', { waitedMs: 1_500, tookMs: 2_500 })
  metrics.callFinished('answered', 900, { promptTokens: 70, completionTokens: 7, totalTokens: 77 })
  metrics.callFinished('timeout', 60_000, null)
  metrics.attemptFailed('timeout')
  metrics.cacheLookedUp(true)
  metrics.flagged('resume:instruction')
  metrics.reviewNeeded('flagged')
  metrics.deadLettered('bad_id')
  metrics.foreignKeySkipped(null)
  metrics.kafka.committed({ partition: 0, completions: 2, messages: 3, durationMs: 20 })
  metrics.kafka.failed({ partition: 0 })
  metrics.kafka.rebalanced([0])
  metrics.kafka.restarted('silent')
  const seen = await samples(metrics)
  const expected = {
    'requests_total{outcome="success"}': 1,
    request_wait_seconds_sum: 1.5,
    request_duration_seconds_sum: 2.5,
    'call_duration_seconds_count{status="answered"}': 1,
    'call_duration_seconds_sum{status="timeout"}': 60,
    'attempt_failures_total{code="timeout"}': 1,
    'tokens_total{kind="prompt"}': 70,
    'tokens_total{kind="completion"}': 7,
    'cache_lookups_total{result="hit"}': 1,
    'flags_total{flag="resume:instruction"}': 1,
    'reviews_total{reason="flagged"}': 1,
    'reviews_total{reason="asked_twice"}': 0,
    'dead_letters_total{reason="bad_id"}': 1,
    foreign_messages_total: 1,
    transaction_duration_seconds_count: 1,
    'transactions_total{result="committed"}': 1,
    'transactions_total{result="failed"}': 1,
    published_messages_total: 3,
    rebalances_total: 1,
    consumer_restarts_total: 1,
    'build_info{version="1.2.3",model="gpt"}': 1,
  }
  expect(Object.fromEntries(Object.keys(expected).map((name) => [name, seen.get(name)]))).toEqual(expected)
})

test('every outcome, failure and dead-letter reason is there before the first, so that the first is an increase', async () => {
  const seen = await samples(createMetrics())
  const names = [
    'requests_total{outcome="refused"}',
    'requests_total{outcome="too_long"}',
    'attempt_failures_total{code="quota"}',
    'dead_letters_total{reason="kills_the_worker"}',
    'call_duration_seconds_count{status="territory"}',
    'cache_lookups_total{result="miss"}',
    'transactions_total{result="failed"}',
  ]
  expect(names.map((name) => [name, seen.get(name)])).toEqual(names.map((name) => [name, 0]))
})

test('how things stand is what the parts tell at the time of the reading', async () => {
  const metrics = createMetrics()
  let picture: Picture = { ready: true, budget, holds: [hold], consumer, callsInFlight: 6, oldestUncommittedMs: null }
  metrics.showPicture(async () => picture, memoryLog().log)
  const seen = await samples(metrics)
  const expected = {
    ready: 1,
    budget_open: 1,
    'budget_limit_requests{window="minute"}': 3,
    'budget_used_requests{window="minute"}': 2,
    'budget_free_requests{window="minute"}': 1,
    'budget_used_tokens{window="day"}': 700,
    'budget_limit_tokens{window="day"}': undefined,
    'budget_held_seconds{by="provider"}': 1.5,
    'backlog_messages{partition="4"}': 2 ** 40,
    'partitions{state="ready"}': 1,
    'partitions{state="suspect"}': 1,
    'partitions{state="acquiring"}': 0,
    'messages{phase="running"}': 4,
    calls_in_flight: 6,
    oldest_unfinished_message_age_seconds: 0,
  }
  expect(Object.fromEntries(Object.keys(expected).map((name) => [name, seen.get(name)]))).toEqual(expected)
  expect(seen.get('hold_age_seconds{kind="key",reason="quota"}')).toBeGreaterThanOrEqual(60)

  picture = {
    ready: false,
    budget: { ...budget, open: false },
    holds: [
      { ...hold, scope: 'operator', code: null },
      { ...hold, scope: 'outage:1', holdsOthers: false },
    ],
    oldestUncommittedMs: Date.now() - 7_000,
  }
  const later = await samples(metrics)
  expect(later.get('ready')).toBe(0)
  expect(later.get('budget_open')).toBe(0)
  expect(later.get('oldest_unfinished_message_age_seconds')).toBeGreaterThanOrEqual(7)
  const left = [...later.keys()].filter((name) => /^(hold|backlog|partitions|budget_free|calls_in)/.test(name))
  expect(left).toEqual(['hold_age_seconds{kind="operator",reason="paused"}'])
})

test('a picture that cannot be taken leaves the counters, and no gauge of before', async () => {
  const metrics = createMetrics()
  const { log, warnings } = memoryLog()
  metrics.showPicture(async () => ({ ready: true }), log)
  expect((await samples(metrics)).get('ready')).toBe(1)
  metrics.showPicture(() => Promise.reject(new Error('Redis is away')), log)
  const seen = await samples(metrics)
  expect(seen.has('ready')).toBe(false)
  expect(seen.get('picture_failures_total')).toBe(1)
  expect(seen.get('requests_total{outcome="success"}')).toBe(0)
  expect(warnings).toEqual([{ reason: 'Redis is away' }])
})

test('the process tells its memory and event-loop lag when asked to', async () => {
  const rendered = await createMetrics({ process: true }).render()
  for (const name of [
    'nodejs_eventloop_lag_p99_seconds',
    'process_resident_memory_bytes',
    'process_start_time_seconds',
  ]) {
    expect(rendered).toContain(`\n${name} `)
  }
})
