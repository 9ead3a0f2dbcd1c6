/** Servers other than OpenAI's, end to end: each words its answers differently, and the outcomes are the same. */
import { expect, test } from 'vitest'
import { FAILURES } from '../../src/errors.ts'
import { callsFor, range, resumeOf, startFleet } from '../support/fleet.ts'

const cases = [
  { profile: 'openai', env: {}, learns: 0 },
  { profile: 'azure', env: { OPENAI_MODEL: 'our-deployment' }, learns: 0 },
  // It knows neither max_completion_tokens nor schemas.
  { profile: 'vllm', env: { OPENAI_MODEL: 'Qwen/Qwen3-8B' }, learns: 2 },
  { profile: 'openai', env: { OPENAI_RESPONSE_FORMAT: 'json_object' }, learns: 0 },
  { profile: 'vllm', env: { OPENAI_RESPONSE_FORMAT: 'json_object' }, learns: 1 },
] as const

test.concurrent.for(cases)(
  '$profile $env',
  { timeout: 180_000 },
  async ({ profile, env, learns }, { onTestFinished }) => {
    const limits = { OPENAI_RPM: '1000', OPENAI_TPM: '1000000' }
    const { stub, world, send } = await startFleet(onTestFinished, { stub: { profile }, env: { ...limits, ...env } })
    await send([1])
    await world.answered([1])
    expect(stub.summary().arrivals).toBe(1 + learns)
    // From then on no call is wasted.
    await send(range(20, 2))
    await world.answered(range(21))
    expect(stub.summary().arrivals).toBe(21 + learns)
    expect(world.notifications().every(({ success, response }) => success && response['score'] === 100)).toBe(true)
    expect(world.seenRecords()).toHaveLength(21)

    const wishes = [
      'content_filter_prompt',
      'context_length',
      'rate_limited*1',
      'http_500*1',
      'not_json*1',
      'code_fence',
    ]
    const ids = range(wishes.length, 101)
    await send(ids, (id) => ({ resume: resumeOf(id, `[[stub:${wishes[id - 101] ?? ''}]]`) }))
    await send(range(10, 201))
    await world.answered([...ids, ...range(10, 201)])
    const told = ids.map((id) => world.notifications().find(({ response }) => response['processing_id'] === id))
    expect(told.map((each) => each?.message_error)).toEqual([
      FAILURES.content_filter.message,
      FAILURES.too_long.message,
      null,
      null,
      null,
      null,
    ])
    expect(ids.map((id) => callsFor(stub, id))).toEqual([1, 1, 2, 2, 2, 1])
  },
)
