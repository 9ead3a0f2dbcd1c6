/** How a fleet rebuilds its data after a flush. */
import { describe, expect, test } from 'vitest'
import { waitUntil } from '../support/wait.ts'
import type { FleetWorker } from './fleet.ts'
import { message, outcomeOf, refusalOf, soon } from './fleet.ts'
import { HASH, MARKED, MINE, OUTCOME, newId } from './words.ts'
import { DAY_MS, fleet, published, finish, leaders } from './recoveries.ts'

describe('a new system', () => {
  test('opens at once, for all workers that start together', async () => {
    const workers = await Promise.all([fleet.worker(), fleet.worker(), fleet.worker()])
    const claims = await Promise.all(workers.map((worker) => worker.claim(newId(), message(), HASH, soon())))
    expect(claims).toEqual([MINE, MINE, MINE])
    expect(workers.map(({ budget }) => budget.created).reduce((sum, created) => sum + created)).toBe(1)
    expect(workers.flatMap(({ budget }) => budget.closedForMs)).toEqual([])
  })

  test('is none when outcomes were published before: they are marked before anything is claimed', async () => {
    const done = newId()
    fleet.notifications.push(published(done))
    const worker = await fleet.worker()
    expect(await worker.claim(done, message(), HASH, soon())).toEqual(MARKED)
    expect(worker.budget.created).toBe(0)
    expect(worker.budget.closedForMs[0]).toBe(60_000)
  })
})

/** Empties Redis; resolves when one of the workers leads a recovery and reads the outcomes back. */
async function wipeUntilRead(workers: Pick<FleetWorker, 'reads'>[]): Promise<void> {
  await fleet.wipe()
  await waitUntil(
    () => workers.some(({ reads }) => reads.length > 0),
    10_000,
    () => 'nobody reads the outcomes back',
  )
}

