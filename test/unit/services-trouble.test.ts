import { mkdtempSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { requireFree, startGuarded } from '../../tools/services/guarded.ts'
import { requireSpace } from '../../tools/services/trouble.ts'

const started = (script: string) =>
  startGuarded(
    {
      name: 'Kafka',
      command: 'sh',
      args: ['-c', script],
      dir: mkdtempSync(join(tmpdir(), 'services-trouble-')),
      isReady: () => Promise.resolve(false),
      startLimitMs: 10_000,
    },
    new AbortController().signal,
  )

test('a service that finds no room on the disk is told in one sentence', async () => {
  const said = 'java.io.IOException: No space left on device\\n  at sun.nio.ch.FileDispatcherImpl.write0'
  await expect(started(`echo "${said}"; exit 1`)).rejects.toThrow(
    /^Kafka does not start: the disk is full: free .* or point TMPDIR to another disk$/,
  )
})

test('a service that ends for a reason that nobody knows is quoted', async () => {
  await expect(started('echo "a riddle"; exit 1')).rejects.toThrow(/ended before it was ready[^]*a riddle/)
})

test('a port that is taken is named, with what may listen on it', async () => {
  const server = createServer()
  onTestFinished(() => void server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await expect(requireFree(port, '`npm run dev`')).rejects.toThrow(
    new RegExp(`^port ${port} is taken: end what listens on it, maybe .npm run dev. in another terminal$`),
  )
})

test('a disk without room is told before anything starts, with what to do', async () => {
  await expect(requireSpace(tmpdir(), Number.MAX_SAFE_INTEGER)).rejects.toThrow(/MB left: free .* or point TMPDIR/)
  await expect(requireSpace(tmpdir(), 0)).resolves.toBeUndefined()
})
