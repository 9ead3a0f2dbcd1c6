import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Begun } from '../../src/claims/dedupe.ts'
import { message, soon } from './fleet.ts'
import { fleet, one, two } from './two-workers.ts'
import { HASH, MINE, OUTCOME, newId } from './words.ts'

function lease(begun: Begun) {
  if (begun.kind !== 'begun') throw new Error('not begun')
  return begun.lease
}

describe('a call in flight when its partition moves', () => {
  test('is not repeated: the next owner waits, for longer than a lease, and gets its answer', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    await one.begin(id, owner, false, soon())
    const waiting = two.claim(id, owner, HASH, soon())
    await sleep(2_600)
    await one.store(id, owner, OUTCOME, soon())
    expect(await waiting).toEqual({ ...MINE, starts: 1, stored: OUTCOME })
  })

  test('is not repeated when it moves back to the worker that makes it', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    await one.begin(id, owner, false, soon())
    const again = one.claim(id, owner, HASH, soon())
    await sleep(100)
    await one.store(id, owner, OUTCOME, soon())
    one.letGo(id, owner)
    expect(await again).toEqual({ ...MINE, starts: 1, stored: OUTCOME })
  })

  test('ends without outcome: the next owner goes on at once', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    const begun = lease(await one.begin(id, owner, false, soon()))
    const waiting = two.claim(id, owner, HASH, soon())
    await one.end(begun, soon())
    expect(await waiting).toEqual(MINE)
  })

  test('cannot be begun a second time by a run that held its claim before', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    await two.claim(id, owner, HASH, soon())
    await one.begin(id, owner, false, soon())
    expect(await two.begin(id, owner, false, soon())).toEqual({ kind: 'changed' })
    await one.store(id, owner, OUTCOME, soon())
    expect(await two.begin(id, owner, false, soon())).toEqual({ kind: 'changed' })
  })

  test('the wait for it ends with its signal', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    await one.begin(id, owner, false, soon())
    const moved = new AbortController()
    const waiting = two.claim(id, owner, HASH, moved.signal)
    moved.abort(new Error('the partition moved'))
    await expect(waiting).rejects.toThrow('the partition moved')
  })

  test('does not make copies wait: they are duplicates at once', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    await one.begin(id, owner, false, soon())
    expect(await two.claim(id, message(), HASH, soon())).toMatchObject({ kind: 'duplicate' })
  })
})

describe('a worker that dies or freezes in mid-call', () => {
  test('keeps its call for a lease, then the next owner makes it, and counts the start', async () => {
    const dying = await fleet.worker()
    const [id, owner] = [newId(), message()]
    await dying.claim(id, owner, HASH, soon())
    await dying.begin(id, owner, true, soon())
    dying.die()
    expect(await two.claim(id, owner, HASH, soon())).toEqual({ ...MINE, starts: 1, startsAlone: 1 })
    expect(await two.begin(id, owner, false, soon())).toMatchObject({ kind: 'begun', starts: 2, startsAlone: 1 })
  })

  test('thawed, it does not end its successor’s call, nor take its start back', async () => {
    const frozen = await fleet.worker()
    const [id, owner] = [newId(), message()]
    await frozen.claim(id, owner, HASH, soon())
    const begun = lease(await frozen.begin(id, owner, false, soon()))
    frozen.die()
    await two.claim(id, owner, HASH, soon())
    await two.begin(id, owner, false, soon())
    await one.end(begun, soon())
    expect(await one.begin(id, owner, false, soon())).toEqual({ kind: 'changed' })
    await two.releaseAll(soon())
    expect(await one.claim(id, owner, HASH, soon())).toEqual({ ...MINE, starts: 1 })
  })

  test('a lease from a clock that ran ahead is not waited for longer than a lease', async () => {
    const dying = await fleet.worker()
    const [id, owner] = [newId(), message()]
    await dying.claim(id, owner, HASH, soon())
    await dying.begin(id, owner, false, soon())
    dying.die()
    await fleet.admin.hset(fleet.keys.claim(id), 'until', Date.now() + 3_600_000)
    expect(await two.claim(id, owner, HASH, soon())).toMatchObject({ kind: 'mine', starts: 1 })
  })

  test('nor by another message that takes the id over', async () => {
    const dying = await fleet.worker()
    const [id, owner] = [newId(), message()]
    await dying.claim(id, owner, HASH, soon())
    await dying.begin(id, owner, false, soon())
    dying.die()
    fleet.stands(owner, 'gone')
    await fleet.admin.hset(fleet.keys.claim(id), 'until', Date.now() + 3_600_000)
    expect(await two.claim(id, message(), HASH, AbortSignal.timeout(8_000))).toEqual(MINE)
  })
})

describe('starts without outcome', () => {
  test('are not counted for calls that a living worker ended, whatever their number', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    for (let attempt = 0; attempt < 5; attempt++) {
      const begun = await one.begin(id, owner, true, soon())
      expect(begun).toMatchObject({ kind: 'begun', starts: 1, startsAlone: 1 })
      await one.end(lease(begun), soon())
      await one.end(lease(begun), soon())
    }
    expect(await one.claim(id, owner, HASH, soon())).toEqual(MINE)
  })

  test('are taken back for all calls of a worker that stops', async () => {
    const stopping = await fleet.worker()
    const items = Array.from({ length: 200 }, () => ({ id: newId(), owner: message() }))
    for (const { id, owner } of items) {
      await stopping.claim(id, owner, HASH, soon())
      await stopping.begin(id, owner, false, soon())
    }
    await stopping.releaseAll(soon())
    const claims = await Promise.all(items.map(({ id, owner }) => one.claim(id, owner, HASH, soon())))
    expect(claims).toEqual(items.map(() => MINE))
  })

  test('start anew for a dead letter that is sent again', async () => {
    const dying = await fleet.worker()
    const [id, owner] = [newId(), message()]
    await dying.claim(id, owner, HASH, soon())
    await dying.begin(id, owner, true, soon())
    dying.die()
    fleet.stands(owner, 'committed')
    expect(await two.claim(id, message(), HASH, soon())).toEqual(MINE)
  })
})
