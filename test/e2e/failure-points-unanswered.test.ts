/** A worker that is SIGKILLed while it ends a request without an answer: with a refusal for lack of budget, or a dead letter. */
import { describe, expect, test } from 'vitest'
import { callsById, traceable } from '../support/audit.ts'
import type { Point } from '../support/failure-point.ts'
import { inTransaction, killAt, onClaim, TARGET } from '../support/failure-point.ts'
import { waitUntil } from '../support/wait.ts'
import { withWorld } from '../support/worlds.ts'

const LIMIT_MS = 300_000
const FIRST = 70_001
const POISON = 'poison for everyone'

/** What ends without an answer: a refusal for lack of budget, and a dead letter. */
const ENDS: { name: string; point: Point; of: 'refusal' | 'dead letter' }[] = [
  {
    name: 'with its refusal written and not yet published',
    of: 'refusal',
    point: { service: 'redis', moments: onClaim('refuse'), arrives: true },
  },
  {
    name: 'with its refusal in an open transaction',
    of: 'refusal',
    point: { service: 'kafka', moments: inTransaction('EndTxn'), arrives: false },
  },
  {
    name: 'with its refusal committed',
    of: 'refusal',
    point: { service: 'kafka', moments: inTransaction('EndTxn'), arrives: true },
  },
  {
    name: 'with its dead letter in an open transaction',
    of: 'dead letter',
    point: { service: 'kafka', moments: inTransaction('EndTxn', POISON), arrives: false },
  },
  {
    name: 'with its dead letter committed',
    of: 'dead letter',
    point: { service: 'kafka', moments: inTransaction('EndTxn', POISON), arrives: true },
  },
]

describe.concurrent('a worker that is killed while it ends a request without an answer,', () => {
  test.each(ENDS)('$name: told once', { timeout: LIMIT_MS }, ({ point, of }) =>
    withWorld({ stub: { latencyMs: 50 } }, async (world, stub) => {
      const isRefusal = of === 'refusal'
      // One request's budget, which the first one takes, or wastes when the machine is too slow to send it in time.
      const env: Record<string, string> = isRefusal ? { OPENAI_RPD: '1', BUDGET_MAX_WAIT_SECONDS: '1' } : {}
      await killAt(world, stub, { ...point, env }, async () => {
        await world.send([traceable(FIRST)])
        await world.answered([FIRST])
        await world.send([isRefusal ? traceable(TARGET) : { key: 'new_request', value: POISON }])
      })
      const successor = world.start(env)
      const ofTarget = (success: boolean) =>
        world.notifications().filter((each) => each.response['processing_id'] === TARGET && each.success === success)
      const told = () => (isRefusal ? ofTarget(false) : world.deadLetters())
      await waitUntil(
        () => told().length > 0,
        120_000,
        () => `no ${of}; the worker said:\n${successor.lines.slice(-15).join('\n')}`,
      )
      await successor.saw('working')
      expect(await successor.end()).toBe(0)
      // A later send is a new acceptance, and another budget has room for it.
      const last = world.start({ BUDGET_NAME: 'another' })
      await world.send([traceable(TARGET)])
      await waitUntil(
        () => ofTarget(true).length > 0,
        120_000,
        () => `the id was not processed when it was sent again:\n${last.lines.slice(-15).join('\n')}`,
      )
      expect(told()).toHaveLength(1)
      expect(ofTarget(true)).toHaveLength(1)
      expect(callsById(stub.arrivals()).get(`${TARGET}`)).toBe(1)
    }),
  )
})