describe('a flush', () => {
  test('between a rebalance and the next owner’s look costs no answer: who got it writes it again', async () => {
    const [before, after] = [await fleet.worker(), await fleet.worker()]
    const [id, owner] = [newId(), message()]
    await before.claim(id, owner, HASH, soon())
    await before.begin(id, owner, false, soon())
    await before.store(id, owner, OUTCOME, soon())
    before.letGo(id, owner)
    await fleet.wipe()
    expect(await after.claim(id, owner, HASH, soon())).toMatchObject({ kind: 'mine', stored: OUTCOME })
  })

  test('doubles nothing: ids that were finished are marked again, for the rest of their time', async () => {
    const [one, two] = [await fleet.worker(), await fleet.worker()]
    const ids = [newId(), newId(), newId()]
    for (const id of ids) await finish(one, id)
    const old = newId()
    fleet.notifications.push(published(old, { timestampMs: Date.now() - 2 * DAY_MS }))
    const older = newId()
    fleet.notifications.push(published(older, { timestampMs: Date.now() - 4 * DAY_MS }))
    await fleet.wipe()
    const claims = await Promise.all(
      [...ids, old].map((id, i) => (i % 2 ? one : two).claim(id, message(), HASH, soon())),
    )
    expect(claims).toEqual([MARKED, MARKED, MARKED, MARKED])
    expect(await two.claim(older, message(), HASH, soon())).toEqual(MINE)
    expect(await fleet.admin.get(fleet.keys.mark(old))).toBe('_')
    expect(await fleet.admin.pttl(fleet.keys.mark(old))).toBeLessThan(DAY_MS + 60_000)
    expect(leaders(one, two)).toBe(1)
  })

  test('a refusal marks nothing: its request can be sent again', async () => {
    const worker = await fleet.worker()
    const refused = newId()
    fleet.notifications.push(published(refused, { wait: 30 }))
    await fleet.wipe()
    expect(await worker.claim(refused, message(), HASH, soon())).toEqual(MINE)
  })

  test('what is no outcome of ours is passed over', async () => {
    const worker = await fleet.worker()
    const strange = [
      '',
      'null',
      '[]',
      '{}',
      '{"response":null,"wait_seconds":null}',
      'no json',
      '{"wait_seconds":null}',
    ]
    const half = '{"response":{"processing_id":1.5},"wait_seconds":null}'
    for (const value of [...strange, half]) fleet.notifications.push(published(1n, { value: Buffer.from(value) }))
    fleet.notifications.push(published(1n, { value: null }), published(1n, { key: null }))
    await fleet.wipe()
    expect(await worker.claim(1n, message(), HASH, soon())).toEqual(MINE)
  })

  test('living workers keep what they hold: an open claim, a call in flight, an answer, a refusal', async () => {
    const [one, two] = [await fleet.worker(), await fleet.worker()]
    const [open, calling, answered, refused] = [newId(), newId(), newId(), newId()]
    const owners = [message(), message(), message(), message()] as const
    await one.claim(open, owners[0], HASH, soon())
    await one.claim(calling, owners[1], HASH, soon())
    await one.begin(calling, owners[1], false, soon())
    await one.claim(answered, owners[2], HASH, soon())
    await one.store(answered, owners[2], OUTCOME, soon())
    await one.claim(refused, owners[3], HASH, soon())
    const refusal = refusalOf({ id: refused, owner: owners[3] }, await one.refuse(refused, owners[3], soon()))
    await fleet.wipe()
    const early = message({ timestampMs: Date.now() - 1_000 })
    const copies = await Promise.all([open, calling, answered, refused].map((id) => two.claim(id, early, HASH, soon())))
    expect(copies.map(({ kind }) => kind)).toEqual(['duplicate', 'duplicate', 'duplicate', 'duplicate'])
    const items = [outcomeOf({ id: answered, owner: owners[2] }), refusal]
    expect(await one.confirm(items, soon())).toEqual(new Set())
    expect(await two.begin(calling, owners[1], false, soon())).toEqual({ kind: 'changed' })
    expect(await two.claim(answered, owners[2], HASH, soon())).toEqual({ ...MINE, stored: OUTCOME })
  })

  test('an answer that comes while the fleet recovers is stored at once', async () => {
    const worker = await fleet.worker()
    const [id, owner] = [newId(), message()]
    await worker.claim(id, owner, HASH, soon())
    await worker.begin(id, owner, false, soon())
    fleet.notifications.push(published(newId()))
    await fleet.wipe()
    expect(await worker.store(id, owner, OUTCOME, soon())).toEqual({ kind: 'stored', outcome: OUTCOME })
    expect(await fleet.admin.hget(fleet.keys.claim(id), 'outcome')).toBe(OUTCOME)
    expect(worker.state.isTrusted()).toBe(false)
  })

  test('nothing is confirmed for publishing until the marks are back', async () => {
    const worker = await fleet.worker()
    const [id, owner] = [newId(), message()]
    await worker.claim(id, owner, HASH, soon())
    await worker.store(id, owner, OUTCOME, soon())
    await fleet.wipe()
    // The outcome shows that another message with the id was published.
    fleet.notifications.push(published(id))
    const items = [outcomeOf({ id, owner })]
    expect(await worker.confirm(items, soon())).toEqual(new Set(items))
  })

  test('an outcome that is committed while the fleet recovers is marked before it opens', async () => {
    const [one, two] = [await fleet.worker(), await fleet.worker()]
    const id = newId()
    fleet.notifications.push(published(newId()))
    await fleet.wipe()
    const claim = two.claim(newId(), message(), HASH, soon())
    await waitUntil(
      () => one.reads.length + two.reads.length > 0,
      10_000,
      () => 'nobody reads the outcomes back',
    )
    fleet.notifications.push(published(id))
    await claim
    expect(await two.claim(id, message(), HASH, soon())).toEqual(MARKED)
  })

  test('is noticed by an idle worker', async () => {
    const worker = await fleet.worker()
    const id = newId()
    await finish(worker, id)
    await fleet.wipe()
    await waitUntil(
      () => leaders(worker) === 1,
      10_000,
      () => 'the flush went unnoticed',
    )
    expect(await fleet.admin.get(fleet.keys.mark(id))).toBe('_')
  })

  test('in the middle of a recovery begins it again', async () => {
    const [one, two] = [await fleet.worker(), await fleet.worker()]
    const id = newId()
    await finish(one, id)
    await wipeUntilRead([one, two])
    await fleet.wipe()
    expect(await two.claim(id, message(), HASH, soon())).toEqual(MARKED)
  })

  test('a leader that dies is followed by another', async () => {
    const [one, two] = [await fleet.worker(), await fleet.worker()]
    const id = newId()
    await finish(one, id)
    await wipeUntilRead([one, two])
    const [leader, other] = one.reads.length > 0 ? [one, two] : [two, one]
    leader.die()
    expect(await other.claim(id, message(), HASH, soon())).toEqual(MARKED)
    expect(leaders(other)).toBe(1)
  })

  test('closes the budget for a minute, and tells it what the outcomes of a day have cost', async () => {
    const worker = await fleet.worker()
    const nowMs = Date.now()
    const hoursAgo = (hours: number) => ({ timestampMs: nowMs - hours * 3_600_000 })
    const headers = { 'scoring-attempts': '2', 'scoring-billed-tokens': '300' }
    fleet.notifications.push(
      published(newId(), { ...hoursAgo(30) }),
      published(newId(), { ...hoursAgo(20), headers }),
      published(newId(), { ...hoursAgo(20), headers, wait: 5 }),
      published(newId(), { ...hoursAgo(1), headers: {} }),
      published(newId()),
    )
    await fleet.wipe()
    await waitUntil(
      () => worker.budget.spendings.length > 0,
      10_000,
      () => 'the budget was told nothing',
    )
    expect(worker.budget.closedForMs[0]).toBe(60_000)
    expect(worker.budget.spendings[0]).toEqual([
      { atMs: Math.ceil((nowMs - 20 * 3_600_000) / 1_000) * 1_000, requests: 4, tokens: 600 },
      { atMs: expect.any(Number), requests: 1, tokens: 1_500 },
    ])
  })
})
