/** The model server is away for longer than a call may take, and no request fails for it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { expectOneEach, linesWith, mostSaid, underLoad } from '../support/trouble.ts'
import { withWorld } from '../support/worlds.ts'

const AWAY_MS = 15_000

test.each([
  ['refuses connections', 'cut' as const],
  ['takes requests and never answers', 'silence' as const],
])('a model server that %s for 15 s: requests are held, then all answered', { timeout: 300_000 }, async (_, how) => {
  const settings = { MAX_CALLS_IN_FLIGHT: '3', OPENAI_TIMEOUT_SECONDS: '3' }
  await withWorld({ stub: { latencyMs: 100 }, env: settings }, async (world, stub) => {
    const proxy = await startTcpProxy({ to: { host: '127.0.0.1', port: stub.port } })
    onTestFinished(() => proxy.stop())
    const worker = world.start({ OPENAI_BASE_URL: `http://127.0.0.1:${proxy.port}/v1` })
    await worker.saw('working')
    const ids = await underLoad(world, async () => {
      await sleep(200)
      proxy[how]()
      await sleep(AWAY_MS)
      proxy.heal()
    })
    // What was in flight at the cut, or held by the silence, may have been asked twice.
    expectOneEach(world, ids)
    expect(stub.arrivals().length).toBeLessThanOrEqual(ids.length + 8)
    expect(linesWith(worker, 'calls are held').length).toBeGreaterThan(0)
    expect(mostSaid(worker)).toBeLessThan(20)
    expect(await worker.end()).toBe(0)
  })
})
