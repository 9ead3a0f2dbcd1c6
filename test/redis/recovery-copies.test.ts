/** How a fleet repairs its data when Redis comes back as an older copy, without its data, or with all of it. */
import { describe, expect, test } from 'vitest'
import { startLocalRedis } from '../support/services.ts'
import { waitUntil } from '../support/wait.ts'
import { message, outcomeOf, refusalOf, soon, startFleet } from './fleet.ts'
import { DUPLICATE, HASH, MARKED, MINE, OUTCOME, newId } from './words.ts'
import { fleet, published, finish, leaders } from './recoveries.ts'

describe('an older copy of what Redis held', () => {
  test('on another server: noticed before anything is claimed, and the outcomes since are marked again', async () => {
    const [one, two] = [await fleet.worker(), await fleet.worker()]
    const [before, after] = [newId(), newId()]
    await finish(one, before)
    for (const record of fleet.notifications) record.timestampMs -= 10_000
    const goBack = await fleet.copy()
    await finish(one, after)
    await goBack()
    await fleet.admin.hset(fleet.keys.state, 'server', 'the one that died')
    expect(await two.claim(after, message(), HASH, soon())).toEqual(MARKED)
    expect(await two.claim(before, message(), HASH, soon())).toEqual(MARKED)
    const told = [one, two].flatMap(({ budget }) => budget.spendings.flat())
    expect(told.reduce((sum, { requests }) => sum + requests, 0)).toBe(1)
  })

  test('on the same server: noticed by the worker that has seen more', async () => {
    const [one, two] = [await fleet.worker(), await fleet.worker()]
    const id = newId()
    const goBack = await fleet.copy()
    for (let i = 0; i < 50; i++) await one.claim(newId(), message(), HASH, soon())
    await finish(one, id)
    await goBack()
    await waitUntil(
      () => leaders(one, two) === 1,
      10_000,
      () => 'the older copy went unnoticed',
    )
    expect(await two.claim(id, message(), HASH, soon())).toEqual(MARKED)
  })

  test('what was about to be published is written again by the worker that holds it', async () => {
    const [one, two] = [await fleet.worker(), await fleet.worker()]
    const [id, owner, copy] = [newId(), message(), message({ partition: 1 })]
    await one.claim(id, owner, HASH, soon())
    const refusal = refusalOf({ id, owner }, await one.refuse(id, owner, soon()))
    const goBack = await fleet.copy()
    await one.confirm([refusal], soon())
    await goBack()
    await one.reassertHeld(soon())
    fleet.stands(owner, 'committed')
    one.die()
    expect(await two.claim(id, copy, HASH, soon())).toEqual(DUPLICATE)
  })

  test('an answer that it lost is written again by the worker that holds it', async () => {
    const [one, two] = [await fleet.worker(), await fleet.worker()]
    const [id, owner] = [newId(), message()]
    await one.claim(id, owner, HASH, soon())
    const goBack = await fleet.copy()
    await one.store(id, owner, OUTCOME, soon())
    await goBack()
    await one.confirm([outcomeOf({ id, owner })], soon())
    expect(await two.claim(id, owner, HASH, soon())).toEqual({ ...MINE, stored: OUTCOME })
  })
})

describe('a Redis of its own', () => {
  test('killed without a file: every id that was finished is still skipped', async () => {
    const redis = await startLocalRedis({ persist: false })
    const own = await startFleet(redis.url)
    try {
      const worker = await own.worker()
      const id = newId()
      own.notifications.push(published(id))
      await worker.claim(newId(), message(), HASH, soon())
      await redis.kill('SIGKILL')
      await redis.restart()
      expect(await worker.claim(id, message(), HASH, soon())).toEqual(MARKED)
    } finally {
      await own.stop()
      await redis.stop()
    }
  })

  test('restarted with all its data: checked, and the budget stays open', async () => {
    const redis = await startLocalRedis({ args: ['--appendfsync', 'always'] })
    const own = await startFleet(redis.url)
    try {
      const worker = await own.worker()
      const [id, owner] = [newId(), message()]
      await worker.claim(id, owner, HASH, soon())
      await worker.store(id, owner, OUTCOME, soon())
      await redis.restart()
      expect(await worker.claim(id, owner, HASH, soon())).toEqual({ ...MINE, stored: OUTCOME })
      await waitUntil(
        () => leaders(worker) === 1,
        10_000,
        () => 'the restart went unnoticed',
      )
      expect(worker.budget.closedForMs).toEqual([])
      expect(worker.budget.spendings).toEqual([])
    } finally {
      await own.stop()
      await redis.stop()
    }
  })
})
