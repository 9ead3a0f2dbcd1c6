/** Failures that no single request causes: the fleet pauses, makes next to no calls, logs it once, and resumes by itself. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { FAILURES } from '../../src/errors.ts'
import type { FailureCode } from '../../src/errors.ts'
import type { FaultName } from '../../tools/openai-stub/faults.ts'
import type { Stub } from '../../tools/openai-stub/server.ts'
import { runCommand } from '../support/command.ts'
import { range, resumeOf, startFleet } from '../support/fleet.ts'
import { waitUntil } from '../support/wait.ts'

const burned = (stub: Stub) => stub.arrivals().filter(({ fault }) => fault !== null).length
/** Leaves out calls that a busy machine cut at their time limit. */
const answered = (stub: Stub) => stub.arrivals().filter(({ fault, aborted }) => fault === null && !aborted)
const SLOTS = 4

describe('15 seconds of trouble for two workers under load: all is answered, with few calls burned', () => {
  test.concurrent.for<FaultName>(['http_500', 'hang', 'reset', 'rate_limited', 'rate_limited_no_hint'])(
    '%s',
    { timeout: 180_000 },
    async (fault, { onTestFinished }) => {
      const env = { MAX_CALLS_IN_FLIGHT: String(SLOTS), OPENAI_TIMEOUT_SECONDS: '4' }
      const { stub, world, send } = await startFleet(onTestFinished, { env, start: [{}, {}] })
      await send(range(20))
      await world.answered(range(20))
      stub.misbehave({ fault, forMs: 15_000, retryAfterMs: 1_000 })
      for (const from of range(15)) {
        await send(range(10, 1_000 + from * 10))
        await sleep(1_000)
      }
      await world.answered(range(150, 1_010), 90_000)
      expect(world.notifications().filter(({ success }) => !success)).toEqual([])
      // Those that were under way in both workers, and some ten probes.
      expect(burned(stub)).toBeLessThanOrEqual(2 * (2 * SLOTS) + 12)
      expect(answered(stub)).toHaveLength(170)
    },
  )
})

describe('what only an operator can end', () => {
  const rows: { fault: FaultName; code: FailureCode }[] = [
    { fault: 'insufficient_quota', code: 'quota' },
    { fault: 'echo_key', code: 'unauthorized' },
    { fault: 'territory', code: 'territory' },
    { fault: 'model_not_found', code: 'bad_configuration' },
  ]
  test.concurrent.for(rows)(
    '$fault: the fleet pauses, nothing fails, status says what to do, and it goes on by itself',
    { timeout: 180_000 },
    async ({ fault, code }, { onTestFinished }) => {
      const env = { MAX_CALLS_IN_FLIGHT: String(SLOTS), OPENAI_KEY: 'sk-proj-never-told-0123456789' }
      const { stub, world, workers, send } = await startFleet(onTestFinished, { env, start: [{}, {}] })
      await send(range(4))
      await world.answered(range(4))
      const spell = stub.misbehave({ fault })
      await send(range(40, 101))
      await waitUntil(
        () => workers.every(({ lines }) => lines.some((line) => line.includes('calls are held'))),
        30_000,
        () => 'not every worker has paused',
      )
      await sleep(4_000)
      expect(world.notifications()).toHaveLength(4)
      // The calls that were in flight in both workers, and the probes of the first seconds.
      expect(burned(stub)).toBeLessThanOrEqual(2 * SLOTS + 5)
      for (const { lines } of workers) {
        const said = lines.filter((line) => line.includes('calls are held'))
        expect(said).toHaveLength(1)
        expect(said[0]).toMatch(/ERROR/)
        expect(said[0]).toContain(FAILURES[code].remedy)
      }
      const { code: exitCode, out: shown } = await runCommand(world.env, 'status')
      expect(exitCode).toBe(0)
      expect(shown).toMatch(new RegExp(`are held since .*: ${code} \\(\\d+ failures of \\d+ requests, \\d+ probes`))
      expect(shown).toContain(FAILURES[code].remedy)
      expect(shown).toMatch(/at most 40 messages/)
      expect(shown + workers.flatMap(({ lines }) => lines).join('')).not.toContain('never-told')
      stub.lift(spell)
      await world.answered(range(40, 101), 60_000)
      expect(world.notifications().filter(({ success }) => !success)).toEqual([])
      await workers[0]?.saw('calls are let through again')
      expect(answered(stub)).toHaveLength(44)
    },
  )
})

test('a parameter that the model begins to refuse is left out from then on', async ({ onTestFinished }) => {
  const { stub, world, workers, send } = await startFleet(onTestFinished, {})
  stub.misbehave({ fault: 'refuse_parameter', parameter: 'temperature' })
  await send([1])
  await world.answered([1])
  await send(range(10, 2))
  await world.answered(range(10, 2))
  expect(world.notifications().every(({ success }) => success)).toBe(true)
  expect(burned(stub)).toBe(1)
  expect(stub.summary().arrivals).toBe(12)
  await workers[0]?.saw('the server refuses the usual form')
})

test('one text that always fails holds nobody, also when it comes first', async ({ onTestFinished }) => {
  const { stub, world, workers, send } = await startFleet(onTestFinished, {})
  await send([1], (id) => ({ resume: resumeOf(id, '[[stub:http_500]]') }))
  await waitUntil(
    () => burned(stub) >= 1,
    20_000,
    () => 'no call',
  )
  await send(range(10, 2))
  await world.answered(range(11), 60_000)
  expect(world.notifications().filter(({ success }) => !success)).toMatchObject([
    { response: { processing_id: 1 }, message_error: FAILURES.outage.message, wait_seconds: null },
  ])
  expect(burned(stub)).toBeLessThanOrEqual(4)
  expect(workers[0]?.lines.filter((line) => line.includes('calls are held'))).toEqual([])
})
