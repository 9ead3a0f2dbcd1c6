import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { callsFor, startFleet } from '../support/fleet.ts'

const TIMEOUT_MS = 3_000

test('a worker that was frozen while its answer came takes it when it thaws, though the time for it is over by then', async () => {
  const { stub, world, workers, send, arrived } = await startFleet(onTestFinished, {
    stub: { latencyMs: 1_000 },
    env: { OPENAI_TIMEOUT_SECONDS: String(TIMEOUT_MS / 1_000) },
  })
  await send([1, 2, 3])
  await arrived(3, 30_000)
  workers[0]?.kill('SIGSTOP')
  // Shorter than a lease, so no other worker may ask meanwhile.
  await sleep(TIMEOUT_MS + 1_000)
  workers[0]?.kill('SIGCONT')
  await world.answered([1, 2, 3], 30_000)
  expect([1, 2, 3].map((id) => callsFor(stub, id))).toEqual([1, 1, 1])
})
