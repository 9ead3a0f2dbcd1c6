import { expect, test } from 'vitest'
import { CallSlots } from '../../src/budget/call-slots.ts'
import { createAdmission } from '../../src/budget/admission.ts'
import { SendPace } from '../../src/budget/send-pace.ts'
import { Gathering, LOAD_LASTS_MS } from '../../src/redis/group-commit.ts'
import type { ReserveReply } from '../../src/budget/scripts.ts'

const quiet = { error() {}, warn() {}, info() {}, debug() {} }
const never = new AbortController().signal
const used = { minute: { requests: 1, tokens: 1 }, day: { requests: 1, tokens: 1 } }
const version = { generation: 'g', seq: 1 }

/** An admission whose script replies when, and what, the test says. */
function admissionWith(slots = new CallSlots(100), gathering = new Gathering(0)) {
  const calls: { ids: string[]; reply: (reply: ReserveReply) => void }[] = []
  const settled: { id: string; billed: number | null }[] = []
  const left: string[] = []
  const admission = createAdmission({
    scripts: {
      reserve(requests) {
        const { promise, resolve } = Promise.withResolvers<ReserveReply>()
        calls.push({ ids: requests.map(({ id }) => id), reply: resolve })
        return promise
      },
      leave: async (id) => void left.push(id),
      async settle(grants) {
        settled.push(...grants.map(({ id, billed }) => ({ id, billed })))
        return version
      },
    },
    retryWhileAway: (_what, operation) => operation(),
    journal: { granted() {}, settled() {} },
    learn: async () => true,
    known: () => null,
    pace: { spacingMs: 0, aheadMs: 0, sendWithinMs: 60_000 },
    maxWaitMs: 1_000,
    slots,
    worker: 'w',
    log: quiet,
    signal: never,
    gathering,
  })
  const grant = (count: number): ReserveReply => ({
    kind: 'granted',
    ...version,
    grants: Array.from({ length: count }, () => ({ atMs: 1, ageMs: 0, used })),
  })
  const ask = (user: string, signal = never, alone = false) =>
    admission.wait({ tokens: 1, user, urgent: false, alone }, signal)
  return { admission, calls, settled, left, grant, ask }
}

/** Two turns of the event loop: one in which what comes together gathers, and the one after it. */
const soon = async () => {
  await new Promise(setImmediate)
  await new Promise(setImmediate)
}

/** Ends a call that was granted. */
async function end(wait: Promise<{ kind: string; slot?: { release(): void } }> | undefined): Promise<void> {
  ;(await wait)?.slot?.release()
}

test('one call asks for all that wait, and those that it does not grant are asked for again', async () => {
  const { calls, grant, ask } = admissionWith()
  const waits = [ask('a'), ask('b'), ask('a')]
  await soon()
  expect(calls[0]?.ids).toHaveLength(3)
  calls[0]?.reply(grant(1))
  await soon()
  expect(calls[1]?.ids).toHaveLength(2)
  calls[1]?.reply(grant(2))
  const grants = await Promise.all(waits)
  expect(new Set(grants.map((each) => (each.kind === 'granted' ? each.id : ''))).size).toBe(3)
})

test('a grant for one that gave up while it was asked for is given back', async () => {
  const { calls, settled, grant, ask } = admissionWith()
  const leaving = new AbortController()
  const wait = ask('a', leaving.signal)
  await soon()
  leaving.abort(new Error('gave up'))
  await expect(wait).rejects.toThrow('gave up')
  calls[0]?.reply(grant(1))
  await soon()
  expect(settled).toEqual([{ id: calls[0]?.ids[0], billed: 0 }])
})

test('the place in the line is kept for the next one when the first gives up, and left with the last', async () => {
  const { admission, calls, left, ask } = admissionWith()
  const leaving = new AbortController()
  const waits = [ask('a', leaving.signal), ask('b', leaving.signal)]
  await soon()
  calls[0]?.reply({ kind: 'wait', ...version, waitMs: 60_000, askAgainMs: 60_000 })
  await soon()
  expect(admission.nextTurnInMs()).toBeGreaterThan(50_000)
  admission.wake(calls[0]?.ids[0] ?? '')
  await soon()
  expect(calls[1]?.ids[0]).toBe(calls[0]?.ids[0])
  calls[1]?.reply({ kind: 'wait', ...version, waitMs: 60_000, askAgainMs: 60_000 })
  await soon()
  leaving.abort(new Error('stopping'))
  await Promise.allSettled(waits)
  await soon()
  expect(left).toEqual([calls[0]?.ids[0]])
  expect(admission.nextTurnInMs()).toBeNull()
})

