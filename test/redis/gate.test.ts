/** Holds of the fleet on a real Redis: several gates with their own connections stand for workers. */
import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import type { Gate, GateOptions } from '../../src/provider/gate.ts'
import type { Pass } from '../../src/provider/gate-scripts.ts'
import { createGate } from '../../src/provider/gate.ts'
import type { Identity, Outcome } from '../../src/provider/holds.ts'
import { holdsOf, pauseFleet, readHolds, resumeFleet } from '../../src/provider/holds.ts'
import type { RedisKeys } from '../../src/redis/keys.ts'
import { redisKeys } from '../../src/redis/keys.ts'
import { createRetryWhileAway } from '../../src/redis/retry.ts'
import { recordedLog } from '../support/provider.ts'
import { waitUntil } from '../support/wait.ts'

const never = new AbortController().signal
let prefix: string
let keys: RedisKeys
let redis: Redis
const cleanups: (() => unknown)[] = []

beforeEach(() => {
  prefix = `gate-${randomUUID()}:`
  keys = redisKeys(prefix)
  redis = new Redis(inject('redisUrl'))
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
  const left = await redis.keys(`${prefix}*`)
  if (left.length > 0) await redis.del(left)
  redis.disconnect()
})

const scopes = (changes: Partial<Identity> = {}): Identity => ({
  outage: 'outage:a',
  route: 'route:a',
  key: 'key:a',
  config: 'config:a',
  ...changes,
})

interface Worker extends Gate {
  lines: string[]
  /** Ends it without a word, as a crash does. */
  crash: () => void
}

/** Gaps of a fraction of the real ones, so that tests are fast. */
function worker(options: Partial<GateOptions> = {}): Worker {
  const connection = new Redis(inject('redisUrl'))
  const { lines, log } = recordedLog()
  const gate = createGate({
    redis: connection,
    keys,
    worker: randomUUID(),
    identity: () => Promise.resolve(scopes()),
    retry: createRetryWhileAway({ log, redis: connection }),
    log,
    ...options,
    timings: { lookMs: 10, leaseMs: 5_000, firstGapMs: 50, longestGapMs: 60_000, ...options.timings },
  })
  const crash = () => {
    gate.close()
    connection.disconnect()
  }
  cleanups.push(crash)
  return { ...gate, lines, crash }
}

/** One call from the gate to its outcome. */
async function call(gate: Gate, id: string, outcome: Outcome) {
  const pass = await gate.enter(id, never)
  return { pass, ...(await gate.report(pass, outcome, never)) }
}

/** A request that enters and waits; `pass` is set when it is let through. */
function waiting(gate: Gate, id: string, signal = never) {
  const state: { pass: Pass | null; left: unknown } = { pass: null, left: null }
  gate.enter(id, signal).then(
    (pass) => (state.pass = pass),
    (error: unknown) => (state.left = error),
  )
  return state
}

const through = (all: { pass: Pass | null }[]) => all.filter(({ pass }) => pass !== null)
const holds = () => readHolds(redis, keys)
const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function outage(gate: Gate): Promise<void> {
  for (const id of ['a', 'b', 'c']) await call(gate, id, 'outage')
}

