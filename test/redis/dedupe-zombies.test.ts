/** Two runs of one message, by a worker that was taken for dead and by its successor, in every order of their writes. */
import { describe, expect, test } from 'vitest'
import { message, outcomeOf, refusalOf, soon } from './fleet.ts'
import { DUPLICATE, HASH, MARKED, OUTCOME, newId } from './words.ts'
import { fleet, frozen, laterMessage, next, third } from './zombies.ts'

describe('a refusal that was committed', () => {
  /** Both run the same message; the successor refuses it and commits. */
  async function refusedBySuccessor({ begun }: { begun: boolean }) {
    const [id, owner, copy] = [newId(), message(), message({ partition: 1 })]
    await frozen.claim(id, owner, HASH, soon())
    if (begun) await frozen.begin(id, owner, false, soon())
    // Waits out the lease.
    expect(await next.claim(id, owner, HASH, soon())).toMatchObject({ kind: 'mine', stored: null })
    const refusal = refusalOf({ id, owner }, await next.refuse(id, owner, soon()))
    const commit = async () => {
      expect(await next.confirm([refusal], soon())).toEqual(new Set())
      fleet.stands(owner, 'committed')
      await next.finish([refusal], 'known', soon())
    }
    return { id, owner, copy, refusal, commit }
  }

  test('is not hidden by an answer that was stored before it, which the next message with the same texts takes over', async () => {
    const { id, owner, copy, commit } = await refusedBySuccessor({ begun: true })
    await frozen.store(id, owner, OUTCOME, soon())
    await commit()
    expect(await third.claim(id, copy, HASH, soon())).toEqual(DUPLICATE)
    expect(await third.claim(id, await laterMessage(), HASH, soon())).toMatchObject({ kind: 'mine', stored: OUTCOME })
  })

  test('nor by one that comes after it, which is taken over likewise: it is paid for', async () => {
    const { id, owner, copy, commit } = await refusedBySuccessor({ begun: true })
    await commit()
    expect(await frozen.store(id, owner, OUTCOME, soon())).toEqual({ kind: 'duplicate' })
    expect(await third.claim(id, copy, HASH, soon())).toEqual(DUPLICATE)
    expect(await third.claim(id, await laterMessage(), HASH, soon())).toMatchObject({ kind: 'mine', stored: OUTCOME })
  })

  test('leaves its answer to no message with other texts', async () => {
    const { id, owner, commit } = await refusedBySuccessor({ begun: true })
    await frozen.store(id, owner, OUTCOME, soon())
    await commit()
    expect(await third.claim(id, await laterMessage(), 'other texts', soon())).toMatchObject({
      kind: 'mine',
      stored: null,
    })
  })

  test('nor by one that is stored when the successor has died right after the commit', async () => {
    const { id, owner, copy, refusal } = await refusedBySuccessor({ begun: true })
    await next.confirm([refusal], soon())
    fleet.stands(owner, 'committed')
    await frozen.store(id, owner, OUTCOME, soon())
    expect(await third.claim(id, copy, HASH, soon())).toEqual(DUPLICATE)
    expect(await third.claim(id, await laterMessage(), HASH, soon())).toMatchObject({ kind: 'mine' })
  })

  test('nor by one that is held, and written again', async () => {
    const { id, owner, commit } = await refusedBySuccessor({ begun: false })
    await frozen.store(id, owner, OUTCOME, soon())
    frozen.letGo(id, owner)
    await fleet.admin.hdel(fleet.keys.claim(id), 'outcome')
    await commit()
    await frozen.reassertHeld(soon())
    expect(await third.claim(id, await laterMessage(), HASH, soon())).toMatchObject({ kind: 'mine' })
  })

  test('nor by the mark of a worker that only learns of the commit, and had tried to publish an answer', async () => {
    const { id, owner, commit } = await refusedBySuccessor({ begun: true })
    await frozen.store(id, owner, OUTCOME, soon())
    await frozen.confirm([outcomeOf({ id, owner })], soon())
    await commit()
    await frozen.finish([outcomeOf({ id, owner })], 'learned', soon())
    expect(await fleet.admin.exists(fleet.keys.mark(id))).toBe(0)
    expect(await third.claim(id, await laterMessage(), HASH, soon())).toMatchObject({ kind: 'mine' })
  })

  test('keeps its time where its worker was told to let go while it was being committed', async () => {
    const { id, owner, copy, refusal } = await refusedBySuccessor({ begun: false })
    await next.confirm([refusal], soon())
    next.letGo(id, owner)
    fleet.stands(owner, 'committed')
    await next.finish([refusal], 'known', soon())
    expect(await third.claim(id, copy, HASH, soon())).toEqual(DUPLICATE)
    expect(await third.claim(id, await laterMessage(), HASH, soon())).toMatchObject({ kind: 'mine' })
  })

  test('is closed: no call is begun, and copies that were sent before stay refused with it', async () => {
    const { id, owner, copy, commit } = await refusedBySuccessor({ begun: false })
    expect(await frozen.begin(id, owner, false, soon())).toEqual({ kind: 'changed' })
    await commit()
    expect(await frozen.begin(id, owner, false, soon())).toEqual({ kind: 'changed' })
    expect(await frozen.refuse(id, owner, soon())).toEqual({ kind: 'changed' })
    expect(await frozen.claim(id, owner, HASH, soon())).toEqual(MARKED)
    expect(await third.claim(id, copy, HASH, soon())).toEqual(DUPLICATE)
  })
})

