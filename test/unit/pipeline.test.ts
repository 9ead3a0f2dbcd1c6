import { describe, expect, it } from 'vitest'
import type { SourceMessage } from '../../src/kafka/messages.ts'
import type { Attempt } from '../../src/pipeline/attempt.ts'
import { countGrant } from '../../src/outcomes/effort.ts'
import type { PipelineParts } from '../../src/pipeline/pipeline.ts'
import { Pipeline } from '../../src/pipeline/pipeline.ts'

const ignore = () => {}
const REQUEST =
  '{"processing_id":7,"user_id":1,"resume_id":2,"requirements_id":3,"callback_url":"http://a","requirements":"r","resume":"t"}'
const topics = { requests: 'in', notifications: 'out', records: 'rec', deadLetters: 'dead', decisions: null }
const outcome = {
  kind: 'success',
  score: { score: 50, matches: [], recommendation: 'x', verdict: 'Подходит' },
  headers: {},
  decision: null,
}
const GOOD = { requirements: [], score: 50, recommendation: 'x' }
const ANSWER: Attempt = { kind: 'answer', answer: GOOD, model: 'm', promptTokens: 1, endLease: () => Promise.resolve() }
const MINE = { kind: 'mine', starts: 0, startsAlone: 0, stored: null }

const source = (value: string | null = REQUEST, key = 'new_request'): SourceMessage => ({
  topic: 'in',
  partition: 0,
  offset: 4n,
  timestampMs: 1,
  key: Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
  headers: {},
})

interface Told {
  /** One for each time that the id is claimed. */
  claims?: object[]
  attempts?: (Attempt | Error)[]
  refused?: object
  stored?: object
  lost?: boolean
  /** What waiting at the entrance ends with; without it there is room at once. */
  outside?: Error | 'let in'
}

/** A pipeline whose collaborators say what the test tells them to; `done` is what they were asked, in order. */
function pipelineOf({ claims = [MINE], attempts = [ANSWER], refused, stored, lost = false, outside }: Told = {}) {
  const done: string[] = []
  const spent: string[] = []
  const step = <T>(name: string, value: T): Promise<T> => {
    done.push(name)
    return value instanceof Error ? Promise.reject(value) : Promise.resolve(value)
  }
  const [claimed, asked] = [[...claims], [...attempts]]
  const parts = {
    config: { kafka: { groupId: 'g', topics }, maxRequestBytes: 1_000, budget: { isFair: false } },
    dedupe: {
      claim: () => step('claim', claimed.shift()),
      refuse: () => step('refuse', refused ?? { kind: 'refused', atMs: 1 }),
      store: (_id: bigint, _owner: unknown, text: string) => step('store', stored ?? { kind: 'stored', outcome: text }),
      confirm: (items: unknown[]) => step('confirm', new Set(lost ? items : [])),
      finish: (items: unknown[], how: string) => step(`finish ${items.length} ${how}`, undefined),
      letGo: () => void done.push('let go'),
    },
    budget: { published: (grants: string[]) => void (done.push('spent'), spent.push(...grants)) },
    ask: ({ alone }: { alone: boolean }) => step(alone ? 'ask alone' : 'ask', asked.shift()),
    entrance: {
      enterAtOnce: () => outside === undefined,
      enter: (user: string) => step(`enter ${user}`, outside),
      leave: ignore,
    },
    turns: { next: () => Promise.resolve() },
    capOf: () => 10,
    scoring: {
      prepare: () => ({ id: 7n, messages: [], schema: null }),
      askOnce: (_prepared: unknown, ask: () => unknown) => ask(),
      mostTokens: () => 20,
      read: () => GOOD,
      verify: () => ({ model: 'm', isDoubtful: false }),
      conclude: () => outcome,
      decisionRecords: () => [],
    },
    log: { error: ignore, warn: ignore, info: ignore, debug: ignore },
    metrics: new Proxy({}, { get: () => ignore }),
    stopped: new AbortController().signal,
  } as unknown as PipelineParts
  const pipeline = new Pipeline(parts)
  const never = new AbortController().signal
  const handle = (message = source()) => pipeline.handle(message, { wait: never, call: never })
  return { pipeline, handle, done, spent, never }
}

const topicsOf = ({ messages }: { messages: { topic: string }[] }) => messages.map(({ topic }) => topic)