describe('what begins a hold', () => {
  test('failures of different requests with no success in between', async () => {
    const one = worker()
    const other = worker()
    expect(await call(one, 'a', 'outage')).toMatchObject({ held: false })
    expect(await call(other, 'b', 'timeout')).toMatchObject({ held: false })
    expect(await call(one, 'c', 'outage')).toMatchObject({ held: true })
    expect(await holds()).toMatchObject([{ scope: 'outage:a', holdsOthers: true, requests: 3, failures: 3 }])
  })

  test.each<Outcome>(['unauthorized', 'quota', 'territory', 'bad_configuration'])('two of %s', async (code) => {
    const gate = worker()
    await call(gate, 'a', code)
    expect(await call(gate, 'b', code)).toMatchObject({ held: true })
    expect(await holds()).toMatchObject([{ code, holdsOthers: true }])
  })

  test('one request alone never holds the others, however often it fails; the operator sees it', async () => {
    const gate = worker()
    for (let round = 0; round < 10; round++) {
      expect(await call(gate, 'poison', 'outage')).toMatchObject({ held: false })
    }
    expect(await holds()).toMatchObject([{ holdsOthers: false, requests: 1, failures: 10 }])
    expect(gate.lines.filter((line) => line.includes('one request fails again and again'))).toHaveLength(1)
    expect((await call(gate, 'other', 'answered')).pass.probe).toBeNull()
    expect(await holds()).toEqual([])
  })

  test('a bad text among answered ones never does', async () => {
    const gate = worker()
    for (let round = 0; round < 10; round++) {
      await call(gate, `poison-${round % 3}`, 'outage')
      await call(gate, `good-${round}`, 'answered')
    }
    expect(await holds()).toEqual([])
  })

  test('several bad texts never do once others have been answered since they failed first', async () => {
    const gate = worker()
    const bad = ['a', 'b']
    for (const id of bad) await call(gate, id, 'outage')
    await call(gate, 'good', 'answered')
    for (let round = 0; round < 5; round++) {
      for (const id of bad) expect(await call(gate, id, 'outage')).toMatchObject({ held: false })
    }
    expect(await holds()).toEqual([])
  })

  test('what says something of the text alone counts against nobody', async () => {
    const gate = worker()
    for (const code of ['too_long', 'rejected_text', 'content_filter', 'unusable_answer'] as const) {
      for (const id of ['a', 'b', 'c']) await call(gate, id, code)
    }
    expect(await holds()).toEqual([])
  })

  test('a server that turns all away for their rate is tried by one probe at a time, until it lets one in', async () => {
    const gate = worker()
    for (const id of ['a', 'b']) await call(gate, id, 'rate_limited')
    await call(gate, 'c', 'answered')
    for (const id of ['d', 'e']) expect(await call(gate, id, 'rate_limited')).toMatchObject({ held: false })
    expect(await call(gate, 'f', 'rate_limited')).toMatchObject({ held: true })
    expect(await holds()).toMatchObject([{ code: 'rate_limited', requests: 3 }])
    await call(gate, 'g', 'answered')
    expect(await holds()).toEqual([])
  })
})

