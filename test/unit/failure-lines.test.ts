/** What the log says about a failed call: the cause, for whoever has to fix it, and nothing personal. */
import { afterEach, expect, test } from 'vitest'
import { createAsk } from '../../src/pipeline/attempt.ts'
import type { PipelineParts } from '../../src/pipeline/pipeline.ts'
import { Pipeline } from '../../src/pipeline/pipeline.ts'
import type { Gate } from '../../src/provider/gate.ts'
import type { FaultName } from '../../tools/openai-stub/faults.ts'
import type { Stub } from '../../tools/openai-stub/server.ts'
import { startStub } from '../../tools/openai-stub/server.ts'
import { createTestProvider, KEY, question, recordedLog } from '../support/provider.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

const SECRET_QUERY = 'api-version=2026&token=very-secret'
const request = {
  callback_url: 'https://example.com/hook?token=callback-secret',
  processing_id: 42,
  user_id: 1,
  resume_id: 1,
  requirements_id: 1,
  requirements: 'Python',
  resume: 'Иван Петров, Python 5 лет',
}

/**
 * Asks one question by a pipeline with the real attempts and provider; before each failure is logged, one more request of others is
 * answered. Long, because it lists the pipeline's parts.
 */
async function asked(baseUrl: string) {
  const { lines, log } = recordedLog()
  const causes: string[] = []
  const provider = createTestProvider(`${baseUrl}?${SECRET_QUERY}`, log)
  cleanups.push(() => provider.close())
  let others = 0
  const gate: Pick<Gate, 'enter' | 'report'> = {
    enter: (id) =>
      Promise.resolve({
        id,
        probe: null,
        held: new AbortController().signal,
        identity: { outage: '', route: '', key: '', config: '' },
        startedAtMs: 0,
      }),
    report: (_pass, _outcome, _signal, cause = '') => {
      causes.push(cause)
      return Promise.resolve({ held: false, scopes: '', successes: others++ })
    },
  }
  const { signal } = new AbortController()
  const settled: (number | null)[] = []
  const ask = createAsk({
    dedupe: {
      begin: (id, owner) => Promise.resolve({ kind: 'begun', lease: { id, owner, token: '', alone: false } }) as never,
      end: () => Promise.resolve(),
    },
    budget: {
      neverFits: () => false,
      reserve: ({ tokens }) =>
        Promise.resolve({
          kind: 'granted',
          id: 'g',
          tokens,
          sendByMs: performance.now() + 20_000,
          slot: { sent() {}, release() {} },
        }) as never,
      settle: (_grant, billed) => Promise.resolve(void settled.push(billed)),
      narrows: () => false,
      narrow: () => Promise.resolve(),
      holdFor: () => Promise.resolve(),
    },
    gate,
    provider,
    untilTrusted: () => Promise.resolve(),
    metrics: { callFinished() {} },
    log,
  })
  const { messages, schema } = question()
  const topics = { requests: 'in', notifications: 'out', records: 'records', deadLetters: 'dead', decisions: null }
  const parts = {
    config: { kafka: { groupId: 'g', topics }, maxRequestBytes: 1e6, budget: { isFair: false } },
    dedupe: {
      claim: () => Promise.resolve({ kind: 'mine', starts: 0, startsAlone: 0, stored: null }),
      store: (_id: bigint, _owner: unknown, outcome: string) => Promise.resolve({ kind: 'stored', outcome }),
      finish: () => Promise.resolve(),
      letGo() {},
    },
    budget: { published() {} },
    ask,
    entrance: { enterAtOnce: () => true, enter: () => Promise.resolve(), leave() {} },
    turns: { next: () => Promise.resolve() },
    capOf: provider.capOf,
    scoring: {
      prepare: () => ({ id: 42n, messages, schema }),
      askOnce: (_prepared: unknown, each: () => Promise<unknown>) => each(),
      mostTokens: () => 1_000,
      read: () => null,
      decisionRecords: () => [],
    },
    log,
    metrics: { attemptFailed() {}, foreignKeySkipped() {}, requestFinished() {}, deadLettered() {} },
    stopped: signal,
  } as unknown as PipelineParts
  const pipeline = new Pipeline(parts)
  const source = {
    topic: 'in',
    partition: 0,
    offset: 0n,
    timestampMs: 0,
    key: Buffer.from('new_request'),
    value: Buffer.from(JSON.stringify(request)),
    headers: {},
  }
  const finished = await pipeline.handle(source, { wait: signal, call: signal })
  await pipeline.committed([finished], 'known')
  return { lines, causes, settled }
}

async function stubWith(fault: FaultName): Promise<Stub> {
  const stub = await startStub({ port: 0 })
  cleanups.push(() => stub.stop())
  stub.misbehave({ fault })
  return stub
}

function expectNothingPersonal(lines: string[]): void {
  expect(lines.join('\n')).not.toMatch(/Иван|Петров|very-secret|callback-secret|api-version/)
  expect(lines.join('\n')).not.toContain(KEY)
}

test.each<[FaultName, RegExp, boolean]>([
  ['context_length', /HTTP 400, .*code context_length_exceeded/, true],
  ['content_filter', /content_filter/, false],
])('a call that is not repeated (%s) is told with its cause and nothing personal', async (fault, reason, isFree) => {
  const stub = await stubWith(fault)
  const { lines, causes, settled } = await asked(stub.baseUrl)
  const line = lines.find((each) => each.startsWith('a call failed, and is not repeated')) ?? ''
  expect(line).toMatch(reason)
  expect(line).toContain(`at ${stub.baseUrl}"`)
  expect(line).toContain('"attempt":1')
  expect(causes).toEqual([expect.stringMatching(/at http:\/\/\S+, attempt 1$/)])
  expect(settled.map((billed) => billed === 0)).toEqual([isFree])
  expectNothingPersonal(lines)
})

test('one that is repeated is told each time, with the number of the attempt', async () => {
  const stub = await startStub({ port: 0 })
  cleanups.push(() => stub.stop())
  const { lines, causes } = await asked(stub.baseUrl)
  const told = lines.filter((each) => each.startsWith('a call failed'))
  expect(told).toHaveLength(2)
  expect(told[0]).toMatch(
    /^a call failed: it is repeated .*HTTP 200 with an answer of another form.*"attempt":1,"afterMs":0/,
  )
  expect(told[1]).toMatch(/^a call failed, and is not repeated .*"attempt":2/)
  expect(causes.map((cause) => /attempt \d$/.exec(cause)?.[0])).toEqual(['attempt 1', 'attempt 2'])
  expectNothingPersonal(lines)
})
