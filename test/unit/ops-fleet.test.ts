import { describe, expect, test } from 'vitest'
import type { Config } from '../../src/config.ts'
import type { FleetSettings, LiveWorker } from '../../src/ops/fleet.ts'
import { differences, holdsOfPartition, limitDifferences, partHolds, skippedByFleet } from '../../src/ops/fleet.ts'
import type { Backlog, RedisHalf } from '../../src/ops/fleet-status.ts'
import { timeFor } from '../../src/ops/fleet-status.ts'
import { statusLines } from '../../src/ops/status-lines.ts'
import type { Hold } from '../../src/provider/holds.ts'
import { quietRedis } from '../support/redis-half.ts'

const settings: FleetSettings = {
  model: 'gpt',
  prompt: 'prompt-1-abc',
  address: 'https://model.example/v1',
  group: 'g',
  topic: 'in',
  budget: 'gpt',
  requestsPerMinute: 3,
  requestsPerDay: 200,
  tokensPerMinute: 40_000,
  tokensPerDay: null,
  verdictMinScore: 50,
}
const worker = (name: string, key: string, partitions: number[], fields: Partial<LiveWorker> = {}): LiveWorker => ({
  worker: name,
  host: 'h',
  pid: '1',
  version: '1.2.3',
  partitions,
  inFlight: 0,
  window: 0,
  held: '',
  scopes: { outage: 'outage:a', route: 'route:a', key: `key:${key}`, config: 'config:a' },
  settings,
  skipped: {},
  ...fields,
})
const hold = (scope: string, fields: Partial<Hold> = {}): Hold => ({
  scope,
  code: 'unauthorized',
  cause: '',
  holdsOthers: true,
  sinceMs: 0,
  requests: 2,
  failures: 2,
  probes: 0,
  nextProbeAtMs: 1_000,
  abandoned: false,
  remedy: 'mend it',
  ...fields,
})

const good = worker('one', 'good', [0])
const bad = worker('two', 'bad', [1])
const holds = [hold('key:bad'), hold('key:of-somebody-gone'), hold('outage:a', { abandoned: true, code: 'outage' })]

describe('holds', () => {
  test('of living workers are told from those that keep nobody back', () => {
    const { current, old } = partHolds([good, bad], holds)
    expect(current.map(({ scope }) => scope)).toEqual(['key:bad'])
    expect(old.map(({ scope }) => scope)).toEqual(['key:of-somebody-gone', 'outage:a'])
  })

  test('are all old where nobody lives, and all current where a worker does not tell its scopes', () => {
    expect(partHolds([], holds).current).toEqual([])
    expect(partHolds([{ ...good, scopes: null }], holds).current).toHaveLength(2)
  })

  test('that a request waits for are those of the worker that has its partition', () => {
    expect(holdsOfPartition([good, bad], holds, 'g', 0)).toEqual([])
    expect(holdsOfPartition([good, bad], holds, 'g', 1)?.map(({ scope }) => scope)).toEqual(['key:bad'])
    expect(holdsOfPartition([good, bad], holds, 'g', 2)).toBeNull()
    expect(holdsOfPartition([good, bad], holds, 'another group', 1)).toBeNull()
  })
})

test('settings of this machine that a living worker has otherwise are named with both values', () => {
  const other = worker('two', 'good', [1], { settings: { ...settings, requestsPerMinute: 500, tokensPerDay: 7 } })
  expect(differences(settings, [good])).toEqual([])
  expect(differences(settings, [good, other])).toEqual([
    { setting: 'OPENAI_RPM', here: '3', fleet: ['3', '500'] },
    { setting: 'OPENAI_TPD', here: 'no limit', fleet: ['no limit', '7'] },
  ])
})

test('limits are compared with the living workers of the same budget only', () => {
  const other = worker('two', 'good', [1], { settings: { ...settings, requestsPerMinute: 500, model: 'gpt-next' } })
  const elsewhere = worker('three', 'good', [1], { settings: { ...settings, budget: 'b', tokensPerMinute: 7 } })
  expect(limitDifferences(settings, [other, elsewhere])).toEqual([{ setting: 'OPENAI_RPM', here: '3', fleet: ['500'] }])
})

test('messages that were skipped are summed by key', () => {
  const one = { ...good, skipped: { none: 3, '"a"': 1 } }
  expect(skippedByFleet([one, { ...bad, skipped: { '"a"': 5 } }])).toEqual([
    ['"a"', 6],
    ['none', 3],
  ])
})

