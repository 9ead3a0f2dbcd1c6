/** The model server is gone for longer than a call may take, and nobody is told a failure for it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, inject, test } from 'vitest'
import { startStub } from '../../tools/openai-stub/server.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { expectUnharmed, linesWith, mostSaid, underLoad } from '../support/trouble.ts'
import { createWorld } from '../support/world.ts'

const AWAY_MS = 15_000

test.each([
  ['refuses connections', 'cut' as const],
  ['takes requests and never answers', 'silence' as const],
])('a model server that %s for 15 s: requests are held, then all answered', { timeout: 300_000 }, async (_, how) => {
  const stub = await startStub({ latencyMs: 100 })
  const proxy = await startTcpProxy({ to: { host: '127.0.0.1', port: stub.port } })
  const world = await createWorld({
    kafkaBrokers: inject('kafkaBrokers'),
    redisUrl: inject('redisUrl'),
    baseUrl: `http://127.0.0.1:${proxy.port}/v1`,
    env: { MAX_CALLS_IN_FLIGHT: '3', OPENAI_TIMEOUT_SECONDS: '3' },
  })
  try {
    const worker = world.start()
    await worker.saw('working')
    const ids = await underLoad(world, async () => {
      await sleep(200)
      proxy[how]()
      await sleep(AWAY_MS)
      proxy.heal()
    })
    // What was in flight at the cut, or held by the silence, may have been asked twice.
    expectUnharmed(world, stub, ids, stub.arrivals().length)
    expect(stub.arrivals().length).toBeLessThanOrEqual(ids.length + 8)
    expect(linesWith(worker, 'calls are held').length).toBeGreaterThan(0)
    expect(mostSaid(worker)).toBeLessThan(20)
    expect(await worker.end()).toBe(0)
  } finally {
    await world.close()
    await proxy.stop()
    await stub.stop()
  }
})
