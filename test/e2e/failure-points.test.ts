/**
 * A worker that is SIGKILLed at every step of a request's way. The steps are recognised on the wire, by proxies between the
 * worker and its services: it dies at the very moment when it has sent, or is about to get, the bytes that make the step.
 */
import { describe, expect, test } from 'vitest'
import type { Stub } from '../../tools/openai-stub/server.ts'
import { callsById, traceable } from '../support/audit.ts'
import type { Point } from '../support/failure-point.ts'
import { inTransaction, killAt, onClaim, TARGET } from '../support/failure-point.ts'
import { bytes, claimScript, loadedScript, scriptCall } from '../support/taps.ts'
import { waitUntil } from '../support/wait.ts'
import type { Worker } from '../support/worker.ts'
import type { World } from '../support/world.ts'
import { countById } from '../support/world.ts'
import { withWorld } from '../support/worlds.ts'

const LIMIT_MS = 300_000
const IDS = [70_001, 70_002, TARGET, 70_004, 70_005]

interface NamedPoint extends Point {
  name: string
  /** How often the model server is asked for the target in all. */
  calls: 1 | 2
}

const reservation = async (world: World) => [
  scriptCall(await loadedScript(world.redis, ['budget/state', 'budget/trees', 'budget/line', 'budget/reserve'])),
]
const confirmation = async (world: World) => [
  ...(await onClaim('answer')(world)),
  ...(await onClaim('reassert')(world)),
]
const mark = async (world: World) => [
  scriptCall(await claimScript(world.redis, 'finish'), `processed_messages:${TARGET}`),
]
const asked = bytes('up', `ref:${TARGET}.`)

const POINTS: NamedPoint[] = [
  {
    name: 'as the message is handed to it',
    service: 'kafka',
    moments: () => [bytes('down', `"processing_id":${TARGET}`)],
    arrives: false,
    calls: 1,
  },
  {
    name: 'after it consumed, before the claim',
    service: 'redis',
    moments: onClaim('claim'),
    arrives: false,
    calls: 1,
  },
  { name: 'after the claim', service: 'redis', moments: onClaim('claim'), arrives: true, calls: 1 },
  {
    name: 'after the budget was reserved',
    env: { OPENAI_RPM: '600' },
    service: 'redis',
    moments: reservation,
    arrives: true,
    calls: 1,
  },
  { name: 'after the lease, before the call', service: 'redis', moments: onClaim('begin'), arrives: true, calls: 1 },
  { name: 'as the call was sent', service: 'model', moments: () => [asked], arrives: true, calls: 2 },
  {
    name: 'as the answer was on its way',
    service: 'model',
    moments: () => [asked, bytes('down', 'HTTP/1.1 200')],
    arrives: false,
    calls: 2,
  },
  {
    name: 'after the answer, before it is stored',
    service: 'redis',
    moments: onClaim('answer'),
    arrives: false,
    calls: 2,
  },
  { name: 'after the answer was stored', service: 'redis', moments: onClaim('answer'), arrives: true, calls: 1 },
  { name: 'as its claim is confirmed', service: 'redis', moments: confirmation, arrives: true, calls: 1 },
  {
    name: 'before the outputs reach Kafka',
    service: 'kafka',
    moments: inTransaction('Produce'),
    arrives: false,
    calls: 1,
  },
  {
    name: 'after the outputs reached Kafka, uncommitted',
    service: 'kafka',
    moments: inTransaction('Produce'),
    arrives: true,
    calls: 1,
  },
  {
    name: 'after the offset was added to the transaction',
    service: 'kafka',
    moments: inTransaction('TxnOffsetCommit'),
    arrives: true,
    calls: 1,
  },
  { name: 'before the commit', service: 'kafka', moments: inTransaction('EndTxn'), arrives: false, calls: 1 },
  {
    name: 'after the commit, not knowing of it',
    service: 'kafka',
    moments: inTransaction('EndTxn'),
    arrives: true,
    calls: 1,
  },
  { name: 'after the commit, before the mark', service: 'redis', moments: mark, arrives: false, calls: 1 },
  { name: 'after the mark', service: 'redis', moments: mark, arrives: true, calls: 1 },
]

describe.concurrent('a worker that is killed', () => {
  test.each(POINTS)('$name: one outcome, and no call twice that was not in flight', { timeout: LIMIT_MS }, (point) =>
    withWorld({ stub: { latencyMs: 50 } }, async (world, stub) => {
      await killAt(world, stub, point, () => world.send(IDS.map((id) => traceable(id))))
      const before = await stateAfterDeath(world, stub)

      const successor = world.start()
      await world.answered(IDS)
      await sendAgain(world, successor)
      for (const seen of [world.seenNotifications(), world.seenRecords()]) {
        expect(countById(seen)).toEqual(new Map(IDS.map((id) => [`${id}`, 1])))
      }
      expect(world.notifications().every(({ success }) => success)).toBe(true)
      expect(await world.redis.exists(...IDS.map((id) => `${world.keyPrefix}processed_messages:${id}`))).toBe(5)
      const calls = callsById(stub.arrivals())
      expect(calls.get(`${TARGET}`), `calls: ${evidence(world, stub)}`).toBe(point.calls)
      for (const id of IDS.map(String)) {
        const paid = before.called.get(id) ?? 0
        expect(calls.get(id), `calls for ${id}`).toBe(before.kept.has(id) ? paid : paid + 1)
      }
    }),
  )
})

/** The calls that the dead worker paid for, and the answers of them that are stored. */
async function stateAfterDeath(world: World, stub: Stub) {
  const kept = new Set<string>()
  for (const id of IDS.map(String)) {
    const state = await world.redis.hget(`${world.keyPrefix}claim:${id}`, 'state')
    if (state === 'answered') kept.add(id)
  }
  return { called: callsById(stub.arrivals()), kept }
}

/** @returns the calls of the target and what the workers said, for a failure that does not come twice */
function evidence(world: World, stub: Stub): string {
  const calls = stub.arrivals().filter(({ ref }) => ref === `${TARGET}`)
  return [JSON.stringify(calls), ...world.workers.map(({ lines }) => lines.join('\n'))].join('\n---\n')
}

/** Sends all ids again. Resolves when the worker has handled them: an outcome that it publishes twice is there by then. */
async function sendAgain(world: World, worker: Worker): Promise<void> {
  await world.send(IDS.map((id) => traceable(id)))
  const duplicates = () => worker.lines.filter((line) => line.includes('outcome=duplicate')).length
  await waitUntil(
    () => duplicates() >= IDS.length,
    90_000,
    () => `${duplicates()} of ${IDS.length} duplicates were skipped`,
  )
}
