/** What calls do while the fleet is held, on a real Redis. */
import { describe, expect, test } from 'vitest'
import type { Pass } from '../../src/provider/gate-scripts.ts'
import { pauseFleet, readHolds, resumeFleet } from '../../src/provider/holds.ts'
import { waitUntil } from '../support/wait.ts'
import type { GateWorker } from './gates.ts'
import { call, holds, keys, later, never, outage, redis, through, waiting, worker } from './gates.ts'

describe('while calls are held', () => {
  test('one probe of the whole fleet is let through at a time', async () => {
    const fleet = [worker(), worker(), worker()]
    await outage(fleet[0] as GateWorker)
    const all = fleet.flatMap((gate, index) => [1, 2, 3].map((n) => waiting(gate, `w${index}-${n}`)))
    await waitUntil(
      () => through(all).length > 0,
      20_000,
      () => 'no probe was let through',
    )
    await later(300)
    expect(through(all)).toHaveLength(1)
    expect(through(all)[0]?.pass?.probe).not.toBeNull()
  })

  test('of several that come at the same moment one is let through', async () => {
    const gate = worker({ timings: { firstGapMs: 1, checkMs: 60_000 } })
    await outage(gate)
    await later(20)
    const all = Array.from({ length: 10 }, (_, index) => waiting(gate, `fresh-${index}`))
    await waitUntil(
      () => through(all).length > 0,
      20_000,
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
    const isHeld = ({ lines }: GateWorker) => lines.some((line) => line.startsWith('calls are held'))
    await waitUntil(
      () => through(states).length > 0 && fleet.every(isHeld),
      20_000,
      () => 'no probe was let through, or one worker holds no calls',
    )
    const probe = all.find(({ state }) => state.pass !== null)
    await probe?.gate.report(probe.state.pass as Pass, 'answered', never)
    await waitUntil(
      () => through(states).length === 4,
      20_000,
      () => `only ${through(states).length} went on`,
    )
    expect(await holds()).toEqual([])
    for (const gate of fleet) {
      expect(gate.lines.filter((line) => line.startsWith('calls are held'))).toHaveLength(1)
      expect(gate.lines.filter((line) => line.startsWith('calls are let through again'))).toHaveLength(1)
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
    // From the second round on each comes a second later, because all have failed.
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
      20_000,
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
    const leaseMs = 300
    const dying = worker({ timings: { leaseMs } })
    const heir = worker({ timings: { leaseMs } })
    await outage(dying)
    const begun = await dying.enter('x', never)
    expect(begun.probe).not.toBeNull()
    dying.crash()
    const next = waiting(heir, 'y')
    await waitUntil(
      () => next.pass !== null,
      20_000,
      () => 'nobody took the probe over',
    )
    expect((next.pass?.startedAtMs ?? 0) - begun.startedAtMs).toBeGreaterThanOrEqual(leaseMs)
  })

  test('a probe that takes long keeps its lease', async () => {
    const gate = worker({ timings: { leaseMs: 1_000 } })
    const other = worker({ timings: { leaseMs: 1_000 } })
    await outage(gate)
    expect((await gate.enter('x', never)).probe).not.toBeNull()
    const next = waiting(other, 'y')
    await later(2_500)
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
      20_000,
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
      20_000,
      () => 'it was not told',
    )
    await other.report(early, 'unused', never)
    const probe = await one.enter('probe', never)
    await later(100)
    expect(probe.held.aborted).toBe(false)
  })
})

test('the loud line says what to do, and nothing of the requests', async () => {
  const gate = worker()
  for (const id of ['4711', '4712']) await call(gate, id, 'quota')
  waiting(gate, '4713')
  await waitUntil(
    () => gate.lines.some((line) => line.startsWith('calls are held')),
    20_000,
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
    20_000,
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
    20_000,
    () => 'the early one was not told',
  )
  await later(200)
  expect(through(all)).toEqual([])
  expect(await resumeFleet(redis, keys)).toBe(true)
  await waitUntil(
    () => through(all).length === 2,
    20_000,
    () => 'they still wait',
  )
  expect(await resumeFleet(redis, keys)).toBe(false)
})
