import { describe, expect, test } from 'vitest'
import type { ClaimOwner, TheirClaim } from '../../src/claims/judge.ts'
import { intentText, judge, ownerText, parseIntent, parseOwner } from '../../src/claims/judge.ts'
import type { Standing } from '../../src/kafka/offsets-view.ts'

const theirs: ClaimOwner = { group: 'g', topic: 't', partition: 0, offset: 7n, timestampMs: 1_000 }
const copy: ClaimOwner = { ...theirs, partition: 1, timestampMs: 1_500 }
const claims = {
  open: { owner: theirs, state: 'open', intent: null },
  answered: { owner: theirs, state: 'answered', intent: null },
  refused: { owner: theirs, state: 'refused', refusedAtMs: 2_000, intent: null },
} satisfies Record<string, TheirClaim>

describe('a message that finds its id claimed by another', () => {
  test.each([
    ['open', 'due', 'duplicate'],
    ['open', 'committed', 'take'],
    ['open', 'gone', 'take'],
    ['answered', 'due', 'duplicate'],
    // Skipped by an operator: nothing was ever about to be published.
    ['answered', 'committed', 'take'],
    ['answered', 'gone', 'take'],
    ['refused', 'due', 'duplicate'],
    ['refused', 'committed', 'take'],
    ['refused', 'gone', 'take'],
  ] as const)('%s, by a message that is %s: %s', (state, standing, expected) => {
    expect(judge(claims[state], copy, standing)).toBe(expected)
  })

  test.each([
    ['due', 'wait'],
    ['committed', 'take'],
    ['gone', 'take'],
  ] as const)('sent after the refusal of a message that is %s: %s', (standing, expected) => {
    expect(judge(claims.refused, { ...copy, timestampMs: 2_001 }, standing)).toBe(expected)
    expect(judge(claims.refused, { ...copy, timestampMs: 2_000 }, standing)).not.toBe('wait')
  })

  test.each([
    ['open', { kind: 'outcome' }, 'mark'],
    ['answered', { kind: 'outcome' }, 'mark'],
    ['answered', { kind: 'letter' }, 'take'],
    ['open', { kind: 'letter' }, 'take'],
    ['refused', { kind: 'refusal', atMs: 1_500 }, 'duplicate'],
    ['refused', { kind: 'refusal', atMs: 1_499 }, 'take'],
    // By a worker that was taken for dead, over the refusal of its successor.
    ['answered', { kind: 'refusal', atMs: 1_500 }, 'duplicate'],
    ['answered', { kind: 'refusal', atMs: 1_499 }, 'take'],
  ] as const)('%s, committed once %o was confirmed: %s', (state, intent, expected) => {
    expect(judge({ ...claims[state], intent }, copy, 'committed')).toBe(expected)
    expect(judge({ ...claims[state], intent }, copy, 'gone')).toBe('take')
    expect(judge({ ...claims[state], intent }, copy, 'due')).toBe('duplicate')
  })

  test.each(['open', 'answered', 'refused'] as const)('%s, at its own place: their topic is no more', (state) => {
    const standings: Standing[] = ['due', 'committed', 'gone']
    for (const standing of standings) {
      expect(judge(claims[state], { ...theirs, timestampMs: 1_500 }, standing)).toBe('take')
    }
  })
})

test('an intent is read back as it was', () => {
  for (const intent of [
    { kind: 'outcome' },
    { kind: 'letter' },
    { kind: 'refusal', atMs: 1_795_277_911_468 },
  ] as const) {
    expect(parseIntent(intentText(intent))).toEqual(intent)
  }
  expect(parseIntent('')).toBeNull()
})

test('an owner is told from every other, and read back as it was', () => {
  const far = { ...theirs, offset: 2n ** 62n }
  expect(parseOwner(ownerText(far))).toEqual(far)
  const others = [{ group: 'g"' }, { topic: 't,' }, { partition: 1 }, { offset: 8n }, { timestampMs: 1_001 }]
  const texts = new Set([theirs, ...others.map((other) => ({ ...theirs, ...other }))].map(ownerText))
  expect(texts.size).toBe(6)
})