const backlog = {
  topic: 'in',
  group: 'g',
  groupState: 'Stable' as const,
  members: 1,
  partitions: [{ partition: 0, low: 0n, high: 9n, committed: 2n, waiting: 7n }],
  waiting: 7n,
}
const AXES = ['requestsPerMinute', 'tokensPerMinute', 'requestsPerDay', 'tokensPerDay'] as const
const used = (requests: number, tokens: number) =>
  AXES.map((axis) => {
    const count = axis.startsWith('tokens') ? tokens : requests
    return { axis, limit: 100_000, used: count, usedElsewhere: 0, free: 100_000 - count, nextFreeInMs: null }
  })
const budget = { name: 'gpt', open: true, axes: used(2, 5_000), waiting: 0, heldForMs: 0, closedForMs: 0 }
const redisHalf = (fields: Partial<RedisHalf>): RedisHalf =>
  quietRedis({ settings, budget, workers: [good], redisVersion: '7.0.0', version: '1.2.3', ...fields })
const config = { provider: { maxCompletionTokens: 1_000 } } as Config
const shown = (fields: Partial<RedisHalf>, also: Partial<Backlog> = {}) => {
  const status = { redis: redisHalf(fields), backlog: { ...backlog, ...also }, reviews: [] }
  return statusLines(status, timeFor(status, config)).join('\n')
}

test('the time for the backlog is reckoned with what was billed, and says so when nothing was', () => {
  expect(shown({})).toContain('at 2500 tokens each (the average of the last day)')
  for (const axes of [used(0, 0), used(2, 0)]) {
    expect(shown({ budget: { ...budget, axes } })).toContain('at 4000 tokens each (assumed: nothing was billed')
  }
  expect(shown({}, { waiting: 0n })).not.toContain('the budget takes')
  expect(shown({ budget: { ...budget, open: false } })).toContain('is not known while it is shut')
})

test.each([
  ['open', 'claims: complete'],
  ['lost', 'claims: Redis lost data; a worker will rebuild them'],
  ['recovering', 'claims: Redis lost data; they are being rebuilt'],
  [null, 'claims: no state in Redis yet'],
])('claims that are %s are told in words', (status, line) => {
  expect(shown({ claims: { status, epoch: 'e' } }).split('\n')).toContain(line)
})

test('a worker tells how many messages it holds', () => {
  expect(shown({ workers: [{ ...good, inFlight: 2, window: 9 }] })).toContain('calls in flight 2, messages held 9')
})

test('a closed or held budget says why and until when', () => {
  const lines = shown({ budget: { ...budget, closedForMs: 43_000, heldForMs: 5_000 } })
  expect(lines).toMatch(/until .*\d\d:\d\d:\d\d \(5s\): the provider's retry-after holds it/)
  expect(lines).toMatch(/until .*\d\d:\d\d:\d\d \(43s\): it is closed, since .* a new REDIS_KEY_PREFIX/)
})

test('members of the group that report to another Redis are told', () => {
  expect(shown({ workers: [] })).toContain('WARNING: no worker reports to this Redis')
  expect(shown({})).not.toContain('no worker reports')
  expect(shown({ workers: [] }, { members: 0 })).not.toContain('no worker reports')
})

test('the half that can be reached is shown, and why the other cannot', () => {
  const withoutRedis = statusLines({ redis: { error: 'Redis is away' }, backlog, reviews: [] }, null).join('\n')
  expect(withoutRedis).toContain('unknown. Redis is away')
  expect(withoutRedis).toMatch(/0 +2 +9 +7/)
  const redis = redisHalf({
    differences: differences({ ...settings, model: 'other' }, [good]),
    ...partHolds([good], holds),
    skipped: skippedByFleet([{ ...good, skipped: { none: 3 } }]),
  })
  const withoutKafka = statusLines({ redis, backlog: { error: 'Kafka is away' }, reviews: ['7'] }, null).join('\n')
  expect(withoutKafka).toContain('backlog: unknown. Kafka is away')
  expect(withoutKafka).toContain('OPENAI_MODEL: other here, gpt there')
  expect(withoutKafka).toMatch(/old holds.*\n +calls of key:bad/)
  expect(withoutKafka).toContain('to be reviewed: 1, newest first 7')
  expect(withoutKafka).toMatch(/none +3$/m)
  for (const line of withoutKafka.split('\n').filter((each) => each.startsWith('    '))) {
    expect(line.length).toBeLessThanOrEqual(60)
  }
})
