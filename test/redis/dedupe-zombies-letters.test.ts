/** Two runs of one message, one of which dead-letters it, in every order of their writes. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { letterOf, message, outcomeOf, soon } from './fleet.ts'
import { DUPLICATE, HASH, MARKED, MINE, OUTCOME, newId } from './words.ts'
import { fleet, frozen, next, third } from './zombies.ts'

describe('a dead letter', () => {
  /** The successor claims the message, stores an answer if `answered`, and dead-letters the message. */
  async function letter({ answered }: { answered: boolean }) {
    const [id, owner] = [newId(), message()]
    await next.claim(id, owner, HASH, soon())
    if (answered) await next.store(id, owner, OUTCOME, soon())
    expect(await next.confirm([letterOf({ id, owner })], soon())).toEqual(new Set())
    const commit = () => fleet.stands(owner, 'committed')
    const finish = async () => {
      commit()
      await next.finish([letterOf({ id, owner })], 'known', soon())
    }
    return { id, owner, commit, finish }
  }

  test('with an answer is free as soon as it is committed, though its worker dies then', async () => {
    const { id, commit } = await letter({ answered: true })
    const [copy, shorter] = [message({ partition: 1 }), message()]
    expect(await third.claim(id, copy, HASH, soon())).toEqual(DUPLICATE)
    commit()
    expect(await third.claim(id, shorter, 'a shorter one', soon())).toEqual(MINE)
  })

  test('that was never committed leaves its answer to the same message', async () => {
    const { id, owner } = await letter({ answered: true })
    expect(await third.claim(id, owner, HASH, soon())).toEqual({ ...MINE, stored: OUTCOME })
    expect(await third.confirm([outcomeOf({ id, owner })], soon())).toEqual(new Set())
    fleet.stands(owner, 'committed')
    expect(await next.claim(id, message(), HASH, soon())).toEqual(MARKED)
  })

  test('of a thawed worker does not take the id from its successor', async () => {
    const [id, owner] = [newId(), message()]
    await frozen.claim(id, owner, HASH, soon())
    await frozen.store(id, owner, OUTCOME, soon())
    expect(await next.claim(id, owner, HASH, soon())).toMatchObject({ kind: 'mine', stored: OUTCOME })
    await frozen.confirm([letterOf({ id, owner })], soon())
    expect(await next.confirm([outcomeOf({ id, owner })], soon())).toEqual(new Set())
  })

  test('without an answer keeps its count of starts until it is committed', async () => {
    const [id, owner] = [newId(), message()]
    await next.claim(id, owner, HASH, soon())
    await next.begin(id, owner, true, soon())
    await next.confirm([letterOf({ id, owner })], soon())
    expect(await fleet.admin.hget(fleet.keys.claim(id), 'starts')).toBe('1')
  })

  test('frees its id: sent again, it is processed', async () => {
    const { id, finish } = await letter({ answered: false })
    await finish()
    expect(await third.claim(id, message(), HASH, soon())).toEqual(MINE)
  })

  test('keeps the answer that could not be published, for the message that is sent again', async () => {
    const { id, finish } = await letter({ answered: true })
    await finish()
    expect(await third.claim(id, message(), HASH, soon())).toEqual({ ...MINE, stored: OUTCOME })
    expect(await next.claim(id, message(), HASH, soon())).toEqual(DUPLICATE)
  })

  test('keeps no answer for other texts under its id', async () => {
    const { id, finish } = await letter({ answered: true })
    await finish()
    expect(await third.claim(id, message(), 'payload-2', soon())).toEqual(MINE)
  })

  test('does not free the id of the message that has taken it over meanwhile', async () => {
    const { id, finish, commit } = await letter({ answered: false })
    commit()
    expect(await third.claim(id, message(), HASH, soon())).toEqual(MINE)
    await finish()
    expect(await next.claim(id, message(), HASH, soon())).toEqual(DUPLICATE)
  })

  test('is closed: an answer that comes late is kept for the message that is sent again', async () => {
    const [id, owner] = [newId(), message()]
    await frozen.claim(id, owner, HASH, soon())
    await frozen.begin(id, owner, true, soon())
    expect(await next.claim(id, owner, HASH, soon())).toMatchObject({ kind: 'mine', startsAlone: 1 })
    await next.confirm([letterOf({ id, owner })], soon())
    fleet.stands(owner, 'committed')
    await next.finish([letterOf({ id, owner })], 'known', soon())
    await frozen.reassertHeld(soon())
    expect(await frozen.store(id, owner, OUTCOME, soon())).toEqual({ kind: 'duplicate' })
    expect(await frozen.confirm([outcomeOf({ id, owner })], soon())).toHaveLength(1)
    expect(await third.claim(id, message(), HASH, soon())).toEqual({ ...MINE, stored: OUTCOME })
  })

  test.each([true, false])(
    'is closed (answered: %s): nobody refuses, begins or claims its message again',
    async (answered) => {
      const { id, owner, finish } = await letter({ answered })
      await finish()
      const again = message()
      await sleep(5)
      expect(await frozen.claim(id, owner, HASH, soon())).toEqual(MARKED)
      expect(await frozen.refuse(id, owner, soon())).toEqual({ kind: 'changed' })
      expect(await frozen.begin(id, owner, false, soon())).toEqual({ kind: 'changed' })
      expect(await third.claim(id, again, HASH, soon())).toMatchObject({ kind: 'mine' })
    },
  )

  test('that a worker only learns of frees nothing', async () => {
    const [id, owner] = [newId(), message()]
    await frozen.claim(id, owner, HASH, soon())
    await frozen.confirm([letterOf({ id, owner })], soon())
    await next.claim(id, owner, HASH, soon())
    await next.store(id, owner, OUTCOME, soon())
    await next.confirm([outcomeOf({ id, owner })], soon())
    fleet.stands(owner, 'committed')
    await frozen.finish([letterOf({ id, owner })], 'learned', soon())
    expect(await third.claim(id, message(), HASH, soon())).toEqual(MARKED)
  })
})
