/** What begins and ends a hold of the fleet, on a real Redis. */
import { describe, expect, test } from 'vitest'
import type { Pass } from '../../src/provider/gate-scripts.ts'
import type { Identity, CallResult } from '../../src/provider/holds.ts'
import { failuresOf, holdsOf, pauseFleet, resumeFleet } from '../../src/provider/holds.ts'
import { waitUntil } from '../support/wait.ts'
import { call, holds, keys, later, never, outage, prefix, redis, scopes, through, waiting, worker } from './gates.ts'

describe('what begins a hold', () => {
  test('failures of different requests with no success in between', async () => {
    const one = worker()
    const other = worker()
    expect(await call(one, 'a', 'outage')).toMatchObject({ held: false })
    expect(await call(other, 'b', 'timeout')).toMatchObject({ held: false })
    expect(await call(one, 'c', 'outage')).toMatchObject({ held: true })
    expect(await holds()).toMatchObject([{ scope: 'outage:a', holdsOthers: true, requests: 3, failures: 3 }])
  })

  test.each<CallResult>(['unauthorized', 'quota', 'territory', 'bad_configuration'])('two of %s', async (code) => {
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

  test('one request alone: its own failures are told of it, and of others when nothing can succeed there', async () => {
    const failing = async (id: bigint) => (await failuresOf(redis, keys, scopes(), id)).map(({ code }) => code)
    const gate = worker()
    await call(gate, '1', 'outage')
    expect([await failing(1n), await failing(2n)]).toEqual([['outage'], []])
    await call(gate, '1', 'unauthorized')
    expect([await failing(1n), await failing(2n)]).toEqual([['unauthorized'], ['unauthorized']])
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
    // The provider was reached and refused the key: the outage is over, the hold of the key is not.
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

test('a hold from a clock that ran ahead is probed and lifted like any other', async () => {
  const gate = worker({ timings: { leaseMs: 100 } })
  for (const id of ['a', 'b']) await call(gate, id, 'unauthorized')
  const [seconds] = await redis.time()
  const ahead = (Number(seconds) + 3_600) * 1_000
  const times = { since: ahead, next: ahead, probeUntil: ahead }
  await redis.hset(keys.hold('key:a'), { ...times, probe: 'of a worker that died' })
  const pass = await gate.enter('c', AbortSignal.timeout(5_000))
  expect(pass.probe).not.toBeNull()
  await gate.report(pass, 'answered', never)
  expect(await holds()).toEqual([])
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
    20_000,
    () => 'they still wait',
  )
  expect(all.map(({ pass }) => pass?.probe)).toEqual([null, null])
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
    20_000,
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