describe('while calls are held', () => {
  test('one probe of the whole fleet is let through at a time', async () => {
    const fleet = [worker(), worker(), worker()]
    await outage(fleet[0] as Worker)
    const all = fleet.flatMap((gate, index) => [1, 2, 3].map((n) => waiting(gate, `w${index}-${n}`)))
    await waitUntil(
      () => through(all).length > 0,
      10_000,
      () => 'no probe was let through',
    )
    await later(300)
    expect(through(all)).toHaveLength(1)
    expect(through(all)[0]?.pass?.probe).not.toBeNull()
  })

  test('of several that come at the same moment one is let through', async () => {
    const gate = worker({ timings: { firstGapMs: 1, lookMs: 60_000 } })
    await outage(gate)
    await later(20)
    const all = Array.from({ length: 10 }, (_, index) => waiting(gate, `fresh-${index}`))
    await waitUntil(
      () => through(all).length > 0,
      10_000,
      () => 'no probe was let through',
    )
    await later(100)
    expect(through(all)).toHaveLength(1)
  })

  test('a probe that is answered lets everybody go on, in every worker', async () => {
    const fleet = [worker(), worker()] as const
    await outage(fleet[0])
    const all = fleet.flatMap((gate, index) => [1, 2].map((n) => ({ gate, state: waiting(gate, `w${index}-${n}`) })))
    const states = all.map(({ state }) => state)
    await waitUntil(
      () => through(states).length > 0,
      10_000,
      () => 'no probe was let through',
    )
    const probe = all.find(({ state }) => state.pass !== null)
    await probe?.gate.report(probe.state.pass as Pass, 'answered', never)
    await waitUntil(
      () => through(states).length === 4,
      10_000,
      () => `only ${through(states).length} went on`,
    )
    expect(await holds()).toEqual([])
    for (const gate of fleet) {
      expect(gate.lines.filter((line) => line.startsWith('calls are held'))).toHaveLength(1)
      expect(gate.lines.filter((line) => line.startsWith('calls go on'))).toHaveLength(1)
    }
  })

  test('probes go round the waiting requests, at growing gaps', async () => {
    const gate = worker({ timings: { firstGapMs: 20 } })
    await outage(gate)
    const probed: { id: string; atMs: number }[] = []
    const stop = new AbortController()
    const request = async (id: string) => {
      while (!stop.signal.aborted) {
        const pass = await gate.enter(id, stop.signal)
        probed.push({ id, atMs: performance.now() })
        await gate.report(pass, 'outage', never)
      }
    }
    const loops = ['x', 'y', 'z'].map((id) => request(id).catch(() => id))
    // From the second round on each is a second late, since all have failed.
    await waitUntil(
      () => probed.length >= 6,
      30_000,
      () => `only ${probed.length} probes`,
    )
    stop.abort(new Error('over'))
    await Promise.all(loops)
    const ids = probed.map(({ id }) => id)
    expect(new Set(ids.slice(0, 3))).toEqual(new Set(['x', 'y', 'z']))
    expect(ids.slice(3, 6)).toEqual(ids.slice(0, 3))
    const [hold] = await holds()
    expect(hold?.probes).toBeGreaterThanOrEqual(6)
    expect(Number(await redis.hget(keys.hold('outage:a'), 'gap'))).toBeGreaterThan(20 * 1.5 ** 5)
  })

  test('a request that has not failed yet probes before those that have', async () => {
    const one = worker()
    const other = worker()
    await outage(one)
    const failed = ['a', 'b', 'c'].map((id) => waiting(one, id))
    const fresh = waiting(other, 'fresh')
    await waitUntil(
      () => through([...failed, fresh]).length > 0,
      10_000,
      () => 'no probe was let through',
    )
    expect(fresh.pass?.probe).toEqual(expect.any(String))
  })

  test('the gap grows to its longest and no further', async () => {
    const gate = worker({ timings: { firstGapMs: 10, longestGapMs: 30 } })
    await outage(gate)
    for (let round = 0; round < 6; round++) await call(gate, `fresh-${round}`, 'outage')
    expect(await redis.hget(keys.hold('outage:a'), 'gap')).toBe('30')
  })

  test('the probe of a worker that died is taken over after its lease', async () => {
    const dying = worker({ timings: { leaseMs: 300 } })
    const heir = worker({ timings: { leaseMs: 300 } })
    await outage(dying)
    expect((await dying.enter('x', never)).probe).not.toBeNull()
    dying.crash()
    const next = waiting(heir, 'y')
    await later(100)
    expect(next.pass).toBeNull()
    await waitUntil(
      () => next.pass !== null,
      10_000,
      () => 'nobody took the probe over',
    )
  })

  test('a probe that takes long keeps its lease', async () => {
    const gate = worker({ timings: { leaseMs: 200 } })
    const other = worker({ timings: { leaseMs: 200 } })
    await outage(gate)
    expect((await gate.enter('x', never)).probe).not.toBeNull()
    const next = waiting(other, 'y')
    await later(1_000)
    expect(next.pass).toBeNull()
  })

  test('a probe that was not made leaves its turn to the next at once', async () => {
    const gate = worker({ timings: { firstGapMs: 100, longestGapMs: 60_000 } })
    await outage(gate)
    await gate.report(await gate.enter('x', never), 'unused', never)
    expect(await redis.hget(keys.hold('outage:a'), 'gap')).toBe('100')
    expect((await gate.enter('y', never)).probe).not.toBeNull()
  })

  test('a request that leaves does not take a probe with it', async () => {
    const gate = worker()
    await outage(gate)
    const stop = new AbortController()
    const first = waiting(gate, 'x', stop.signal)
    const second = waiting(gate, 'y')
    stop.abort(new Error('partition lost'))
    await waitUntil(
      () => second.pass !== null,
      10_000,
      () => 'the second was not let through',
    )
    expect(first.left).toEqual(new Error('partition lost'))
  })

  test('calls that have not begun are told to come back', async () => {
    const one = worker()
    const other = worker()
    const early = await other.enter('early', never)
    await outage(one)
    await waitUntil(
      () => early.held.aborted,
      10_000,
      () => 'it was not told',
    )
    await other.report(early, 'unused', never)
    const probe = await one.enter('probe', never)
    await later(100)
    expect(probe.held.aborted).toBe(false)
  })
})

