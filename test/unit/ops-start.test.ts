/** What a worker that waits for its services tells orchestrators. */
import { expect, onTestFinished, test } from 'vitest'
import { silent } from '../../src/logging/log.ts'
import { createMetrics } from '../../src/ops/metrics.ts'
import { startOps } from '../../src/ops/ops.ts'
import { reasonOf } from '../../src/redis/explain.ts'
import { freePorts } from '../../tools/services/guarded.ts'

test('/readyz names the one service that the start waits for', async () => {
  const [port = 0] = await freePorts(1)
  const metrics = createMetrics()
  const about = { worker: 'w', version: '1', recent: () => [] }
  const ops = await startOps({ host: '127.0.0.1', port }, metrics, silent, about)
  onTestFinished(() => ops.close())
  const told = async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).json()
  expect(await told()).toEqual({ ready: false, checks: { start: 'waiting for Kafka, the log says why' } })
  ops.waitsFor('Redis')
  expect(await told()).toEqual({ ready: false, checks: { start: 'waiting for Redis, the log says why' } })
})

test('a missing connection to Redis is told in words of ours', () => {
  expect(reasonOf(new Error("Stream isn't writeable and enableOfflineQueue options is false"))).toBe(
    'there is no connection',
  )
  expect(reasonOf(new Error('OOM command not allowed'))).toBe('OOM command not allowed')
})
