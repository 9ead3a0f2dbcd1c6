/** Workers of a fleet whose Redis loses its data. */
import { afterEach, beforeEach, inject } from 'vitest'
import type { OutcomeRecord } from '../../src/outcomes/read-back.ts'
import type { Fleet, FleetWorker } from './fleet.ts'
import { message, outcomeOf, soon, startFleet } from './fleet.ts'
import { HASH, OUTCOME } from './words.ts'

export const DAY_MS = 86_400_000

export let fleet: Fleet

beforeEach(async () => {
  fleet = await startFleet(inject('redisUrl'))
})
afterEach(() => fleet.stop())

export function published(id: bigint, also: Partial<OutcomeRecord> & { wait?: number } = {}): OutcomeRecord {
  const { wait = null, ...record } = also
  return {
    key: Buffer.from('new_notifications'),
    value: Buffer.from(`{"success":${wait === null},"response":{"processing_id":${id}},"wait_seconds":${wait}}`),
    headers: { 'scoring-attempts': '1', 'scoring-billed-tokens': '1500' },
    timestampMs: Date.now(),
    ...record,
  }
}

/** Claims, stores, publishes and marks. */
export async function finish(worker: FleetWorker, id: bigint, owner = message()): Promise<void> {
  await worker.claim(id, owner, HASH, soon())
  await worker.store(id, owner, OUTCOME, soon())
  fleet.notifications.push(published(id))
  fleet.stands(owner, 'committed')
  await worker.finish([outcomeOf({ id, owner })], 'known', soon())
}

export const leaders = (...workers: FleetWorker[]) =>
  workers.filter(({ log }) => log.lines.some((line) => line.message === 'Redis is complete again')).length
