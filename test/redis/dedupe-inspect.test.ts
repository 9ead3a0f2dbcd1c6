import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { forgetResult, inspectId, readKeptResult, readStages } from '../../src/claims/inspect.ts'
import type { Fleet, FleetWorker } from './fleet.ts'
import { message, outcomeOf, soon, startFleet } from './fleet.ts'

let fleet: Fleet
let worker: FleetWorker
let lastId = 1n
const look = (id: bigint) => inspectId(fleet.admin, fleet.keys, id)

beforeAll(async () => {
  fleet = await startFleet(inject('redisUrl'))
  worker = await fleet.worker()
})
afterAll(() => fleet.stop())

async function claimed() {
  const [id, owner] = [lastId++, message()]
  await worker.claim(id, owner, 'payload', soon())
  return { id, owner }
}

test('an id that was never seen', async () => {
  expect(await look(lastId++)).toEqual({ markedForMs: null, claim: null })
})

test('an id on its way: waiting, asked, answered, published', async () => {
  const { id, owner } = await claimed()
  expect((await look(id)).claim).toEqual({
    owner,
    state: 'open',
    hasAnswer: false,
    isAsked: false,
    refusedAtMs: null,
    starts: 0,
    startsAlone: 0,
    fruitless: 0,
  })
  await worker.begin(id, owner, true, soon())
  expect((await look(id)).claim).toMatchObject({ isAsked: true, starts: 1, startsAlone: 1 })
  await worker.store(id, owner, 'answer', soon())
  expect((await look(id)).claim).toMatchObject({ state: 'answered', hasAnswer: true, isAsked: false })
  await worker.finish([outcomeOf({ id, owner })], 'known', soon())
  const { markedForMs, claim } = await look(id)
  expect(markedForMs).toBeGreaterThan(0)
  expect(claim).toMatchObject({ state: 'answered', hasAnswer: false })
})

test('calls that ended without an outcome are told beside those that count against the message', async () => {
  const { id, owner } = await claimed()
  for (let call = 0; call < 3; call++) {
    const begun = await worker.begin(id, owner, false, soon())
    if (begun.kind !== 'begun') throw new Error('not begun')
    await worker.end(begun.lease, soon())
    // As when the reply to the first time was lost.
    await worker.end(begun.lease, soon())
  }
  await worker.begin(id, owner, false, soon())
  expect((await look(id)).claim).toMatchObject({ isAsked: true, starts: 1, fruitless: 3 })
})

test('a message on its way to its outcome, and a copy of it', async () => {
  const { id, owner } = await claimed()
  const stages = () =>
    readStages(fleet.admin, fleet.keys, [
      { id, ...owner },
      { id, ...message() },
    ])
  expect(await stages()).toEqual(['taken', 'taken'])
  await worker.begin(id, owner, true, soon())
  expect(await stages()).toEqual(['asked', 'asked'])
  await worker.store(id, owner, 'answer', soon())
  expect(await stages()).toEqual(['answered', 'answered'])
  await worker.finish([outcomeOf({ id, owner })], 'known', soon())
  expect(await stages()).toEqual(['answered', 'duplicate'])
  expect(await readStages(fleet.admin, fleet.keys, [{ id: lastId++, ...message() }])).toEqual(['unclaimed'])
})

test('a message whose id was refused as another message is not claimed yet', async () => {
  const { id, owner } = await claimed()
  await worker.refuse(id, owner, soon())
  const stages = await readStages(fleet.admin, fleet.keys, [
    { id, ...owner },
    { id, ...message() },
  ])
  expect(stages).toEqual(['refused', 'unclaimed'])
})

test('an id that was refused', async () => {
  const { id, owner } = await claimed()
  const refused = await worker.refuse(id, owner, soon())
  expect((await look(id)).claim).toMatchObject({ state: 'refused', refusedAtMs: (refused as { atMs: number }).atMs })
})

test('an answer that is forgotten before it was published is asked for anew, by the same message only', async () => {
  const { id, owner } = await claimed()
  await worker.store(id, owner, 'answer', soon())
  worker.letGo(id, owner)
  expect((await forgetResult(fleet.admin, fleet.keys, id)).hadAnswer).toBe(true)
  expect((await forgetResult(fleet.admin, fleet.keys, id)).hadAnswer).toBe(false)
  const other = await fleet.worker()
  expect(await other.claim(id, message(), 'payload', soon())).toMatchObject({ kind: 'duplicate' })
  expect(await other.claim(id, owner, 'payload', soon())).toMatchObject({ kind: 'mine', stored: null })
  expect(await other.begin(id, owner, false, soon())).toMatchObject({ kind: 'begun' })
  expect(await other.store(id, owner, 'another', soon())).toEqual({ kind: 'stored', outcome: 'another' })
})

test('why it got its score is kept with the mark, as long as the mark, and is forgotten', async () => {
  const { id, owner } = await claimed()
  await worker.store(id, owner, 'answer', soon())
  const other = await claimed()
  await worker.store(other.id, other.owner, 'answer', soon())
  await worker.finish([{ ...outcomeOf({ id, owner }), reasons: 'why' }, outcomeOf(other)], 'known', soon())
  expect(await readKeptResult(fleet.admin, fleet.keys, id)).toEqual({ reasons: 'why', outcome: null })
  expect(await readKeptResult(fleet.admin, fleet.keys, other.id)).toEqual({ reasons: null, outcome: null })
  // Read in one step: time passes between two.
  const lives = await fleet.admin.multi().pttl(fleet.keys.claim(id)).pttl(fleet.keys.mark(id)).exec()
  const [claimMs = 0, markMs = 0] = (lives ?? []).map(([, lifeMs]) => Number(lifeMs))
  expect(markMs).toBeGreaterThan(0)
  expect(claimMs).toBeGreaterThanOrEqual(markMs - 1_000)
  expect(await forgetResult(fleet.admin, fleet.keys, id)).toEqual({ hadAnswer: false, hadReasons: true })
  expect(await readKeptResult(fleet.admin, fleet.keys, id)).toEqual({ reasons: null, outcome: null })
  expect((await look(id)).markedForMs).toBeGreaterThan(0)
})
