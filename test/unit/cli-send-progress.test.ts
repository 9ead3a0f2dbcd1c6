/** What `send` says while its request waits. */
import { expect, test } from 'vitest'
import type { Waiting } from '../../src/cli/send-progress.ts'
import { leftAlone } from '../../src/cli/send-many.ts'
import { isNews, keepTelling, whyItWaits, wordsOfMany, wordsOfOne } from '../../src/cli/send-progress.ts'
import type { LiveWorker } from '../../src/ops/fleet.ts'
import type { RedisHalf } from '../../src/ops/fleet-status.ts'
import type { Hold } from '../../src/provider/holds.ts'
import { quietRedis } from '../support/redis-half.ts'

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
const fleet = (fields: Partial<RedisHalf>): RedisHalf => quietRedis({ settings, budget, workers: [worker], ...fields })
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

const PAUSED = 'because the operator has paused all calls: `npm run resume` ends it'

test.each<[string, Partial<RedisHalf>, Partial<Waiting>, string]>([
  ['no worker', { workers: [] }, {}, 'for a worker: none is alive on this Redis and REDIS_KEY_PREFIX'],
  ['a pause', { current: [hold(null, 'operator')] }, {}, PAUSED],
  [
    'a hold of its worker',
    { current: [hold('unauthorized', 'key:a')] },
    {},
    'because calls are held (unauthorized): mend it',
  ],
  ['a hold of another’s key', { current: [hold('unauthorized', 'key:b')] }, {}, 'in the backlog, behind 4 messages'],
  [
    'an end of its own failures, before the budget',
    { budget: spent },
    {
      before: null,
      failing: [{ ...hold('unauthorized', 'key:a'), holdsOthers: false, cause: 'HTTP 401 at https://m/v1, attempt 3' }],
    },
    'because calls fail (unauthorized: HTTP 401 at https://m/v1, attempt 3) and are repeated; mend it',
  ],
  [
    'a recovery',
    { claims: { status: 'recovering', epoch: 'e' }, budget: { ...budget, open: false } },
    {},
    'until a worker has rebuilt, from the published outcomes, what Redis lost',
  ],
  [
    'a shut budget',
    { budget: { ...budget, open: false } },
    {},
    'for the budget: it is shut until a worker creates it (when it is new) or rebuilds it (when Redis lost it)',
  ],
  [
    'a spent budget',
    { budget: spent },
    {},
    'for the budget until about 12:04:31, behind 4 messages: its requests/minute are spent',
  ],
  [
    'a budget that is closed, and spent for a shorter time',
    { budget: { ...spent, closedForMs: 45_000 } },
    { before: null },
    'for the budget until about 12:04:45: it is closed, since Redis does not know what the last minute took (data lost, or a new REDIS_KEY_PREFIX)',
  ],
  [
    'the provider, which said when to come again',
    { budget: { ...budget, heldForMs: 86_400_000 } },
    { before: 1n },
    "for the budget until about 2026-01-02 12:04:00, behind 1 message: the provider's retry-after holds it",
  ],
  ['its turn', {}, { before: null }, 'for its turn: a worker has it'],
])('it waits for %s', (_name, fields, waiting, told) => {
  expect(whyItWaits(fleet(fields), { group: 'g', partition: 0, before: 4n, failing: [], ...waiting }, NOON).line).toBe(
    told,
  )
})

const why = { kind: 'paused', line: PAUSED, turnAtMs: null }

test('one request: what is done with it, or what it waits for', () => {
  const words = wordsOfOne(7n)
  expect(words(['asked'], null).line).toBe('the model is being asked')
  expect(words(['dead'], null).line).toContain('npm run inspect -- 7')
  expect(words(['duplicate'], null).line).toContain('its id was answered before')
  expect(words(['taken'], why).line).toBe(`it waits ${PAUSED}`)
})

test('several requests: how many are done, asked, about to be published, and wait for what', () => {
  const words = wordsOfMany(9, () => 3)
  expect(words(['asked', 'answered', 'asked', 'taken', 'unclaimed', 'unclaimed'], why).line).toBe(
    `3 of 9 done; 2 being asked, 1 about to be published, 3 wait ${PAUSED}`,
  )
  expect(words(['dead'], null).line).toBe('3 of 9 done; 1 dead-lettered: no result will come')
})

test('a line is news when its kind or its turn changes, or another text when some time has passed', () => {
  const told = { kind: 'budget', line: 'a', turnAtMs: 60_000 }
  expect(isNews(null, told, 0)).toBe(true)
  expect(isNews(told, { ...told, kind: 'paused' }, 0)).toBe(true)
  expect(isNews(told, { ...told, turnAtMs: 90_000 }, 0)).toBe(true)
  expect(isNews(told, { ...told, line: 'b', turnAtMs: 61_000 }, 10_000)).toBe(false)
  expect(isNews(told, { ...told, line: 'b', turnAtMs: 61_000 }, 40_000)).toBe(true)
  expect(isNews(told, told, 1e6)).toBe(false)
})

test('who stops waiting is told that the requests go on, and how to look at them', () => {
  const entries = Array.from({ length: 7 }, (_, index) => ({
    from: `${index}.txt`,
    request: { processing_id: BigInt(index) },
  }))
  const lines = leftAlone(entries)
  expect(lines[0]).toContain('7 requests go on without this command')
  expect(lines).toContain('  4.txt: npm run inspect -- 4')
  expect(lines.at(-1)).toBe('  and 2 more')
})

/** What is printed when one look after the other gives this line, or fails; an array is a connection's looks, an error one that fails. */
async function toldOf(...connections: (Error | (Error | string)[])[]): Promise<string[]> {
  const stop = new AbortController()
  const printed: string[] = []
  let connection = -1
  await keepTelling({
    connected: async (work) => {
      const looks = connections[++connection] ?? []
      if (looks instanceof Error) throw looks
      let next = 0
      return work(() => {
        const seen = looks[next++]
        if (seen === undefined) stop.abort(new Error('answered'))
        if (seen instanceof Error) return Promise.reject(seen)
        return Promise.resolve({ kind: seen ?? '', line: seen ?? '', turnAtMs: null })
      })
    },
    signal: stop.signal,
    progress: (line) => printed.push(line),
    wait: (_ms, signal) => Promise.resolve(signal.throwIfAborted()),
  })
  return printed
}

const away = new Error('Redis at r:1 does not answer: ECONNREFUSED')
const SAID = `${away.message}; the waiting goes on, and more is told when that is over`

test('each change is printed once', async () => {
  expect(await toldOf(['waits', 'waits', 'asked', 'asked'])).toEqual(['waits', 'asked'])
})

test('while Redis is away it is said once, and when it is back where the request stands is told, though nothing has changed', async () => {
  expect(await toldOf(['waits', away], away, away, ['waits', 'asked'])).toEqual(['waits', SAID, 'waits', 'asked'])
})

test('Redis that goes away again, or is away from the beginning, is told too', async () => {
  expect(await toldOf(away, ['waits', away], ['waits', away], ['asked'])).toEqual([
    SAID,
    'waits',
    SAID,
    'waits',
    SAID,
    'asked',
  ])
})

test('a Kafka that is away is told as one', async () => {
  const error = Object.assign(new Error('Connection timeout'), { name: 'KafkaJSConnectionError' })
  expect((await toldOf([error], ['asked']))[0]).toMatch(/^Kafka does not answer: Connection timeout; /)
})