describe('what ends a hold', () => {
  test('of an outage: a late answer too', async () => {
    const gate = worker()
    const late = await gate.enter('late', never)
    await outage(gate)
    await gate.report(late, 'answered', never)
    expect(await holds()).toEqual([])
  })

  test('of a key: only a call that began after it had failed', async () => {
    const gate = worker({ timings: { firstGapMs: 30 } })
    const late = await gate.enter('late', never)
    await later(5)
    for (const id of ['a', 'b']) await call(gate, id, 'quota')
    await gate.report(late, 'answered', never)
    expect(await holds()).toMatchObject([{ code: 'quota' }])
    await call(gate, 'probe', 'answered')
    expect(await holds()).toEqual([])
  })

  test('an answer of the provider of any kind shows that it is there', async () => {
    const gate = worker()
    await outage(gate)
    // Reached, and refused for the key: the outage is over, the key is not.
    await call(gate, 'x', 'unauthorized')
    expect((await holds()).map(({ scope }) => scope)).toEqual([])
    await call(gate, 'y', 'unauthorized')
    expect((await holds()).map(({ scope }) => scope)).toEqual(['key:a'])
  })

  test('a page with 200 shows nothing', async () => {
    const gate = worker()
    await outage(gate)
    await call(gate, 'x', 'no_completion')
    expect((await holds()).map(({ scope }) => scope)).toEqual(['outage:a'])
  })
})

test('workers with another key, way out or server go on', async () => {
  const held = worker()
  const rotated = worker({ identity: () => Promise.resolve(scopes({ key: 'key:b' })) })
  for (const id of ['a', 'b']) await call(held, id, 'unauthorized')
  expect(await call(rotated, 'c', 'answered')).toMatchObject({ pass: { probe: null } })
  // Its success is no evidence for the other key.
  expect((await holds()).map(({ scope }) => scope)).toEqual(['key:a'])
  expect((await call(held, 'd', 'unauthorized')).successes).toBe(0)
})

test('what keeps a worker back is the pause and what its own scopes are held for', async () => {
  const gate = worker()
  for (const id of ['a', 'b']) await call(gate, id, 'unauthorized')
  const names = async (identity: Identity) => holdsOf(identity, await holds()).map(({ scope }) => scope)
  expect(await names(scopes())).toEqual(['key:a'])
  expect(await names(scopes({ key: 'key:b' }))).toEqual([])
  await pauseFleet(redis, keys)
  expect(await names(scopes({ key: 'key:b' }))).toEqual(['operator'])
})

describe('a hold whose probe is long overdue', () => {
  const MINUTE_MS = 60_000
  const ago = async (ms: number) => {
    const [seconds] = await redis.time()
    return Number(seconds) * 1_000 - ms
  }
  const heldAndLeft = async () => {
    const gate = worker()
    for (const id of ['a', 'b']) await call(gate, id, 'unauthorized')
    await redis.hset(keys.hold('key:a'), 'next', await ago(3 * MINUTE_MS))
    return gate
  }

  test('keeps nobody back any more, since no request waits for it', async () => {
    await heldAndLeft()
    expect(await holds()).toMatchObject([{ scope: 'key:a', holdsOthers: true, abandoned: true }])
    expect(holdsOf(scopes(), await holds())).toEqual([])
  })

  test('does while a probe is under way, however long it waits for its turn', async () => {
    const gate = await heldAndLeft()
    const pass = await gate.enter('c', never)
    expect(pass.probe).not.toBeNull()
    expect(await holds()).toMatchObject([{ scope: 'key:a', abandoned: false }])
    await gate.report(pass, 'unauthorized', never)
    expect(holdsOf(scopes(), await holds())).toMatchObject([{ scope: 'key:a', abandoned: false }])
  })

  test('does while the operator has paused, since nobody may probe', async () => {
    await heldAndLeft()
    await pauseFleet(redis, keys)
    expect((await holds()).map(({ scope, abandoned }) => [scope, abandoned])).toEqual([
      ['operator', false],
      ['key:a', false],
    ])
    await resumeFleet(redis, keys)
  })
})

