/** Workers on servers of other makers: what a server refuses is learned once, and no caller waits longer for it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { FAILURES } from '../../src/errors.ts'
import type { ProfileName } from '../../tools/openai-stub/profiles.ts'
import { runCommand } from '../support/command.ts'
import { callsFor, range, resumeOf, startFleet } from '../support/fleet.ts'

const cases: { profile: ProfileName; given: string }[] = [
  { profile: 'deepseek', given: 'json_object instead of a strict schema' },
  { profile: 'gemini', given: 'no seed' },
  { profile: 'groq', given: 'json_object instead of a strict schema' },
  { profile: 'reasoning', given: 'answers may have 4000 tokens' },
  { profile: 'llamacpp', given: 'json_object instead of a strict schema' },
  { profile: 'openrouter', given: 'no response_format' },
]

test.for(cases)(
  '$profile: a request, a refusal and a rate limit',
  { timeout: 180_000 },
  async ({ profile, given }, { onTestFinished }) => {
    const { stub, world, workers, send } = await startFleet(onTestFinished, { stub: { profile } })
    const told = (id: number) => world.notifications().find(({ response }) => response['processing_id'] === id)
    await send(range(6))
    await world.answered(range(6))
    for (const id of range(6)) {
      expect(told(id)).toMatchObject({ success: true, response: { score: 100 } })
      expect(callsFor(stub, id)).toBeLessThanOrEqual(3)
    }
    // Refused calls are not told apart by their texts.
    expect(stub.summary().arrivals).toBeLessThanOrEqual(3 * 6)
    await send([101, 102, ...range(6, 201)], (id) => {
      const wish = { 101: '[[stub:content_filter_prompt]]', 102: '[[stub:rate_limited*1]]' }[id] ?? ''
      return { resume: resumeOf(id, wish) }
    })
    await world.answered([101, 102, ...range(6, 201)])
    expect(told(101)).toMatchObject({ success: false, message_error: FAILURES.content_filter.message })
    expect(told(102)).toMatchObject({ success: true })
    expect(callsFor(stub, 102)).toBe(2)
    expect(range(6, 201).map((id) => callsFor(stub, id))).toEqual(range(6).map(() => 1))
    const said = workers[0]?.lines ?? []
    expect(said.filter((line) => line.includes('calls are held'))).toEqual([])
    expect(said.filter((line) => line.includes('the server refuses')).at(-1)).toContain(given)
    expect((await runCommand(world.env, 'status')).out).toContain(given)
  },
)

test(
  'a fleet that starts at once is refused each part once per worker, not once per request',
  { timeout: 180_000 },
  async ({ onTestFinished }) => {
    // Refuses the schema and the cap's name, one after the other.
    const start = [{}, {}, {}]
    const { stub, world, workers, send } = await startFleet(onTestFinished, { stub: { profile: 'vllm' }, start })
    const ids = range(60)
    await send(ids)
    await world.answered(ids)
    expect(world.notifications().map(({ success }) => success)).toEqual(ids.map(() => true))
    const { arrivals, byStatus } = stub.summary()
    expect(byStatus['400']).toBeLessThanOrEqual(start.length * 2)
    expect(arrivals).toBe(ids.length + (byStatus['400'] ?? 0))
    const held = workers.flatMap(({ lines }) => lines.filter((line) => line.includes('calls are held')))
    expect(held).toEqual([])
  },
)

test('a restart learns nothing again, until it is told to', { timeout: 180_000 }, async ({ onTestFinished }) => {
  const { stub, world, workers, send } = await startFleet(onTestFinished, { stub: { profile: 'reasoning' } })
  await send([1])
  await world.answered([1])
  expect(stub.summary().arrivals).toBe(3)
  await workers[0]?.end('SIGTERM')
  const next = world.start()
  await next.saw('assigned ', 60_000)
  await send([2])
  await world.answered([2])
  expect(stub.summary().arrivals).toBe(3 + 1)
  const { out } = await runCommand(world.env, 'forget', '--adaptations')
  expect(out).toContain('forgotten')
  // The worker looks when it is about to ask, but at most once a second: one of the next two is asked as the server was new.
  await sleep(1_100)
  await send([3])
  await world.answered([3])
  await send([4])
  await world.answered([4])
  expect(stub.summary().arrivals).toBe(3 + 1 + 4)
})
