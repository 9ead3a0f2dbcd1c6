/** Who owns an id: the first message or a copy of it, and who takes over from an owner that nobody will read again. */
import { describe, expect, test } from 'vitest'
import { message, outcomeOf, soon } from './fleet.ts'
import { fleet, one, two } from './two-workers.ts'
import { DUPLICATE, HASH, MARKED, MINE, OUTCOME, newId } from './words.ts'

describe('the first message with an id', () => {
  test('owns it; copies on other partitions are skipped while it is due, whoever asks first', async () => {
    const id = newId()
    const copies = [0, 1, 2, 3].map((partition) => message({ partition }))
    const claims = await Promise.all(copies.map((copy, i) => (i % 2 ? one : two).claim(id, copy, HASH, soon())))
    expect(claims.filter(({ kind }) => kind === 'mine')).toEqual([MINE])
    expect(claims.filter(({ kind }) => kind === 'duplicate')).toEqual([DUPLICATE, DUPLICATE, DUPLICATE])
  })

  test('goes on when it is delivered again', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    expect(await two.claim(id, owner, HASH, soon())).toEqual(MINE)
  })

  test('a copy with another payload is a duplicate, told as a conflict', async () => {
    const id = newId()
    await one.claim(id, message(), HASH, soon())
    expect(await two.claim(id, message(), 'payload-2', soon())).toEqual({ ...DUPLICATE, conflict: true })
  })

  test('an id of 64 bits is kept apart from its neighbour', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    expect(await one.claim(newId(), message(), HASH, soon())).toEqual(MINE)
  })
})

describe('after the commit', () => {
  test('the mark is the contract’s: value, name and life; copies are skipped by it', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    await one.store(id, owner, OUTCOME, soon())
    await one.finish([outcomeOf({ id, owner })], 'known', soon())
    const mark = `${fleet.prefix}processed_messages:${id}`
    expect(await fleet.admin.get(mark)).toBe('_')
    const lifeMs = await fleet.admin.pttl(mark)
    expect(lifeMs).toBeGreaterThan(259_200_000 - 60_000)
    expect(lifeMs).toBeLessThanOrEqual(259_200_000)
    expect(await two.claim(id, message(), HASH, soon())).toEqual(MARKED)
    expect(await two.claim(id, owner, HASH, soon())).toEqual(MARKED)
  })

  test('a worker that died before it could mark: the copy marks, and is skipped', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    await one.store(id, owner, OUTCOME, soon())
    await one.confirm([outcomeOf({ id, owner })], soon())
    fleet.stands(owner, 'committed')
    expect(await two.claim(id, message(), HASH, soon())).toEqual(MARKED)
    expect(await fleet.admin.get(fleet.keys.mark(id))).toBe('_')
  })

  test('a mark without a claim skips; a claim without its mark marks', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    await one.store(id, owner, OUTCOME, soon())
    await one.finish([outcomeOf({ id, owner })], 'known', soon())
    fleet.stands(owner, 'committed')
    await fleet.admin.del(fleet.keys.mark(id))
    expect(await two.claim(id, message(), HASH, soon())).toEqual(MARKED)
    await fleet.admin.del(fleet.keys.claim(id))
    expect(await two.claim(id, message(), HASH, soon())).toEqual(MARKED)
  })

  test('marking twice, or late, changes nothing', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    await one.store(id, owner, OUTCOME, soon())
    await one.finish([outcomeOf({ id, owner })], 'known', soon())
    await one.finish([outcomeOf({ id, owner })], 'known', soon())
    expect(await two.confirm([outcomeOf({ id, owner })], soon())).toHaveLength(1)
    expect(await two.claim(id, message(), HASH, soon())).toEqual(MARKED)
  })

  test('many are marked at once', async () => {
    const items = Array.from({ length: 300 }, () => outcomeOf({ id: newId(), owner: message() }))
    await Promise.all(items.map(({ id, owner }) => one.claim(id, owner, HASH, soon())))
    await Promise.all(items.map(({ id, owner }) => one.store(id, owner, OUTCOME, soon())))
    expect(await one.confirm(items, soon())).toEqual(new Set())
    await one.finish(items, 'known', soon())
    expect(await fleet.admin.exists(...items.map(({ id }) => fleet.keys.mark(id)))).toBe(300)
  })
})

describe('an owner that nobody will read again', () => {
  test('deleted by retention with its answer paid: the copy takes the answer over', async () => {
    const [id, owner, copy] = [newId(), message(), message({ partition: 1 })]
    await one.claim(id, owner, HASH, soon())
    await one.store(id, owner, OUTCOME, soon())
    fleet.stands(owner, 'gone')
    expect(await two.claim(id, copy, HASH, soon())).toEqual({ ...MINE, stored: OUTCOME })
    const items = [outcomeOf({ id, owner })]
    expect(await one.confirm(items, soon())).toEqual(new Set(items))
  })

  test('deleted by retention, with another payload: its answer is not the copy’s', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    await one.store(id, owner, OUTCOME, soon())
    fleet.stands(owner, 'gone')
    expect(await two.claim(id, message(), 'payload-2', soon())).toEqual(MINE)
  })

  test('committed with an answer that was never about to be published: the copy takes it over', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    await one.store(id, owner, OUTCOME, soon())
    fleet.stands(owner, 'committed')
    expect(await two.claim(id, message(), HASH, soon())).toEqual({ ...MINE, stored: OUTCOME })
  })

  test('committed without an outcome, as a dead letter is: the copy is processed', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    fleet.stands(owner, 'committed')
    expect(await two.claim(id, message(), HASH, soon())).toEqual(MINE)
  })

  test('a topic made anew: the same offset with another time is another message', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    const anew = { ...owner, timestampMs: owner.timestampMs + 1 }
    expect(await two.claim(id, anew, HASH, soon())).toEqual(MINE)
    expect(await one.store(id, owner, OUTCOME, soon())).toEqual({ kind: 'duplicate' })
  })

  test('its late run neither asks the model nor refuses once a copy has taken over', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    fleet.stands(owner, 'gone')
    await two.claim(id, message(), HASH, soon())
    expect(await one.begin(id, owner, false, soon())).toEqual({ kind: 'changed' })
    expect(await one.refuse(id, owner, soon())).toEqual({ kind: 'changed' })
  })

  test('only one of two copies takes it over; the other finds it changed', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    fleet.stands(owner, 'gone')
    const claims = await Promise.all([one, two, one, two].map((worker) => worker.claim(id, message(), HASH, soon())))
    expect(claims.filter(({ kind }) => kind === 'mine')).toHaveLength(1)
  })

  test('an answer that is stored and published while the copy decides stands', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    fleet.stands(owner, 'committed')
    fleet.meanwhile(owner, async () => {
      await one.store(id, owner, OUTCOME, soon())
      await one.confirm([outcomeOf({ id, owner })], soon())
    })
    expect(await two.claim(id, message(), HASH, soon())).toEqual(MARKED)
  })

  test('a call that is begun while the copy decides is not disturbed unless its message is still not due', async () => {
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    fleet.stands(owner, 'gone')
    fleet.meanwhile(owner, async () => {
      await one.begin(id, owner, false, soon())
      fleet.stands(owner, 'due')
    })
    expect(await two.claim(id, message(), HASH, soon())).toEqual(DUPLICATE)
  })
})
