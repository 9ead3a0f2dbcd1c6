/**
 * Servers that refuse many parts of a request, in any order, one at a time or all at once: no request fails, and the accepted form is
 * learned.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Sent } from '../support/refusing-server.ts'
import { providerOf, refusing, refusingAtOnce, settle, settleMany } from '../support/refusing-server.ts'

const OTHERS = ['system', 'roles', 'any_format', 'seed', 'temperature']
/** A server knows one name of the cap at least. */
const anyParts = fc
  .constantFrom('cap', 'old_cap')
  .chain((cap) => fc.shuffledSubarray(['key', cap, ...OTHERS], { minLength: 1 }))

/** Asks one request after the other. @returns how many calls each took */
async function inTurn(provider: ReturnType<typeof providerOf>['provider'], count: number): Promise<number[]> {
  const calls: number[] = []
  for (let request = 0; request < count; request += 1) {
    const settled = await settle(provider)
    expect(settled.ended).toBe('answer')
    calls.push(settled.calls)
  }
  return calls
}

test('one at a time, in any order: each request is answered within three calls, and some later ones need one', async () => {
  const property = fc.asyncProperty(anyParts, async (parts) => {
    const { provider } = providerOf(refusing(...parts), 1, { taken: 0, refused: 0 })
    const calls = await inTurn(provider, 7)
    // A server that knows the other name of the cap than most do costs one call more, once.
    expect(calls[0]).toBeLessThanOrEqual(parts.includes('old_cap') ? 4 : 3)
    expect(Math.max(...calls.slice(1))).toBeLessThanOrEqual(3)
    expect(calls.slice(-2)).toEqual([1, 1])
  })
  await fc.assert(property, { numRuns: 60 })
}, 180_000)

test('all at once: the second call has none of it', async () => {
  const { provider, bodies } = providerOf(refusingAtOnce('response_format', 'seed', 'temperature', 'cap', 'roles'))
  expect(await inTurn(provider, 4)).toEqual([2, 1, 1, 1])
  expect(
    bodies.slice(1).map((body) => ['seed', 'temperature', 'max_completion_tokens'].some((name) => name in body)),
  ).toEqual(bodies.slice(1).map(() => false))
})

test('a server that does not say what it refuses is asked in barer forms until it answers', async () => {
  const hasSystem = (body: Sent) => JSON.stringify(body['messages']).includes('"system"')
  const { provider } = providerOf((body) => (hasSystem(body) ? { status: 400, error: 'Некорректный запрос' } : 'taken'))
  // The second one shows that it was the form, and not a moment in which the server refused everything.
  expect(await inTurn(provider, 4)).toEqual([3, 3, 1, 1])
})

test.for([
  [32, ['key', 'system', 'roles', 'any_format', 'seed', 'temperature', 'cap']],
  [1, ['cap', 'temperature', 'seed', 'any_format', 'roles', 'system', 'key']],
  [1, ['temperature', 'any_format', 'key', 'cap', 'system', 'seed', 'roles']],
] as const)(
  'of 32 requests, %i at once at first, all get through, and the next ones in one call: %j',
  async ([together, parts]) => {
    const { provider, counts } = providerOf(refusing(...parts), together)
    const settled = await settleMany(provider)
    expect(settled.filter(({ ended }) => ended !== 'answer')).toEqual([])
    expect(Math.max(...settled.map(({ calls }) => calls))).toBeLessThanOrEqual(3)
    await settleMany(provider, 8)
    const before = counts.refused
    await settleMany(provider, 8)
    expect(counts.refused).toBe(before)
  },
)