test('a key that is rotated lets those that wait go on', async () => {
  let key = 'key:old'
  const gate = worker({ identity: () => Promise.resolve(scopes({ key })), timings: { firstGapMs: 60_000 } })
  for (const id of ['a', 'b']) await call(gate, id, 'unauthorized')
  const all = ['c', 'd'].map((id) => waiting(gate, id))
  await later(100)
  expect(through(all)).toEqual([])
  key = 'key:new'
  await waitUntil(
    () => through(all).length === 2,
    10_000,
    () => 'they still wait',
  )
  expect(all.map(({ pass }) => pass?.probe)).toEqual([null, null])
})

test('the loud line says what to do, and nothing of the requests', async () => {
  const gate = worker()
  for (const id of ['4711', '4712']) await call(gate, id, 'quota')
  waiting(gate, '4713')
  await waitUntil(
    () => gate.lines.some((line) => line.startsWith('calls are held')),
    10_000,
    () => 'no line',
  )
  const line = gate.lines.find((entry) => entry.startsWith('calls are held'))
  expect(line).toContain('top up the account')
  expect(line).not.toContain('471')
})

test('the loud line of every worker names the cause that one of them met, and so does whoever reads the holds', async () => {
  const [met, other] = [worker(), worker()]
  const cause = 'HTTP 401, code invalid_api_key at https://api.example.com/v1, attempt 1'
  for (const id of ['a', 'b']) await met.report(await met.enter(id, never), 'unauthorized', never, cause)
  waiting(other, 'c')
  await waitUntil(
    () => other.lines.some((line) => line.startsWith('calls are held') && line.includes(cause)),
    10_000,
    () => `no cause in ${other.lines.join('; ')}`,
  )
  expect((await readHolds(redis, keys)).map((hold) => hold.cause)).toEqual([cause])
})

test('the operator’s pause holds everybody, without probes, until it is lifted', async () => {
  const fleet = [worker(), worker()] as const
  const early = await fleet[0].enter('early', never)
  expect(await pauseFleet(redis, keys)).toBe(true)
  expect(await pauseFleet(redis, keys)).toBe(false)
  expect(await holds()).toMatchObject([{ scope: 'operator', code: null }])
  const all = fleet.map((gate, index) => waiting(gate, `w${index}`))
  await waitUntil(
    () => early.held.aborted,
    10_000,
    () => 'the early one was not told',
  )
  await later(200)
  expect(through(all)).toEqual([])
  expect(await resumeFleet(redis, keys)).toBe(true)
  await waitUntil(
    () => through(all).length === 2,
    10_000,
    () => 'they still wait',
  )
  expect(await resumeFleet(redis, keys)).toBe(false)
})

test('evidence counts what others were answered, by scopes', async () => {
  const gate = worker()
  const before = await call(gate, 'poison', 'outage')
  await call(gate, 'good', 'answered')
  const after = await call(gate, 'poison', 'outage')
  expect(after.successes - before.successes).toBe(1)
  expect(after.scopes).toBe(before.scopes)
})

test('when Redis has lost the holds they are found anew', async () => {
  const gate = worker()
  await outage(gate)
  const all = ['x', 'y', 'z'].map((id) => waiting(gate, id))
  await redis.del(keys.hold('outage:a'), keys.holds)
  await waitUntil(
    () => through(all).length === 3,
    10_000,
    () => 'they still wait',
  )
  for (const { pass } of all) await gate.report(pass as Pass, 'outage', never)
  expect(await holds()).toMatchObject([{ code: 'outage', holdsOthers: true }])
})

test('every key has an end, but the set of names', async () => {
  const gate = worker()
  await outage(gate)
  await call(gate, 'x', 'outage')
  const found = await redis.keys(`${prefix}*`)
  const ttls = await Promise.all(found.map(async (key) => [key, await redis.pttl(key)] as const))
  expect(ttls.filter(([key, ttl]) => ttl < 0 && key !== keys.holds)).toEqual([])
  expect(found.length).toBeGreaterThan(1)
})
