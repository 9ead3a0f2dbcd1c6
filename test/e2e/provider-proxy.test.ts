/** OPENAI_PROXY_URL, end to end: the worker reaches its provider through the proxy, or not at all. */
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { startStub } from '../../tools/openai-stub/server.ts'
import { readHolds } from '../../src/provider/holds.ts'
import { redisKeys } from '../../src/redis/keys.ts'
import { range, startFleet } from '../support/fleet.ts'
import { startForwardProxy } from '../support/proxy.ts'
import { waitUntil } from '../support/wait.ts'

const PASSWORD = 'p@ss:/wörd'

/** Forwards connections to `port`, and records the port that each came from. */
async function startWitness(port: number) {
  const peers = new Set<number>()
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    peers.add(client.remotePort ?? 0)
    const upstream = connect(port, '127.0.0.1')
    for (const [from, into] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.pipe(into)
      from.on('error', () => into.destroy())
      from.once('close', () => into.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    peers,
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('all calls go through the proxy; while it refuses or is down none goes another way, and nothing fails', async ({
  onTestFinished,
}) => {
  const stub = await startStub({ latencyMs: 20 })
  onTestFinished(() => stub.stop())
  const witness = await startWitness(stub.port)
  onTestFinished(() => witness.stop())
  const proxy = await startForwardProxy({ credentials: { username: 'воркер', password: PASSWORD } })
  onTestFinished(() => proxy.stop())
  const env = { OPENAI_BASE_URL: witness.baseUrl, OPENAI_PROXY_URL: proxy.url, MAX_CALLS_IN_FLIGHT: '4' }
  const { world, workers, send } = await startFleet(onTestFinished, { env })
  const lines = () => workers.flatMap((worker) => worker.lines)
  const held = (codes: string[]) => {
    const found = () => lines().flatMap((line) => /calls are held .*code=(\w+)/.exec(line)?.[1] ?? [])
    return waitUntil(
      () => found().join() === codes.join(),
      30_000,
      () => `calls were held for ${found().join()}, not for ${codes.join()}`,
    )
  }
  await send(range(20))
  await world.answered(range(20))

  proxy.refuseWith(407)
  await send(range(20, 101))
  await held(['proxy_refused'])
  expect(world.notifications()).toHaveLength(20)
  expect(stub.summary().arrivals).toBe(20)
  proxy.refuseWith(null)
  await world.answered(range(20, 101))

  proxy.refuseWith(502)
  await send(range(20, 201))
  await held(['proxy_refused', 'outage'])
  proxy.refuseWith(null)
  await world.answered(range(20, 201))

  await proxy.stop()
  await send(range(5, 301))
  const holds = () => readHolds(world.redis, redisKeys(world.keyPrefix))
  await waitUntil(
    async () => (await holds()).some(({ code, holdsOthers }) => code === 'outage' && holdsOthers),
    30_000,
    () => 'nothing is held while the proxy is down',
  )
  expect(stub.summary().arrivals).toBe(60)
  expect(world.notifications()).toHaveLength(60)
  expect(world.notifications().every(({ success }) => success)).toBe(true)
  expect(witness.peers.size).toBeGreaterThan(0)
  expect([...witness.peers].filter((port) => !proxy.outgoingPorts().has(port))).toEqual([])
  expect(proxy.requests().every(({ authorized }) => authorized)).toBe(true)
  expect(lines().join('\n')).not.toContain(PASSWORD)
})
