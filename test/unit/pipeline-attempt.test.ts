import { describe, expect, it } from 'vitest'
import type { AskParts } from '../../src/pipeline/attempt.ts'
import type { Asked } from '../../src/pipeline/call.ts'
import { createAsk } from '../../src/pipeline/attempt.ts'
import { startJourney } from '../../src/outcomes/effort.ts'
import type { Reply } from '../../src/provider/reply.ts'

const ignore = () => {}
const owner = { group: 'g', topic: 'in', partition: 0, offset: 1n, timestampMs: 1 }
const usage = { promptTokens: 5, completionTokens: 2, totalTokens: 7 }
const said = { usage, limits: {} }
const ANSWER: Reply = { kind: 'answer', content: 'yes', model: 'm', ...said }
const READ = { requirements: [], score: 50, recommendation: 'yes' }
const failure = (code: 'timeout' | 'rate_limited', sent = true): Reply => ({
  kind: 'failure',
  code,
  retryAfterMs: 5_000,
  detail: '',
  sent,
  next: null,
  ...said,
  usage: null,
})

/** One attempt; `done` is what was asked of the collaborators, in order. Each of them can be made to fail. */
function attemptOf(reply: Reply | (() => Promise<Reply>) = ANSWER, broken: Record<string, unknown> = {}) {
  const done: string[] = []
  const step = <T>(name: string, value: T): Promise<T> => {
    done.push(name)
    return Object.hasOwn(broken, name) ? Promise.reject(broken[name]) : Promise.resolve(value)
  }
  const held = new AbortController()
  let isHeld = true
  const release = () => {
    if (isHeld) done.push('release')
    isHeld = false
  }
  const slot = { sent: ignore, release }
  const grant = { kind: 'granted', id: 'w:1', tokens: 10, sendByMs: 1e9, waitedMs: 0, atMs: 0, seq: 1, used: {}, slot }
  const lease = { id: 1n, owner, token: 't', alone: false }
  const parts = {
    dedupe: {
      begin: () =>
        step('begin', broken['changed'] ? { kind: 'changed' } : { kind: 'begun', lease, starts: 1, startsAlone: 0 }),
      end: () => step('end', undefined),
    },
    budget: {
      neverFits: (tokens: number) => tokens > 100,
      reserve: (_demand: unknown, signal: AbortSignal) => {
        if (broken['refused']) return step('reserve', { kind: 'refused', waitMs: 9 })
        if (broken['held']) {
          held.abort(new Error('held'))
          return step('reserve', null).then(() => Promise.reject(signal.reason as Error))
        }
        return step('reserve', grant)
      },
      settle: (_grant: unknown, tokens: number | null) => step(`settle ${tokens}`, undefined),
      narrows: () => broken['narrowed'] === true,
      narrow: () => step('narrow', undefined),
      holdFor: (ms: number) => step(`hold ${ms}`, undefined),
    },
    gate: {
      enter: () => step('enter', { id: '1', probe: null, held: held.signal }),
      report: (_pass: unknown, outcome: string) => step(`report ${outcome}`, { held: true, scopes: 's', successes: 3 }),
    },
    provider: { ask: () => step('ask', null).then(() => (typeof reply === 'function' ? reply() : reply)) },
    untilTrusted: () => step('trusted', undefined),
    metrics: { callFinished: ignore },
    log: { error: ignore, warn: ignore, info: ignore, debug: ignore },
  } as unknown as AskParts
  const [wait, call] = [new AbortController(), new AbortController()]
  const asked = { id: 1n, owner, messages: [], tokens: 10, user: '', alone: false, trial: null, maxCompletionTokens: 5 }
  const make = (more: Partial<Asked> = {}) => {
    const question = { ...asked, schema: null, journey: startJourney(), read: () => READ, ...more }
    return createAsk(parts)(question as unknown as Asked, { wait: wait.signal, call: call.signal })
  }
  return { make, done, call }
}

const TO_THE_CALL = ['enter', 'trusted', 'reserve', 'begin', 'ask']