describe('the way of a message', () => {
  it('claims, asks, and stores the answer before anything is published', async () => {
    const { handle, done } = pipelineOf()
    expect(topicsOf(await handle())).toEqual(['out', 'rec'])
    expect(done).toEqual(['claim', 'ask', 'store'])
  })

  it('skips what is not ours, and answers no one for what names no one', async () => {
    const { handle, done } = pipelineOf()
    expect(topicsOf(await handle(source(REQUEST, 'other')))).toEqual([])
    expect(topicsOf(await handle(source('no JSON')))).toEqual(['dead'])
    expect(done).toEqual([])
  })

  it('tells the caller of an invalid request, and asks no model', async () => {
    const { handle, done } = pipelineOf()
    expect(topicsOf(await handle(source(REQUEST.replace('"t"', '""'))))).toEqual(['out'])
    expect(done).toEqual(['claim', 'store'])
  })

  it('publishes a stored answer without asking', async () => {
    const { handle, done } = pipelineOf({ claims: [{ ...MINE, stored: JSON.stringify(outcome) }] })
    expect(topicsOf(await handle())).toEqual(['out', 'rec'])
    expect(done).toEqual(['claim'])
  })

  it('publishes nothing for a duplicate', async () => {
    const { handle } = pipelineOf({ claims: [{ kind: 'duplicate', of: 'mark', conflict: false }] })
    expect(topicsOf(await handle())).toEqual([])
  })

  it('claims again when the claim changed hands while it asked', async () => {
    const changed = { claims: [MINE, { kind: 'duplicate', of: 'claim', conflict: false }] }
    const { handle, done } = pipelineOf({ ...changed, attempts: [{ kind: 'changed' }] })
    expect(topicsOf(await handle())).toEqual([])
    expect(done).toEqual(['claim', 'ask', 'let go', 'claim'])
  })

  it('writes a refusal down before it is published', async () => {
    const { handle, done } = pipelineOf({ attempts: [{ kind: 'refused', waitMs: 61_000 }] })
    const { messages } = await handle()
    expect(messages[0]?.value).toContain('"wait_seconds":61')
    expect(done).toEqual(['claim', 'ask', 'refuse'])
  })

  it('claims again when the refusal cannot be written, since another run has an answer', async () => {
    const again = { claims: [MINE, { ...MINE, stored: JSON.stringify(outcome) }], refused: { kind: 'changed' } }
    const { handle, done } = pipelineOf({ ...again, attempts: [{ kind: 'refused', waitMs: 1 }] })
    expect(topicsOf(await handle())).toEqual(['out', 'rec'])
    expect(done).toEqual(['claim', 'ask', 'refuse', 'let go', 'claim'])
  })

  it('drops its answer when another message was answered meanwhile', async () => {
    const { handle, done } = pipelineOf({ stored: { kind: 'duplicate' } })
    expect(topicsOf(await handle())).toEqual([])
    expect(done.at(-1)).toBe('let go')
  })

  it('runs a message alone that was in flight at three deaths, and dead-letters it after three more', async () => {
    const suspect = pipelineOf({ claims: [{ ...MINE, starts: 3 }] })
    await suspect.handle()
    expect(suspect.done).toContain('ask alone')
    const killer = pipelineOf({ claims: [{ ...MINE, starts: 6, startsAlone: 3 }] })
    expect(topicsOf(await killer.handle())).toEqual(['dead'])
    expect(killer.done).toEqual(['claim'])
  })

  it('goes its way after it has waited at the entrance', async () => {
    const { handle, done } = pipelineOf({ outside: 'let in' })
    expect(topicsOf(await handle())).toEqual(['out', 'rec'])
    expect(done).toEqual(['enter 1', 'claim', 'ask', 'store'])
  })

  it('claims nothing while it waits at the entrance', async () => {
    const stop = new Error('stop')
    const { handle, done } = pipelineOf({ outside: stop })
    await expect(handle()).rejects.toBe(stop)
    expect(done).toEqual(['enter 1'])
  })

  it('lets its claim go when it is aborted', async () => {
    const stop = new Error('stop')
    const { pipeline, handle, done } = pipelineOf({ attempts: [stop] })
    await expect(handle()).rejects.toBe(stop)
    expect(done).toEqual(['claim', 'ask', 'let go'])
    expect(pipeline.oldestUncommittedMs()).toBeNull()
  })

  it.each(['claim', 'store'])('lets nothing be published when Redis ends the %s with an error', async (step) => {
    const fault = new Error('stop')
    const { handle } = pipelineOf(step === 'claim' ? { claims: [fault] } : { stored: fault })
    await expect(handle()).rejects.toBe(fault)
  })
})

describe('around the transaction', () => {
  it('empties what has passed to another message, and lets it go', async () => {
    const { pipeline, handle, done, never } = pipelineOf({ lost: true })
    const [confirmed] = await pipeline.confirm([await handle()], never)
    expect(confirmed?.messages).toEqual([])
    expect(done.slice(-2)).toEqual(['confirm', 'let go'])
  })

  it('marks what was committed, and takes its spending out of the journal', async () => {
    const { pipeline, handle, done } = pipelineOf()
    const finished = await handle()
    expect(pipeline.oldestUncommittedMs()).toBe(1)
    await pipeline.committed([finished], 'known')
    expect(done.slice(-2)).toEqual(['spent', 'finish 1 known'])
    expect(pipeline.oldestUncommittedMs()).toBeNull()
  })

  it('keeps its spending in the journal when another worker may have published', async () => {
    const { pipeline, handle, done } = pipelineOf()
    await pipeline.committed([await handle()], 'learned')
    expect(done).not.toContain('spent')
    expect(done.at(-1)).toBe('finish 1 learned')
  })

  it('keeps what a duplicate has spent in the journal, since no notification accounts for it', async () => {
    const { pipeline, handle, spent } = pipelineOf({ claims: [{ kind: 'duplicate', of: 'mark', conflict: false }] })
    const duplicate = await handle()
    countGrant(duplicate.context.journey, 'w:1')
    await pipeline.committed([duplicate], 'known')
    expect(spent).toEqual([])
  })

  it('leaves the answer of a revoked partition to its next owner', async () => {
    const { pipeline, handle, done } = pipelineOf()
    pipeline.abandoned(await handle())
    expect(done.at(-1)).toBe('let go')
    expect(pipeline.oldestUncommittedMs()).toBeNull()
  })
})
