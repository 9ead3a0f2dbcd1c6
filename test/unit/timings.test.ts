import { expect, test } from 'vitest'
import type { Timings } from '../../src/timings.ts'
import { brokenRules, STOP_LIMIT_MS, TIMINGS } from '../../src/timings.ts'

test('the durations keep every rule that safety rests on', () => {
  expect(brokenRules(TIMINGS)).toEqual([])
})

test('the steps of a shutdown fit into the time that the contract promises', () => {
  const { exitMs, ...steps } = TIMINGS.shutdown
  expect(Object.values(steps).reduce((sum, ms) => sum + ms, 0)).toBeLessThan(exitMs)
  expect(exitMs).toBeLessThan(STOP_LIMIT_MS)
  // Contract: a call that is unfinished after 25 s is given up.
  expect(TIMINGS.shutdown.drainMs).toBe(25_000)
})

const changes: [string, Partial<{ [Part in keyof Timings]: Partial<Timings[Part]> }>][] = [
  ['a renewal as rare as the lease is long', { claims: { renewEveryMs: 10_000 } }],
  ['claims that live as long as a lease', { claims: { claimTtlMinMs: 10_000 } }],
  ['looks at another run’s call as rare as its lease', { claims: { pollMs: 10_000 } }],
  ['waiting for a refusal for less than its transaction may take', { claims: { refusalMs: 20_000 } }],
  ['a recovery that does not wait for a renewal', { recovery: { reassertMs: 3_000 } }],
  ['a confirmation that is good for longer than a recovery waits', { confirmation: { validMs: 7_000 } }],
  ['a confirmation that may take longer than it is good for', { confirmation: { withinMs: 3_000 } }],
  ['heartbeats as rare as the session is long', { group: { heartbeatMs: 10_000 } }],
  ['a session shorter than a confirmation', { group: { sessionMs: 4_000 } }],
  ['a transaction shorter than a request', { kafka: { openTransactionMs: 9_000 } }],
  ['a fence that does not wait for a transaction’s end', { kafka: { fenceMs: 10_000 } }],
  ['Redis answers later than a lease lasts', { redis: { commandMs: 10_000 } }],
  ['a recovery’s lease shorter than a late reply', { recovery: { leadMs: 3_000 } }],
  ['a drain that leaves nothing for the rest', { shutdown: { drainMs: 29_000 } }],
  ['an exit after the promised limit', { shutdown: { exitMs: 30_000 } }],
]

test.each(changes)('%s breaks a rule', (_, change) => {
  const parts = Object.keys(TIMINGS) as (keyof Timings)[]
  const changed = Object.fromEntries(parts.map((part) => [part, { ...TIMINGS[part], ...change[part] }]))
  expect(brokenRules(changed as unknown as Timings).length).toBeGreaterThan(0)
})
