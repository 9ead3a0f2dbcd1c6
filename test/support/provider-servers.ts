/** Providers, and the servers that they ask. */
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach } from 'vitest'
import type { Config } from '../../src/config.ts'
import type { Stub, StubOptions } from '../../tools/openai-stub/server.ts'
import { startStub } from '../../tools/openai-stub/server.ts'
import { createTestProvider, memory, recordedLog } from './provider.ts'

export const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

export const recorded = recordedLog()
export const lines = recorded.lines

export function providerOf(baseUrl: string, changes: Partial<Config['provider']> = {}, redis = memory()) {
  const provider = createTestProvider(baseUrl, recorded.log, changes, redis)
  cleanups.push(provider.close)
  return provider
}

export async function stubOf(options: StubOptions = {}): Promise<Stub> {
  const stub = await startStub(options)
  cleanups.push(() => stub.stop())
  return stub
}

export const COMPLETION = JSON.stringify({ choices: [{ finish_reason: 'stop', message: { content: '{"score":1}' } }] })
export const THOUGHT_OUT = JSON.stringify({ choices: [{ finish_reason: 'length', message: { content: '' } }] })

/** A server with one handler, which sees the raw request. */
export async function rawServer(
  handler: Parameters<typeof createServer>[1],
): Promise<{ server: Server; baseUrl: string }> {
  const server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return { server, baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` }
}
