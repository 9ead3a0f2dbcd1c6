/** Many requests in flight at a server that refuses one part of their form after another: how many calls that costs. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { firstForm } from '../../src/provider/form.ts'
import { FormSearch } from '../../src/provider/form-search.ts'
import type { Provider } from '../../src/provider/client.ts'
import type { Trial } from '../../src/provider/trial.ts'
import { firstTrial } from '../../src/provider/trial.ts'
import { memory, question } from '../support/provider.ts'
import type { Sent } from '../support/refusing-server.ts'
import { providerOf, refusing, settle, settleMany } from '../support/refusing-server.ts'

test.for([
  ['seed'],
  ['response_format', 'seed'],
  ['response_format', 'seed', 'cap'],
  ['response_format', 'seed', 'cap', 'temperature'],
])(
  'of 32 requests at a server that nobody knows, only one at a time is refused, and each part once: %j',
  async (parts) => {
    const { provider, counts } = providerOf(refusing(...parts))
    const settled = await settleMany(provider)
    expect(settled.map(({ ended }) => ended)).toEqual(settled.map(() => 'answer'))
    expect(Math.max(...settled.map(({ calls }) => calls))).toBeLessThanOrEqual(3)
    expect(counts).toEqual({ refused: parts.length, taken: 32 })
  },
)

test('of a fleet that starts at once, each worker is refused each part once', async () => {
  const redis = memory()
  const workers = [1, 2, 3].map(() => providerOf(refusing('seed', 'cap'), 1, undefined, redis))
  await Promise.all(workers.map(({ provider }) => settleMany(provider)))
  expect(workers.map(({ counts }) => counts)).toEqual(workers.map(() => ({ refused: 2, taken: 32 })))
})

test.for([['seed'], ['response_format', 'seed', 'cap', 'temperature']])(
  'where a refusal comes late, all of 32 meet the first one, and one each of the others: %j',
  async (parts) => {
    const { provider, adaptations, counts } = providerOf(refusing(...parts), 32)
    const settled = await settleMany(provider)
    expect(settled.map(({ ended }) => ended)).toEqual(settled.map(() => 'answer'))
    expect(Math.max(...settled.map(({ calls }) => calls))).toBeLessThanOrEqual(3)
    expect(counts).toEqual({ refused: 32 + parts.length - 1, taken: 32 })
    expect(adaptations.isProved()).toBe(true)
    // The next ones are asked in a form that the server takes.
    await settleMany(provider, 8)
    expect(counts).toEqual({ refused: 32 + parts.length - 1, taken: 40 })
  },
)

test('a request that was in the line of the budget already leaves out what another one was refused', async () => {
  const { provider, bodies } = providerOf(refusing('seed', 'cap'))
  await provider.ask(question())
  await provider.ask(question())
  await provider.ask(question())
  expect(bodies.map((body) => ['seed' in body, 'max_completion_tokens' in body])).toEqual([
    [true, true],
    [false, true],
    [false, false],
  ])
})

test('what one text is refused of a form that the server takes changes nothing for its neighbours', async () => {
  let isOdd = false
  const { provider, bodies } = providerOf((body) => (isOdd ? refusing('seed')(body) : 'taken'))
  await settle(provider)
  isOdd = true
  const reply = await provider.ask(question())
  expect(reply).toMatchObject({ kind: 'failure', code: 'parameter_refused' })
  isOdd = false
  await settle(provider)
  expect(bodies.map((body) => 'seed' in body)).toEqual([true, true, true])
})

test('a server that refuses from now on what it took before is searched by one request, too', async () => {
  const refused: string[] = []
  const { provider, counts } = providerOf((body) => refusing(...refused)(body))
  await settle(provider)
  refused.push('seed', 'response_format', 'temperature')
  const settled = await settleMany(provider)
  expect(settled.map(({ ended }) => ended)).toEqual(settled.map(() => 'answer'))
  // The first one that is refused may be asked again before the second refusal shows that it is not its text: it meets the
  // next refusal beside the one that searches.
  expect(counts.refused).toBeLessThanOrEqual(32 + 3)
  expect(counts.taken).toBe(33)
})

describe('a server that nobody knows and that refuses without a reason', () => {
  const hasFormat = (body: Sent) => 'response_format' in body

  test('is not thought to refuse the form when it refused everything for a while, such as a key', async () => {
    let isMended = false
    const { provider, adaptations, bodies } = providerOf(() =>
      isMended ? 'taken' : { status: 400, error: 'No connected db.' },
    )
    const trials = await Promise.all([1, 2].map(() => refusedOnce(provider)))
    isMended = true
    for (const trial of trials) expect(await provider.ask(question({ trial }))).toMatchObject({ kind: 'answer' })
    expect(adaptations.isProved()).toBe(false)
    expect(await settle(provider)).toEqual({ calls: 1, ended: 'answer' })
    expect(hasFormat(bodies.at(-1) ?? {})).toBe(true)
    expect(adaptations.isProved()).toBe(true)
  })

  test('is known to refuse the form once it did so after it had taken a plainer one', async () => {
    const { provider, bodies } = providerOf((body) =>
      hasFormat(body) ? { status: 400, error: 'Некорректный запрос' } : 'taken',
    )
    const calls: number[] = []
    for (let request = 0; request < 4; request += 1) calls.push((await settle(provider)).calls)
    expect(calls).toEqual([2, 2, 1, 1])
    expect(hasFormat(bodies.at(-1) ?? {})).toBe(false)
  })

  async function refusedOnce(provider: Provider) {
    const reply = await provider.ask(question())
    return reply.kind === 'failure' ? reply.next : null
  }
})

describe('one request tries a form while others wait', () => {
  const usual = firstForm('https://provider.example/v1')
  const withoutSeed: Trial = { ...firstTrial({ ...usual, seed: false }, 0), refusedCalls: 1 }
  const withoutBoth: Trial = { ...withoutSeed, form: { ...withoutSeed.form, temperature: false } }
  const { signal } = new AbortController()

  /** A search that has begun, and a request that tries the form. */
  async function begun() {
    let nowMs = 0
    const search = new FormSearch(() => nowMs)
    search.refused(firstTrial(usual, 0), withoutSeed, false)
    await search.turn(null, signal)
    const went: string[] = []
    const enter = (name: string) => void search.turn(null, signal).then(() => went.push(name))
    /** Timers run by the given clock. */
    const pass = async (ms: number) => {
      nowMs += ms
      await vi.advanceTimersByTimeAsync(ms)
    }
    return { search, went, enter, pass }
  }
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('the next one tries when a call was refused or failed, all go on when one was taken', async () => {
    const { search, went, enter, pass } = await begun()
    for (const name of ['a', 'b', 'c', 'd']) enter(name)
    await pass(10)
    expect(went).toEqual([])
    search.refused(withoutSeed, withoutBoth, false)
    await pass(10)
    expect(went).toEqual(['a'])
    // The refusal belongs to a call that was sent earlier, so it teaches nothing new.
    search.refused(firstTrial(usual, 0), withoutSeed, false)
    await pass(10)
    expect(went).toEqual(['a'])
    search.failed()
    await pass(10)
    expect(went).toEqual(['a', 'b'])
    search.accepted(true)
    await pass(10)
    expect(went).toEqual(['a', 'b', 'c', 'd'])
  })

  test('nobody waits for more than two seconds, whatever becomes of the one that tries', async () => {
    const { went, enter, pass } = await begun()
    for (const name of ['a', 'b', 'c']) enter(name)
    await pass(1_900)
    expect(went).toEqual([])
    await pass(200)
    expect(went).toEqual(['a', 'b', 'c'])
  })

  test('at a server that nobody knows, one request goes first, and the others wait for it once and for two seconds at most', async () => {
    let nowMs = 0
    const search = new FormSearch(() => nowMs)
    const went: string[] = []
    const enter = (name: string, era: number) => void search.turn(era, signal).then(() => went.push(name))
    const pass = async (ms: number) => {
      nowMs += ms
      await vi.advanceTimersByTimeAsync(ms)
    }
    for (const name of ['a', 'b', 'c']) enter(name, 0)
    await pass(1_900)
    expect(went).toEqual(['a'])
    search.failed()
    await pass(10)
    expect(went).toEqual(['a', 'b'])
    await pass(200)
    expect(went).toEqual(['a', 'b', 'c'])
    enter('d', 0)
    await pass(1)
    expect(went.at(-1)).toBe('d')
    // What was learned was forgotten: the server is new again.
    for (const name of ['e', 'f']) enter(name, 1)
    await pass(10)
    expect(went.at(-1)).toBe('e')
    search.accepted(true)
    await pass(1)
    expect(went.at(-1)).toBe('f')
  })

  test('a wait ends with its signal', async () => {
    const { search } = await begun()
    const stop = new AbortController()
    const waiting = search.turn(null, stop.signal)
    stop.abort(new Error('stop'))
    await expect(waiting).rejects.toThrow('stop')
  })

  test('what was refused is left out until the server takes a request, for a minute, and not once it was forgotten', async () => {
    const { search, pass } = await begun()
    expect(search.formFor(usual, 0)).toEqual(withoutSeed.form)
    expect(search.formFor(usual, 1)).toEqual(usual)
    search.accepted(false)
    expect(search.formFor(usual, 0)).toEqual(withoutSeed.form)
    await pass(59_000)
    expect(search.formFor(usual, 0)).toEqual(withoutSeed.form)
    await pass(2_000)
    expect(search.formFor(usual, 0)).toEqual(usual)
    search.refused(firstTrial(usual, 0), withoutSeed, false)
    search.accepted(true)
    expect(search.formFor(usual, 0)).toEqual(usual)
  })

  test('what one request was refused is asked for again when it is turned away for its text, unless others were refused too', async () => {
    const { search } = await begun()
    search.doubted()
    expect(search.formFor(usual, 0)).toEqual(usual)
    search.refused(firstTrial(usual, 0), withoutSeed, false)
    search.refused(firstTrial(usual, 0), withoutSeed, false)
    search.doubted()
    expect(search.formFor(usual, 0)).toEqual(withoutSeed.form)
  })

  test('a refusal that names nothing is not laid at the others', async () => {
    const search = new FormSearch(() => 0)
    search.refused(firstTrial(usual, 0), { ...withoutSeed, unnamed: true }, false)
    expect(search.formFor(usual, 0)).toEqual(usual)
    await search.turn(null, signal)
  })
})
