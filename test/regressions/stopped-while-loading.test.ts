import { expect, test } from 'vitest'
import { startWorker } from '../support/worker.ts'

const HOOK = new URL('../support/stop-while-loading.ts', import.meta.url).href

test('a worker that is told to stop while it is still loading ends as one that is told later', async () => {
  // Nothing listens there, and nothing may be waited for.
  const nowhere = { KAFKA_BOOTSTRAP_SERVERS: 'localhost:1', REDIS_HOST: 'localhost', REDIS_PORT: '1' }
  const worker = startWorker({ ...nowhere, OPENAI_KEY: 'sk-test', NODE_OPTIONS: `--import=${HOOK}` })
  expect(await worker.exited).toBe(0)
})