describe('one attempt', () => {
  it('goes gate, budget, lease, call, settlement, gate, and keeps the lease until its answer is stored', async () => {
    const { make, done } = attemptOf()
    const attempt = await make()
    expect(done).toEqual([...TO_THE_CALL, 'settle 7', 'release', 'narrow', 'report answered'])
    if (attempt.kind !== 'answer') throw new Error(attempt.kind)
    await attempt.endLease()
    expect(done.at(-1)).toBe('end')
  })

  it('lets the next call begin at once after a success, but not before the gate knows of a failure', async () => {
    const success = attemptOf()
    await success.make()
    expect(success.done.indexOf('release')).toBeLessThan(success.done.indexOf('report answered'))
    const failed = attemptOf(failure('timeout'))
    await failed.make()
    expect(failed.done.slice(-2)).toEqual(['report timeout', 'release'])
  })

  it('lets no call begin before the budget knows that an answer told of less', async () => {
    const { make, done } = attemptOf(ANSWER, { narrowed: true })
    await make()
    expect(done.at(-1)).toBe('release')
    expect(done).toContain('narrow')
  })

  it('waits for nothing with a text that no budget can hold', async () => {
    const { make, done } = attemptOf()
    expect(await make({ tokens: 101 })).toEqual({ kind: 'too_long' })
    expect(done).toEqual([])
  })

  it('gives the lease back after a failure, keeps its reservation spent, and tells what others met', async () => {
    const { make, done } = attemptOf(failure('timeout'))
    expect(await make()).toMatchObject({ kind: 'failure', code: 'timeout', evidence: { held: true, successes: 3 } })
    expect(done).toEqual([...TO_THE_CALL, 'settle null', 'narrow', 'end', 'report timeout', 'release'])
  })

  it('gives the whole reservation back when nothing was sent', async () => {
    const { make, done } = attemptOf(failure('timeout', false))
    await make()
    expect(done).toContain('settle 0')
    const late = attemptOf({ kind: 'not_sent' })
    expect(await late.make()).toEqual({ kind: 'again' })
    expect(late.done).toEqual([...TO_THE_CALL, 'settle 0', 'end', 'report unused', 'release'])
  })

  it('holds the budget for as long as a rate limit tells', async () => {
    const { make, done } = attemptOf(failure('rate_limited'))
    await make()
    expect(done).toContain('hold 5000')
  })

  it('makes a failure of an answer that cannot be used', async () => {
    const { make, done } = attemptOf()
    expect(await make({ read: () => null })).toMatchObject({ kind: 'failure', code: 'unusable_answer' })
    expect(done.slice(-3)).toEqual(['end', 'report unusable_answer', 'release'])
  })

  it('makes no call for a claim that changed hands, and gives everything back', async () => {
    const { make, done } = attemptOf(ANSWER, { changed: true })
    expect(await make()).toEqual({ kind: 'changed' })
    expect(done).toEqual(['enter', 'trusted', 'reserve', 'begin', 'settle 0', 'report unused', 'release'])
  })

  it('takes no lease and no slot when the budget refuses', async () => {
    const { make, done } = attemptOf(ANSWER, { refused: true })
    expect(await make()).toEqual({ kind: 'refused', waitMs: 9 })
    expect(done).toEqual(['enter', 'trusted', 'reserve', 'report unused'])
  })

  it('comes again when calls are held while it waits for the budget', async () => {
    const { make, done } = attemptOf(ANSWER, { held: true })
    expect(await make()).toEqual({ kind: 'again' })
    expect(done.at(-1)).toBe('report unused')
  })
})

describe('an attempt whose collaborators fail', () => {
  it('makes no call for a claim that changed hands, also when the budget cannot be told', async () => {
    const { make, done } = attemptOf(ANSWER, { changed: true, 'settle 0': new Error('Redis is away') })
    expect(await make()).toEqual({ kind: 'changed' })
    expect(done.slice(-2)).toEqual(['report unused', 'release'])
  })

  const fault = new Error('gone')

  it.each(['trusted', 'reserve', 'begin'])('tells the gate that its pass was not used: %s', async (step) => {
    const { make, done } = attemptOf(ANSWER, { [step]: fault })
    await expect(make()).rejects.toBe(fault)
    expect(done.filter((each) => each !== 'release').at(-1)).toBe('report unused')
    expect(done).not.toContain('ask')
    expect(done.includes('release')).toBe(step === 'begin')
  })

  it('gives back lease and slot when the call is aborted', async () => {
    const { make, done, call } = attemptOf(() => {
      call.abort(fault)
      return Promise.resolve({ kind: 'aborted', sent: true })
    })
    await expect(make()).rejects.toBe(fault)
    expect(done).toEqual([...TO_THE_CALL, 'settle null', 'end', 'report unused', 'release'])
  })

  it.each(['settle 7', 'narrow', 'report answered'])('loses no paid answer: %s', async (step) => {
    const { make } = attemptOf(ANSWER, { [step]: fault })
    expect(await make()).toMatchObject({ kind: 'answer', answer: READ })
  })

  it('blames nobody when the gate cannot be told of a failure', async () => {
    const { make } = attemptOf(failure('timeout'), { 'report timeout': fault })
    expect(await make()).toMatchObject({ kind: 'failure', evidence: { held: false, successes: 0 } })
  })
})