test('a refusal ends one wait only', async () => {
  const { calls, grant, ask } = admissionWith()
  const waits = [ask('a'), ask('b')]
  await soon()
  calls[0]?.reply({ kind: 'refused', ...version, waitMs: 5_000 })
  expect(await waits[0]).toEqual({ kind: 'refused', waitMs: 5_000 })
  await soon()
  calls[1]?.reply(grant(1))
  expect((await waits[1])?.kind).toBe('granted')
})

test('nobody asks for a grant that has no slot to be used in, and a call that ends lets the next one ask', async () => {
  const slots = new CallSlots(2)
  const { calls, grant, ask } = admissionWith(slots)
  const waits = ['a', 'b', 'c'].map((user) => ask(user))
  await soon()
  expect(calls[0]?.ids).toHaveLength(2)
  calls[0]?.reply(grant(2))
  await soon()
  expect([calls.length, slots.free]).toEqual([1, 0])
  await end(waits[0])
  await soon()
  expect(calls[1]?.ids).toHaveLength(1)
  calls[1]?.reply(grant(1))
  expect((await Promise.all(waits)).map(({ kind }) => kind)).toEqual(['granted', 'granted', 'granted'])
})

test('no more is asked for than can be sent in time: the rest is asked for as calls are sent', async () => {
  const { calls, grant, ask } = admissionWith(new CallSlots(100, new SendPace(2)))
  const waits = ['a', 'b', 'c'].map((user) => ask(user))
  await soon()
  expect(calls[0]?.ids).toHaveLength(2)
  calls[0]?.reply(grant(2))
  await soon()
  expect(calls).toHaveLength(1)
  const first = await waits[0]
  if (first?.kind === 'granted') first.slot.sent()
  await soon()
  expect(calls[1]?.ids).toHaveLength(1)
})

test('a request that has to be alone waits until nothing is in flight, and those behind it wait for it', async () => {
  const slots = new CallSlots(2)
  const { calls, grant, ask } = admissionWith(slots)
  const first = ask('a')
  await soon()
  calls[0]?.reply(grant(1))
  await first
  const alone = ask('b', never, true)
  const behind = ask('c')
  await soon()
  expect(calls).toHaveLength(1)
  await end(first)
  await soon()
  expect(calls[1]?.ids).toHaveLength(1)
  calls[1]?.reply(grant(1))
  await alone
  expect(slots.free).toBe(0)
  await soon()
  expect(calls).toHaveLength(2)
  await end(alone)
  await soon()
  calls[2]?.reply(grant(1))
  expect((await behind).kind).toBe('granted')
})

test('one that has to be alone and gives up before it could lets those behind it ask at once', async () => {
  const { calls, grant, ask } = admissionWith(new CallSlots(2))
  const first = ask('a')
  await soon()
  calls[0]?.reply(grant(1))
  await first
  const leaving = new AbortController()
  const alone = ask('b', leaving.signal, true)
  void ask('c')
  await soon()
  leaving.abort(new Error('the partition was revoked'))
  await expect(alone).rejects.toThrow('revoked')
  await soon()
  expect(calls[1]?.ids).toHaveLength(1)
})

test('those that give up before they are asked for leave nothing that waits', async () => {
  const { calls, grant, ask } = admissionWith()
  const leaving = new AbortController()
  const wait = ask('a', leaving.signal)
  leaving.abort(new Error('gave up'))
  await expect(wait).rejects.toThrow('gave up')
  await soon()
  const next = ask('b')
  await soon()
  expect(calls).toHaveLength(1)
  calls[0]?.reply(grant(1))
  expect((await next).kind).toBe('granted')
})

test('a request that comes soon after several waits for company, and one that comes long after them for none', async () => {
  let nowMs = 0
  const lingering = () => admissionWith(new CallSlots(100), new Gathering(60_000, () => nowMs))
  for (const [pauseMs, asked] of [
    [LOAD_LASTS_MS - 1, 1],
    [LOAD_LASTS_MS, 2],
  ] as const) {
    const { calls, grant, ask } = lingering()
    const burst = [ask('a'), ask('b')]
    await soon()
    calls[0]?.reply(grant(2))
    await Promise.all(burst)
    nowMs += pauseMs
    void ask('c')
    await soon()
    expect(calls).toHaveLength(asked)
  }
})
