/** What becomes of refusals, and of answers that are stored, released or held for long. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, inject, onTestFinished, test } from 'vitest'
import { waitUntil } from '../support/wait.ts'
import type { Fleet } from './fleet.ts'
import { letterOf, message, outcomeOf, refusalOf, soon, startFleet } from './fleet.ts'
import { fleet, one, two } from './two-workers.ts'
import { DUPLICATE, HASH, MINE, OUTCOME, newId } from './words.ts'

describe('a refusal for budget', () => {
  test('four copies of a refused request: one refusal; a later send is a new acceptance', async () => {
    const id = newId()
    const timestampMs = Date.now() - 5
    const copies = [0, 1, 2, 3].map((partition) => message({ partition, timestampMs }))
    const [owner, ...others] = copies as [ReturnType<typeof message>]
    await one.claim(id, owner, HASH, soon())
    const refused = await one.refuse(id, owner, soon())
    expect(await one.confirm([refusalOf({ id, owner }, refused)], soon())).toEqual(new Set())
    for (const standing of ['due', 'committed'] as const) {
      fleet.stands(owner, standing)
      for (const copy of others) expect(await two.claim(id, copy, HASH, soon())).toEqual(DUPLICATE)
    }
    const later = message({ timestampMs: Date.now() + 60_000 })
    expect(await two.claim(id, later, HASH, soon())).toEqual(MINE)
    expect(await fleet.admin.exists(fleet.keys.mark(id))).toBe(0)
  })

  test('a later send waits for the refusal to be published', async () => {
    const [id, owner, later] = [newId(), message(), message({ timestampMs: Date.now() + 60_000 })]
    await one.claim(id, owner, HASH, soon())
    const refused = await one.refuse(id, owner, soon())
    const claim = two.claim(id, later, HASH, soon())
    await sleep(200)
    expect(await one.confirm([refusalOf({ id, owner }, refused)], soon())).toEqual(new Set())
    fleet.stands(owner, 'committed')
    expect(await claim).toEqual(MINE)
  })

  test('a crash before the refusal was committed: the redelivery goes on, a later send is its copy', async () => {
    const [id, owner, later] = [newId(), message(), message({ timestampMs: Date.now() + 60_000 })]
    await one.claim(id, owner, HASH, soon())
    await one.refuse(id, owner, soon())
    const waiting = two.claim(id, later, HASH, soon())
    await sleep(100)
    expect(await two.claim(id, owner, HASH, soon())).toEqual(MINE)
    expect(await waiting).toEqual(DUPLICATE)
  })

  test('a later send that waited too long takes over; the late refusal is not published', async () => {
    const hasty = await startFleet(inject('redisUrl'), { dedupe: { refusalMs: 200 } })
    try {
      const worker = await hasty.worker()
      const [id, owner, later] = [newId(), message(), message({ timestampMs: Date.now() + 60_000 })]
      await worker.claim(id, owner, HASH, soon())
      const refused = await worker.refuse(id, owner, soon())
      expect(await worker.claim(id, later, HASH, soon())).toEqual(MINE)
      const items = [refusalOf({ id, owner }, refused)]
      expect(await worker.confirm(items, soon())).toEqual(new Set(items))
    } finally {
      await hasty.stop()
    }
  })

  test('a copy of a refused message that vanished before it was told is processed', async () => {
    const [id, owner, copy] = [newId(), message(), message({ timestampMs: Date.now() - 1_000 })]
    await one.claim(id, owner, HASH, soon())
    await one.refuse(id, owner, soon())
    fleet.stands(owner, 'gone')
    expect(await two.claim(id, copy, HASH, soon())).toEqual(MINE)
  })

  test('by a frozen worker, thawed: it neither undoes an answer nor disturbs its successor’s call', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    await two.claim(id, owner, HASH, soon())
    await two.begin(id, owner, false, soon())
    expect(await one.refuse(id, owner, soon())).toEqual({ kind: 'changed' })
    await two.store(id, owner, OUTCOME, soon())
    expect(await one.refuse(id, owner, soon())).toEqual({ kind: 'changed' })
    expect(await one.claim(id, owner, HASH, soon())).toEqual({ ...MINE, starts: 1, stored: OUTCOME })
  })

  test('by a producer whose clock is ahead of Redis’s: its own copies are not taken for later ones', async () => {
    const id = newId()
    const timestampMs = Date.now() + 3_600_000
    const [owner, copy] = [message({ timestampMs }), message({ timestampMs })]
    await one.claim(id, owner, HASH, soon())
    await one.confirm([refusalOf({ id, owner }, await one.refuse(id, owner, soon()))], soon())
    fleet.stands(owner, 'committed')
    expect(await two.claim(id, copy, HASH, soon())).toEqual(DUPLICATE)
  })
})

describe('stored answers', () => {
  test('the first one wins, for all runs of its message', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    await two.claim(id, owner, HASH, soon())
    expect(await two.store(id, owner, 'first', soon())).toEqual({ kind: 'stored', outcome: 'first' })
    expect(await one.store(id, owner, 'second', soon())).toEqual({ kind: 'stored', outcome: 'first' })
    expect(await one.store(id, owner, 'second', soon())).toEqual({ kind: 'stored', outcome: 'first' })
  })

  test('a message whose id passed to another is told to publish nothing', async () => {
    const [id, owner, copy] = [newId(), message(), message()]
    await one.claim(id, owner, HASH, soon())
    fleet.stands(owner, 'gone')
    await two.claim(id, copy, HASH, soon())
    expect(await one.store(id, owner, OUTCOME, soon())).toEqual({ kind: 'duplicate' })
    expect(await two.store(id, copy, OUTCOME, soon())).toEqual({ kind: 'stored', outcome: OUTCOME })
  })

  test('survive their claim’s loss: it is written again when the answer is stored, or confirmed', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    await fleet.admin.del(fleet.keys.claim(id))
    await one.store(id, owner, OUTCOME, soon())
    await fleet.admin.del(fleet.keys.claim(id))
    expect(await one.confirm([outcomeOf({ id, owner })], soon())).toEqual(new Set())
    expect(await two.claim(id, owner, HASH, soon())).toEqual({ ...MINE, stored: OUTCOME })
  })

  test('an id that was claimed by a copy while the claim was lost is not confirmed', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    await one.store(id, owner, OUTCOME, soon())
    await fleet.admin.del(fleet.keys.claim(id))
    await two.claim(id, message(), HASH, soon())
    const items = [outcomeOf({ id, owner })]
    expect(await one.confirm(items, soon())).toEqual(new Set(items))
  })
})

describe('an answer that was let go', () => {
  let letGo: Fleet
  beforeEach(async () => {
    letGo = await startFleet(inject('redisUrl'), { dedupe: { lingerMs: 1_500, renewEveryMs: 100 } })
  })
  afterEach(() => letGo.stop())

  async function answered() {
    const worker = await letGo.worker()
    const [id, owner] = [newId(), message()]
    await worker.claim(id, owner, HASH, soon())
    await worker.store(id, owner, OUTCOME, soon())
    worker.letGo(id, owner)
    return { worker, id, owner, claim: letGo.keys.claim(id) }
  }

  test('is not written again where its next owner has dead-lettered the message', async () => {
    const { id, owner, claim } = await answered()
    await (await letGo.worker()).finish([letterOf({ id, owner })], 'known', soon())
    await letGo.admin.hdel(claim, 'outcome')
    await sleep(500)
    expect(await letGo.admin.hmget(claim, 'state', 'outcome')).toEqual(['dead', null])
  })

  test('is forgotten when nobody takes it on for long', async () => {
    const { worker, id, owner, claim } = await answered()
    await sleep(2_000)
    await letGo.admin.del(claim)
    await worker.reassertHeld(soon())
    expect(await letGo.admin.exists(claim)).toBe(0)
    expect(await worker.claim(id, owner, HASH, soon())).toEqual(MINE)
  })
})

describe('claims that are held for long', () => {
  test('are renewed for as long as they are held, and expire when let go', async () => {
    const short = await startFleet(inject('redisUrl'), {
      processedTtlMs: 5_000,
      dedupe: { renewEveryMs: 500, claimTtlMinMs: 5_000 },
    })
    try {
      const worker = await short.worker()
      const [id, owner] = [newId(), message()]
      await worker.claim(id, owner, HASH, soon())
      let [lifeMs, least, renewals] = [0, Infinity, -1]
      const renewed = async () => {
        const before = lifeMs
        lifeMs = await short.admin.pttl(short.keys.claim(id))
        least = Math.min(least, lifeMs)
        if (lifeMs > before) renewals++
        // Each comes after a third of its life at the earliest.
        return renewals > 3
      }
      await waitUntil(renewed, 30_000, () => `renewed ${renewals} times, ${lifeMs} ms are left`)
      expect(least).toBeGreaterThan(0)
      worker.letGo(id, owner)
      const gone = async () => (await short.admin.exists(short.keys.claim(id))) === 0
      await waitUntil(gone, 20_000, () => 'the claim is still there')
    } finally {
      await short.stop()
    }
  })
})

test('after the life of its mark an id is new, however short that life is', async () => {
  const shortLived = await startFleet(inject('redisUrl'), { processedTtlMs: 1_000 })
  onTestFinished(() => shortLived.stop())
  const worker = await shortLived.worker()
  const [id, owner] = [newId(), message()]
  await worker.claim(id, owner, HASH, soon())
  await worker.store(id, owner, OUTCOME, soon())
  await worker.confirm([outcomeOf({ id, owner })], soon())
  shortLived.stands(owner, 'committed')
  await worker.finish([outcomeOf({ id, owner })], 'known', soon())
  expect(await worker.claim(id, message(), HASH, soon())).toMatchObject({ kind: 'duplicate', of: 'mark' })
  await sleep(1_200)
  expect(await worker.claim(id, message(), HASH, soon())).toEqual(MINE)
})
