/** What `send` says while its request waits. */
import { expect, test } from 'vitest'
import type { Waiting } from '../../src/cli/send-progress.ts'
import { whyItWaits } from '../../src/cli/send-progress.ts'
import type { LiveWorker } from '../../src/ops/fleet.ts'
import type { RedisHalf } from '../../src/ops/fleet-status.ts'
import type { Hold } from '../../src/provider/holds.ts'

const settings = {
  model: 'gpt',
  prompt: 'p',
  address: 'https://m/v1',
  group: 'g',
  topic: 'in',
  budget: 'gpt',
  requestsPerMinute: 3,
  requestsPerDay: null,
  tokensPerMinute: null,
  tokensPerDay: null,
  verdictMinScore: 50,
}
const worker: LiveWorker = {
  worker: 'w',
  host: 'h',
  pid: '1',
  version: '1',
  partitions: [0],
  inFlight: 0,
  window: 0,
  held: '',
  scopes: { outage: 'outage:a', route: 'route:a', key: 'key:a', config: 'config:a' },
  settings,
  skipped: {},
}
const axis = { axis: 'requestsPerMinute' as const, limit: 3, used: 0, usedElsewhere: 0, free: 3, nextFreeInMs: null }
const budget = { name: 'gpt', open: true, axes: [axis], waiting: 0, heldForMs: 0, closedForMs: 0 }
const fleet = (fields: Partial<RedisHalf>): RedisHalf => ({
  settings,
  differences: [],
  budget,
  current: [],
  old: [],
  adaptation: null,
  claims: { status: 'open', epoch: 'e' },
  workers: [worker],
  skipped: [],
  redisVersion: null,
  version: '1',
  ...fields,
})
const hold = (code: Hold['code'], scope: string): Hold => ({
  scope,
  code,
  cause: '',
  holdsOthers: true,
  sinceMs: 0,
  requests: 2,
  failures: 2,
  probes: 0,
  nextProbeAtMs: null,
  abandoned: false,
  remedy: 'mend it',
})
const spent = { ...budget, axes: [{ ...axis, used: 3, free: 0, nextFreeInMs: 31_000 }] }
const NOON = new Date(2026, 0, 1, 12, 4, 0).getTime()

test.each<[string, Partial<RedisHalf>, Partial<Waiting>, string]>([
  ['no worker', { workers: [] }, {}, 'it waits in the backlog: no worker is alive'],
  ['a pause', { current: [hold(null, 'operator')] }, {}, 'paused by the operator: `npm run resume` ends it'],
  ['a hold of its worker', { current: [hold('unauthorized', 'key:a')] }, {}, 'calls are held (unauthorized): mend it'],
  [
    'a hold of another’s key',
    { current: [hold('unauthorized', 'key:b')] },
    {},
    'it waits in the backlog, with 4 messages before it',
  ],
  [
    'an end of its own failures, before the budget',
    { budget: spent },
    {
      before: null,
      failing: [{ ...hold('unauthorized', 'key:a'), holdsOthers: false, cause: 'HTTP 401 at https://m/v1, attempt 3' }],
    },
    'calls fail (unauthorized: HTTP 401 at https://m/v1, attempt 3) and are repeated; mend it',
  ],
  [
    'a shut budget',
    { budget: { ...budget, open: false } },
    {},
    'the budget is shut until a worker has opened or rebuilt it',
  ],
  [
    'a spent budget',
    { budget: spent },
    {},
    'it waits for the budget, which has room again at about 12:04:31, with 4 messages before it',
  ],
  [
    'a spent budget, first in line',
    { budget: spent },
    { before: null },
    'it waits for the budget, which has room again at about 12:04:31',
  ],
  ['its turn', {}, { before: null }, 'a worker has it, and waits for its turn'],
])('it waits for %s', (_name, fields, waiting, told) => {
  expect(whyItWaits(fleet(fields), { group: 'g', partition: 0, before: 4n, failing: [], ...waiting }, NOON).line).toBe(
    told,
  )
})
