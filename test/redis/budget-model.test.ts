import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BUDGET_WINDOWS } from '../../src/budget/limits.ts'
import type { BudgetLimits } from '../../src/budget/limits.ts'
import type { Granted, ReserveReply } from '../../src/budget/scripts.ts'
import { createModel } from './budget-model.ts'
import { budgetWithClock } from './budget-with-clock.ts'

const RENEWAL_MS = 10_000

/** A grant with the seq of its reply. */
type Grant = Granted & { seq: number }

type Step =
  | { do: 'pass'; ms: number }
  | { do: 'ask'; worker: number; tokens: number; patienceMs: number }
  | { do: 'settle'; which: number; part: number }
  | { do: 'send again'; which: number }
  | { do: 'leave' | 'crash'; worker: number }
  | { do: 'hold'; ms: number }
  | { do: 'narrow'; which: number; kind: 'requests' | 'tokens'; remaining: number; resetMs: number }

const worker = fc.nat(2)
const which = fc.nat(1_000)
const pass = fc
  .oneof(fc.nat(20), fc.nat(2_000), fc.nat(70_000), fc.nat(90_000_000))
  .map((ms): Step => ({ do: 'pass', ms }))
const ask = fc
  .record({ worker, tokens: fc.integer({ min: 1, max: 1_000 }), patienceMs: fc.constantFrom(0, 900_000, 1e9) })
  .map((step): Step => ({ do: 'ask', ...step }))
const settle = fc
  .record({ which, part: fc.constantFrom(0, 0.1, 0.5, 1, 1.3, 3) })
  .map((step): Step => ({ do: 'settle', ...step }))
const rare = fc.oneof(
  which.map((which): Step => ({ do: 'send again', which })),
  fc.record({ do: fc.constantFrom('leave', 'crash'), worker }) as fc.Arbitrary<Step>,
  fc.nat(90_000).map((ms): Step => ({ do: 'hold', ms })),
  fc
    .record({
      which,
      kind: fc.constantFrom('requests' as const, 'tokens' as const),
      remaining: fc.nat(5),
      resetMs: fc.oneof(fc.nat(60_000), fc.nat(4_000_000)),
    })
    .map((step): Step => ({ do: 'narrow', ...step })),
)
const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: pass },
    { weight: 6, arbitrary: ask },
    { weight: 2, arbitrary: settle },
    { weight: 1, arbitrary: rare },
  ),
  { minLength: 10, maxLength: 60 },
)
const limit = (most: number) => fc.option(fc.integer({ min: 1, max: most }), { freq: 3 })
const tokenLimit = fc.option(fc.integer({ min: 1_000, max: 4_000 }), { freq: 3 })
const budget = fc.record({
  requestsPerMinute: limit(6),
  requestsPerDay: limit(15),
  tokensPerMinute: tokenLimit,
  tokensPerDay: tokenLimit.map((tokens) => tokens && tokens * 4),
})

/** No window of the provider's length holds more than its limit, with what each grant is known to weigh at the end. */
function expectNeverOver(limits: BudgetLimits, grants: { atMs: number; most: number }[]) {
  const windows = [
    [60_000, limits.requestsPerMinute, limits.tokensPerMinute],
    [86_400_000, limits.requestsPerDay, limits.tokensPerDay],
  ] as const
  for (const [lengthMs, requests, tokens] of windows) {
    for (const { atMs } of grants) {
      const inside = grants.filter((one) => one.atMs > atMs - lengthMs && one.atMs <= atMs)
      expect(inside.length).toBeLessThanOrEqual(requests ?? Infinity)
      expect(inside.reduce((sum, one) => sum + one.most, 0)).toBeLessThanOrEqual(tokens ?? Infinity)
    }
  }
}

