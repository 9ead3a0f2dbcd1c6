/** A call that the provider refuses before any work costs one request and no tokens. On the real budget. */
import { expect, test } from 'vitest'
import type { Journey } from '../../src/outcomes/effort.ts'
import { startJourney } from '../../src/outcomes/effort.ts'
import { createAsk } from '../../src/pipeline/attempt.ts'
import type { FaultName } from '../../tools/openai-stub/faults.ts'
import { startStub } from '../../tools/openai-stub/server.ts'
import { createTestProvider, question } from '../support/provider.ts'
import { fleetOfEachTest } from './budget-of-each-test.ts'
import { quiet } from './budget-support.ts'

const { signal } = new AbortController()
const fleet = fleetOfEachTest()

async function callWith(fault: FaultName): Promise<{ used: number[]; unsent: number; journey: Journey }> {
  const stub = await startStub({ port: 0 })
  stub.misbehave({ fault })
  const provider = createTestProvider(stub.baseUrl, quiet)
  const budget = fleet.worker({
    limits: { requestsPerMinute: 10, requestsPerDay: 10, tokensPerMinute: 5_000, tokensPerDay: 5_000 },
  })
  await budget.initialise(signal)
  const identity = { outage: '', route: '', key: '', config: '' }
  const held = new AbortController().signal
  const owner = { group: 'g', topic: 't', partition: 0, offset: 0n, timestampMs: 0 }
  const ask = createAsk({
    budget,
    provider,
    gate: {
      enter: (id) => Promise.resolve({ id, probe: null, held, identity, startedAtMs: 0 }),
      report: () => Promise.resolve({ held: false, scopes: '', successes: 0 }),
    },
    dedupe: {
      begin: (id) =>
        Promise.resolve({ kind: 'begun', lease: { id, owner, token: '', alone: false }, starts: 1, startsAlone: 0 }),
      end: () => Promise.resolve(),
    },
    untilTrusted: () => Promise.resolve(),
    metrics: { callFinished() {} },
    log: quiet,
  })
  const journey = startJourney()
  const { messages, schema } = question()
  const about = { id: 1n, owner, user: '', alone: false, attempt: 1, journey, read: () => null }
  const asked = { ...about, messages, schema, maxCompletionTokens: 500, trial: null, tokens: 2_000 }
  try {
    let attempt = await ask(asked, { wait: signal, call: signal })
    // On a busy machine a grant may come too late to be sent; it counts as a request.
    let unsent = 0
    while (attempt.kind === 'again' && ++unsent < 5) attempt = await ask(asked, { wait: signal, call: signal })
    expect(attempt).toMatchObject({ kind: 'failure' })
    return {
      unsent,
      used: (await budget.status()).axes.map(({ used }) => used),
      journey,
    }
  } finally {
    await provider.close()
    await stub.stop()
  }
}

test.each<FaultName>(['unauthorized', 'insufficient_quota', 'territory', 'model_not_found', 'context_length'])(
  'a request that is turned away (%s) gives its tokens back, and counts as a request',
  async (fault) => {
    const { used, unsent, journey } = await callWith(fault)
    expect(used).toEqual([1 + unsent, 0, 1 + unsent, 0])
    expect(journey).toMatchObject({ attempts: 1, billedTokens: 0 })
  },
)

test.each<FaultName>(['http_500', 'reset', 'rate_limited'])(
  'what may have been billed (%s) keeps its reservation',
  async (fault) => {
    const { used, unsent, journey } = await callWith(fault)
    expect(used).toEqual([1 + unsent, 2_000, 1 + unsent, 2_000])
    expect(journey).toMatchObject({ attempts: 1, billedTokens: 2_000 })
  },
)