describe('an answer that was committed', () => {
  test('is not told as the refusal of a worker that only learns of the commit, and had tried to publish that', async () => {
    const [id, owner, copy] = [newId(), message(), message({ partition: 1 })]
    await frozen.claim(id, owner, HASH, soon())
    const refusal = refusalOf({ id, owner }, await frozen.refuse(id, owner, soon()))
    await frozen.confirm([refusal], soon())
    await next.claim(id, owner, HASH, soon())
    await next.begin(id, owner, false, soon())
    await next.store(id, owner, OUTCOME, soon())
    expect(await next.confirm([outcomeOf({ id, owner })], soon())).toEqual(new Set())
    // It dies before the mark.
    fleet.stands(owner, 'committed')
    await frozen.finish([refusal], 'learned', soon())
    expect(await third.claim(id, copy, HASH, soon())).toEqual(MARKED)
    expect(await third.claim(id, await laterMessage(), HASH, soon())).toEqual(MARKED)
  })

  test('is not taken again for a refusal that was written and never committed', async () => {
    const [id, owner] = [newId(), message()]
    await frozen.claim(id, owner, HASH, soon())
    await frozen.begin(id, owner, false, soon())
    expect(await next.claim(id, owner, HASH, soon())).toMatchObject({ kind: 'mine' })
    await next.confirm([refusalOf({ id, owner }, await next.refuse(id, owner, soon()))], soon())
    next.letGo(id, owner)
    // It thaws, gets its partition back, and dies before the mark.
    await frozen.store(id, owner, OUTCOME, soon())
    expect(await frozen.confirm([outcomeOf({ id, owner })], soon())).toEqual(new Set())
    fleet.stands(owner, 'committed')
    expect(await third.claim(id, await laterMessage(), HASH, soon())).toEqual(MARKED)
  })

  test('is marked by a worker that only learns of the commit', async () => {
    const [id, owner] = [newId(), message()]
    await next.claim(id, owner, HASH, soon())
    await next.store(id, owner, OUTCOME, soon())
    await next.confirm([outcomeOf({ id, owner })], soon())
    await next.finish([outcomeOf({ id, owner })], 'learned', soon())
    expect(await fleet.admin.exists(fleet.keys.mark(id))).toBe(1)
  })
})