/** Runs the steps on the scripts and on the model. Returns the answers of both. */
async function takeAtBoth(limits: BudgetLimits, burst: number | null, steps: Step[]) {
  const real = await budgetWithClock(limits, burst)
  const model = createModel({ limits, windows: BUDGET_WINDOWS, pace: real.pace, renewalMs: RENEWAL_MS })
  const grants: { id: string; tokens: number; reply: Grant; unsettled: boolean }[] = []
  /** What each worker waits with. */
  const heads = new Map<number, { id: string; tokens: number }>()
  const answers: { real: unknown[]; model: unknown[] } = { real: [], model: [] }
  const ids = Array.from({ length: steps.length }, (_, number) => `r${number}`).values()

  async function ask(step: Step & { do: 'ask' }, now: number): Promise<void> {
    const { id, tokens } = heads.get(step.worker) ?? { id: ids.next().value ?? '', tokens: step.tokens }
    const reply = await real.at(() => real.scripts.reserve([{ id, tokens }], step.patienceMs, null))
    answers.real.push(essence(reply))
    answers.model.push(model.reserve(id, tokens, step.patienceMs, now))
    heads.delete(step.worker)
    if (reply.kind === 'wait') heads.set(step.worker, { id, tokens })
    if (reply.kind === 'granted') grants.push({ id, tokens, reply: grantIn(reply), unsettled: true })
  }

  async function withGrant(step: Step & { which: number }, now: number): Promise<void> {
    const grant = grants[step.which % Math.max(1, grants.length)]
    if (grant === undefined) return
    const { id, tokens, reply } = grant
    // Unsettled reservations are remembered for an hour at least.
    if (step.do === 'send again' && grant.unsettled && now - reply.atMs < 3_600_000) {
      answers.real.push(essence(await real.at(() => real.scripts.reserve([{ id, tokens }], 0, null))))
      answers.model.push(model.reserveAgain(reply.atMs, now))
    }
    if (step.do === 'settle') {
      const billed = Math.floor(tokens * step.part)
      await real.at(() => real.scripts.settle([{ id, atMs: reply.atMs, billed }]))
      if (grant.unsettled) model.settle(id, billed)
      grant.unsettled = false
    }
    if (step.do === 'narrow') {
      const { kind, resetMs, remaining } = step
      const said = { requests: null, tokens: null, [kind]: { units: remaining, resetMs } }
      await real.at(() => real.scripts.narrow(said, reply))
      model.narrow(kind, { remaining, resetMs }, reply, now)
    }
  }

  async function take(step: Step): Promise<void> {
    const now = real.now()
    if (step.do === 'pass') real.pass(step.ms)
    if (step.do === 'ask') await ask(step, now)
    if (step.do === 'crash') heads.delete(step.worker)
    if (step.do === 'leave') {
      const id = heads.get(step.worker)?.id ?? 'unknown'
      heads.delete(step.worker)
      await real.at(() => real.scripts.leave(id))
      model.leave(id, now)
    }
    if (step.do === 'hold') {
      await real.at(() => real.scripts.hold(step.ms, 'hold'))
      model.hold(now + step.ms)
    }
    if ('which' in step) await withGrant(step, now)
  }

  for (const step of steps) await take(step)
  const status = await real.at(() => real.scripts.status())
  answers.real.push([status[5], status[8], status[11], status[14]])
  answers.model.push(model.used(real.now()))
  await real.remove()
  return answers
}

/** The one grant of a reply to one request. */
function grantIn(reply: ReserveReply & { kind: 'granted' }): Grant {
  const [grant] = reply.grants
  if (grant === undefined) throw new Error('expected a grant')
  return { ...grant, seq: reply.seq }
}

function essence(reply: ReserveReply) {
  if (reply.kind === 'granted') return { kind: reply.kind, atMs: grantIn(reply).atMs, seq: reply.seq }
  if (reply.kind === 'refused') return { kind: reply.kind, waitMs: reply.waitMs }
  return reply.kind === 'wait' ? { kind: reply.kind, waitMs: reply.waitMs, askAgainMs: reply.askAgainMs } : reply
}

const limitedTo = (limits: Partial<BudgetLimits>): BudgetLimits => ({
  requestsPerMinute: null,
  requestsPerDay: null,
  tokensPerMinute: null,
  tokensPerDay: null,
  ...limits,
})

/** Worker 2 loses its place to worker 0, because a command of another one comes in between. */
const SENT_AGAIN_AFTER_A_LEASE: Step[] = [
  { do: 'ask', worker: 0, tokens: 1, patienceMs: 0 },
  { do: 'ask', worker: 2, tokens: 1, patienceMs: 900_000 },
  { do: 'ask', worker: 0, tokens: 1, patienceMs: 900_000 },
  { do: 'pass', ms: 1_801 },
  { do: 'send again', which: 0 },
  { do: 'ask', worker: 2, tokens: 1, patienceMs: 0 },
]

