import { describe, expect, test } from 'vitest'
import type { FailureCode } from '../../src/errors.ts'
import { FAILURES } from '../../src/errors.ts'
import type { FailedCall } from '../../src/provider/attempts.ts'
import { nextStep } from '../../src/provider/attempts.ts'
import { firstForm } from '../../src/provider/form.ts'
import { firstTrial } from '../../src/provider/trial.ts'

/** @param successes how many others had been answered when it failed */
function failed(
  code: FailureCode,
  successes = 0,
  more: { held?: boolean; scopes?: string; retryAfterMs?: number } = {},
) {
  const { held = false, scopes = 's', retryAfterMs = null } = more
  return { code, retryAfterMs, next: null, evidence: { held, scopes, successes } } satisfies FailedCall
}
const step = (failures: FailedCall[]) => nextStep(failures, () => 1)
const repeat = (times: number, make: (index: number) => FailedCall) =>
  Array.from({ length: times }, (_, index) => make(index))

test('three failures with others answered since the first end a request', () => {
  expect(step([failed('outage', 5), failed('outage', 6)]).kind).toBe('retry')
  const own = { kind: 'give_up', code: 'outage' }
  expect(step([failed('outage', 5), failed('timeout', 6), failed('outage', 9)])).toEqual(own)
  // The traffic of others may have ended in the meantime.
  expect(step([failed('outage', 5), failed('outage', 6), failed('outage', 6)])).toEqual(own)
})

test('failures while nobody is answered, or while calls are held, are the provider’s', () => {
  expect(step(repeat(10, () => failed('outage', 5))).kind).toBe('retry')
  const held = { held: true }
  expect(step([failed('outage', 1), failed('outage', 2), failed('outage', 2, held)]).kind).toBe('retry')
  expect(step([failed('outage', 1, held), failed('outage', 1, held), failed('outage', 9)]).kind).toBe('retry')
  expect(step([failed('rate_limited', 1), failed('rate_limited', 2), failed('rate_limited', 3)]).kind).toBe('retry')
})

test('answers with another key say nothing about this one', () => {
  const failures = [failed('unauthorized', 1), failed('unauthorized', 2, { scopes: 'new' }), failed('unauthorized', 3)]
  expect(step(failures).kind).toBe('retry')
})

test('a refused key, way out or configuration ends no request, however often it is probed', () => {
  for (const code of ['quota', 'unauthorized', 'territory', 'proxy_refused', 'bad_configuration'] as const) {
    expect(step(repeat(5_000, () => failed(code))).kind).toBe('retry')
  }
})

test('a configuration that works for all others is no wrong configuration', () => {
  const failures = repeat(3, (index) => failed('bad_configuration', index))
  expect(step(failures)).toEqual({ kind: 'give_up', code: 'rejected_text' })
})

test('an unclear rejection is the text’s fault once others have been answered, and nobody’s before', () => {
  expect(step([failed('unclear_rejection', 1)])).toEqual({ kind: 'give_up', code: 'rejected_text' })
  expect(step([failed('unclear_rejection')]).kind).toBe('retry')
})

test('what would only repeat itself is not repeated', () => {
  for (const code of ['too_long', 'rejected_text', 'refused_by_model', 'content_filter'] as const) {
    expect(step([failed(code)])).toEqual({ kind: 'give_up', code })
  }
})

test('an unusable answer is asked for once more, at once', () => {
  expect(step([failed('unusable_answer')])).toEqual({ kind: 'retry', afterMs: 0, longer: false })
  expect(step([failed('unusable_answer'), failed('unusable_answer')])).toEqual({
    kind: 'give_up',
    code: 'unusable_answer',
  })
})

test('a page instead of an answer is asked about once more, or held like an outage when all meet it', () => {
  expect(step([failed('no_completion')])).toEqual({ kind: 'retry', afterMs: 0, longer: false })
  expect(step(repeat(2, () => failed('no_completion')))).toEqual({ kind: 'give_up', code: 'no_completion' })
  expect(step(repeat(50, () => failed('no_completion', 0, { held: true })))).toMatchObject({
    kind: 'retry',
    afterMs: 250,
  })
  expect(step(repeat(120, () => failed('no_completion', 0, { held: true }))).kind).toBe('give_up')
})

test('an answer that was cut off is asked for once more with a higher cap, which stays', () => {
  expect(step([failed('cut_off')])).toEqual({ kind: 'retry', afterMs: 0, longer: true })
  expect(step([failed('cut_off'), failed('unusable_answer')])).toMatchObject({ kind: 'retry', longer: true })
  expect(step([failed('cut_off'), failed('outage'), failed('cut_off')])).toEqual({ kind: 'give_up', code: 'cut_off' })
})

test('a model that thinks is asked with a larger cap while there is one', () => {
  const next = { ...firstTrial(firstForm('https://provider.example/v1'), 0), raised: true }
  expect(step([{ ...failed('thought_out'), next }])).toEqual({ kind: 'retry', afterMs: 0, longer: false })
  expect(step([failed('thought_out')])).toEqual({ kind: 'give_up', code: 'thought_out' })
})

test('a model that refuses one parameter after the other is asked until none is left', () => {
  expect(step(repeat(3, () => failed('parameter_refused')))).toMatchObject({ kind: 'retry', afterMs: 0 })
})

describe('the wait', () => {
  const waits = (code: FailureCode, more: Parameters<typeof failed>[2] = {}) =>
    [1, 2, 3, 4, 50].map((times) => {
      const next = step(repeat(Math.min(times, (FAILURES[code].most ?? 99) - 1), () => failed(code, 0, more)))
      return next.kind === 'retry' ? next.afterMs : null
    })

  test('grows to a minute', () => expect(waits('outage')).toEqual([2_000, 8_000, 30_000, 60_000, 60_000]))

  test('is half of that at the least', () => {
    expect(nextStep([failed('outage')], () => 0)).toMatchObject({ afterMs: 1_000 })
  })

  test('is the gate’s while calls are held', () =>
    expect(Math.max(...waits('outage', { held: true }).map(Number))).toBe(250))

  test('is the provider’s if that is longer, up to a minute', () => {
    expect(waits('outage', { retryAfterMs: 20_000 })).toEqual([20_000, 20_000, 30_000, 60_000, 60_000])
    expect(waits('outage', { retryAfterMs: 3_600_000 })[0]).toBe(60_000)
  })

  test('for a rate limit is the budget’s, until that turns out to be no use', () => {
    expect(waits('rate_limited', { retryAfterMs: 0 })).toEqual([0, 8_000, 30_000, 60_000, 60_000])
    expect(waits('rate_limited')[0]).toBe(2_000)
  })
})

test('every kind of failure that a text can cause ends in the end', () => {
  const rules = Object.entries(FAILURES).map(([code, rule]) => ({ code: code as FailureCode, ...rule }))
  const bounded = rules.flatMap(({ code, most }) =>
    most === null ? [] : [step(repeat(most, () => failed(code))).kind],
  )
  expect(new Set(bounded)).toEqual(new Set(['give_up']))
  const unbounded = new Set(rules.filter(({ most }) => most === null).map(({ hold }) => hold))
  expect(unbounded).toEqual(new Set(['key', 'route', 'config']))
})
