/** What `inspect` prints for people. */
import { expect, test } from 'vitest'
import { inspectLines } from '../../src/cli/inspect-lines.ts'

const owner = { group: 'g', topic: 't', partition: 0, offset: 1n, timestampMs: 1_000 }
const claim = {
  owner,
  state: 'open' as const,
  hasAnswer: false,
  isAsked: true,
  refusedAtMs: null,
  starts: 1,
  startsAlone: 0,
  fruitless: 0,
}

test.each([
  [0, 'calls begun: 1; a call is in flight'],
  [4, 'calls begun: 5, of which 4 ended without an outcome; a call is in flight'],
])('of the calls begun, %d ended without an outcome', (fruitless, told) => {
  const nothing = { markedForMs: null, requests: [], outcomes: [], letters: [] }
  const facts = { ...nothing, claim: { ...claim, fruitless }, ownerStanding: 'due' as const }
  const lines = inspectLines(7n, { state: 'being_asked', because: 'a worker has its lease' }, facts, null)
  expect(lines.find((line) => line.startsWith('claim:'))).toMatch(new RegExp(`; ${told}$`))
})