test('grants, waits and refusals are those of a plain model, whatever arrives, settles, crashes or is told', async () => {
  const burst = fc.option(fc.integer({ min: 1, max: 3 }), { freq: 2 })
  await fc.assert(
    fc.asyncProperty(budget, burst, steps, async (limits, burst, steps) => {
      const answers = await takeAtBoth(limits, burst, steps)
      expect(answers.real).toEqual(answers.model)
    }),
    { numRuns: 300, examples: [[limitedTo({ requestsPerMinute: 3 }), 2, SENT_AGAIN_AFTER_A_LEASE]] },
  )
})

test('no rolling window of the provider holds more than the limit, when nothing is billed above its reservation', async () => {
  const arrival = fc.record({ gapMs: fc.nat(9_000), tokens: fc.integer({ min: 1, max: 1_000 }), part: fc.nat(100) })
  await fc.assert(
    fc.asyncProperty(budget, fc.array(arrival, { minLength: 30, maxLength: 60 }), async (limits, arrivals) => {
      const real = await budgetWithClock(limits, null)
      const grants: { atMs: number; most: number }[] = []
      for (const [number, { gapMs, tokens, part }] of arrivals.entries()) {
        real.pass(gapMs)
        const reply = await real.at(() => real.scripts.reserve([{ id: `r${number}`, tokens }], 0, null))
        if (reply.kind !== 'granted') continue
        const billed = Math.ceil((tokens * part) / 100)
        const { atMs } = grantIn(reply)
        grants.push({ atMs, most: billed })
        await real.at(() => real.scripts.settle([{ id: `r${number}`, atMs, billed }]))
      }
      expect(grants.length).toBeGreaterThan(0)
      expectNeverOver(limits, grants)
      await real.remove()
    }),
    { numRuns: 40 },
  )
})

test('several requests in one call are granted as if each had been asked for alone, up to the first that does not fit', async () => {
  const tokens = fc.integer({ min: 1, max: 1_000 })
  const call = fc.record({ gapMs: fc.nat(30_000), tokens: fc.array(tokens, { minLength: 1, maxLength: 8 }) })
  const burst = fc.option(fc.integer({ min: 1, max: 3 }), { freq: 2 })
  await fc.assert(
    fc.asyncProperty(budget, burst, fc.array(call, { minLength: 3, maxLength: 10 }), async (limits, burst, calls) => {
      const real = await budgetWithClock(limits, burst)
      const model = createModel({ limits, windows: BUDGET_WINDOWS, pace: real.pace, renewalMs: RENEWAL_MS })
      const [granted, expected]: number[][] = [[], []]
      const settled: { id: string; atMs: number; billed: number }[] = []
      for (const [number, { gapMs, tokens }] of calls.entries()) {
        real.pass(gapMs)
        const requests = tokens.map((each, n) => ({ id: `${number}:${n}`, tokens: each }))
        const reply = await real.at(() => real.scripts.reserve(requests, 0, null))
        granted?.push(reply.kind === 'granted' ? reply.grants.length : 0)
        const refused = requests.findIndex(
          ({ id, tokens }) => model.reserve(id, tokens, 0, real.now()).kind !== 'granted',
        )
        // One request was refused in the model too; a refusal leaves nothing behind.
        expected?.push(refused === -1 ? requests.length : refused)
        if (reply.kind !== 'granted') continue
        for (const [n, { atMs }] of reply.grants.entries()) {
          const billed = Math.floor((requests[n]?.tokens ?? 0) / 2)
          settled.push({ id: `${number}:${n}`, atMs, billed })
          model.settle(`${number}:${n}`, billed)
        }
        // Settled together, and the same ones again, which changes nothing.
        await real.at(() => real.scripts.settle(settled))
      }
      expect(granted).toEqual(expected)
      const status = await real.at(() => real.scripts.status())
      expect([status[5], status[8], status[11], status[14]]).toEqual(model.used(real.now()))
      await real.remove()
    }),
    { numRuns: 60 },
  )
})
