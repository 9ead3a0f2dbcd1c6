import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import type { TcpProxy } from '../support/tcp-proxy.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { waitUntil } from '../support/wait.ts'
import type { Fleet, FleetWorker } from './fleet.ts'
import { letterOf, message, outcomeOf, soon, startFleet } from './fleet.ts'
import { HASH, MINE, OUTCOME, newId } from './words.ts'

let fleet: Fleet
let proxy: TcpProxy
/** It reaches Redis through the proxy. */
let far: FleetWorker
let near: FleetWorker

beforeEach(async () => {
  const url = new URL(inject('redisUrl'))
  fleet = await startFleet(inject('redisUrl'))
  proxy = await startTcpProxy({ to: { host: url.hostname, port: Number(url.port) } })
  far = await fleet.worker({ host: '127.0.0.1', port: proxy.port })
  near = await fleet.worker()
  await loadScripts()
})
afterEach(async () => {
  await fleet.stop()
  await proxy.stop()
})

/** So that Redis runs a script by its digest: the reply that asks for its text may be one that is lost. */
async function loadScripts(): Promise<void> {
  const [id, owner] = [newId(), message()]
  await near.claim(id, owner, HASH, soon())
  await near.refuse(id, owner, soon())
  await near.claim(id, owner, HASH, soon())
  await near.begin(id, owner, false, soon())
  await near.store(id, owner, OUTCOME, soon())
}

/** Keeps a script's reply from the far worker, and waits until Redis has run it. */
async function withoutReply(start: () => Promise<unknown>, ran: () => Promise<boolean>): Promise<Promise<unknown>[]> {
  proxy.silence('down')
  const result = start()
  await waitUntil(ran, 10_000, () => 'the script did not arrive')
  proxy.reset()
  proxy.heal()
  return [result]
}

const field = (id: bigint, name: string) => fleet.admin.hget(fleet.keys.claim(id), name)

describe('an operation whose reply is lost is carried out again, with no harm', () => {
  test('a claim', async () => {
    const [id, owner] = [newId(), message()]
    const ran = async () => (await field(id, 'owner')) !== null
    const [claim] = await withoutReply(() => far.claim(id, owner, HASH, soon()), ran)
    expect(await claim).toEqual(MINE)
  })

  test('a start of a call: it is counted once', async () => {
    const [id, owner] = [newId(), message()]
    await far.claim(id, owner, HASH, soon())
    const ran = async () => (await field(id, 'starts')) === '1'
    const [begun] = await withoutReply(() => far.begin(id, owner, false, soon()), ran)
    expect(await begun).toMatchObject({ kind: 'begun', starts: 1 })
  })

  test('an answer', async () => {
    const [id, owner] = [newId(), message()]
    await far.claim(id, owner, HASH, soon())
    const ran = async () => (await field(id, 'state')) === 'answered'
    const [stored] = await withoutReply(() => far.store(id, owner, OUTCOME, soon()), ran)
    expect(await stored).toEqual({ kind: 'stored', outcome: OUTCOME })
  })

  test('a refusal: its time is the first one', async () => {
    const [id, owner] = [newId(), message()]
    await far.claim(id, owner, HASH, soon())
    const ran = async () => (await field(id, 'state')) === 'refused'
    const [refused] = await withoutReply(() => far.refuse(id, owner, soon()), ran)
    expect(await refused).toEqual({ kind: 'refused', atMs: Number(await field(id, 'refused_at')) })
  })
})

describe('an operation that reaches Redis long after its worker was gone', () => {
  /** What the far worker sends is held back by the network until the returned function lets it through. */
  async function late(start: () => Promise<unknown>): Promise<() => Promise<void>> {
    proxy.silence('up')
    const passed = proxy.bytes('up')
    void start().catch(() => 'its worker is gone')
    await sleep(100)
    return async () => {
      proxy.heal()
      await waitUntil(
        () => proxy.bytes('up') > passed,
        10_000,
        () => 'nothing came through',
      )
      await sleep(200)
    }
  }

  test('a start of a call does not keep its successor from an answer that is stored', async () => {
    const [id, owner] = [newId(), message()]
    await far.claim(id, owner, HASH, soon())
    const arrive = await late(() => far.begin(id, owner, false, soon()))
    await near.claim(id, owner, HASH, soon())
    await near.begin(id, owner, false, soon())
    await arrive()
    expect(await near.store(id, owner, OUTCOME, soon())).toEqual({ kind: 'stored', outcome: OUTCOME })
    expect(await field(id, 'starts')).toBe('1')
  })

  test('a claim takes nothing from the message that has the id now', async () => {
    const [id, owner, copy] = [newId(), message(), message()]
    const arrive = await late(() => far.claim(id, owner, HASH, soon()))
    await near.claim(id, copy, HASH, soon())
    await arrive()
    expect(await near.confirm([outcomeOf({ id, owner: copy })], soon())).toEqual(new Set())
  })

  test('an answer, a refusal and a mark of a message that lost its id change nothing for the new owner', async () => {
    const [id, owner, copy] = [newId(), message(), message()]
    await far.claim(id, owner, HASH, soon())
    const arrive = await late(() =>
      Promise.all([
        far.store(id, owner, OUTCOME, soon()),
        far.refuse(id, owner, soon()),
        far.finish([letterOf({ id, owner })], 'known', soon()),
      ]),
    )
    fleet.stands(owner, 'gone')
    expect(await near.claim(id, copy, HASH, soon())).toEqual(MINE)
    await arrive()
    expect(await near.claim(id, copy, HASH, soon())).toEqual(MINE)
    expect(await near.confirm([outcomeOf({ id, owner: copy })], soon())).toEqual(new Set())
  })
})

test('while Redis is away a claim waits, and goes on by itself', async () => {
  const [id, owner] = [newId(), message()]
  proxy.cut()
  const claim = far.claim(id, owner, HASH, soon())
  await sleep(300)
  proxy.heal()
  expect(await claim).toEqual(MINE)
})

test('a start that is given up while its reply is on the way is taken back', async () => {
  const [id, owner] = [newId(), message()]
  await far.claim(id, owner, HASH, soon())
  proxy.silence('down')
  const stop = new AbortController()
  const begun = far.begin(id, owner, false, stop.signal).catch((error: Error) => error.message)
  await waitUntil(
    async () => (await field(id, 'starts')) === '1',
    10_000,
    () => 'the start did not arrive',
  )
  stop.abort(new Error('stop'))
  proxy.reset()
  proxy.heal()
  expect(await begun).toBe('stop')
  expect(await near.claim(id, owner, HASH, soon())).toEqual(MINE)
})
