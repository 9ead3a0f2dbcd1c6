import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { Log } from '../../src/logging/log.ts'
import { createMetrics } from '../../src/ops/metrics.ts'
import type { Check, OpsServer } from '../../src/ops/server.ts'
import { readinessOf, startOpsServer } from '../../src/ops/server.ts'

const quiet = () => {}
const log: Log = { error: quiet, warn: quiet, info: quiet, debug: quiet }
const servers: OpsServer[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

async function start(checks: Record<string, Check> = {}, port = 0) {
  const metrics = createMetrics()
  const server = await startOpsServer({ host: '127.0.0.1', port, metrics, readiness: () => readinessOf(checks), log })
  servers.push(server)
  const get = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, init)
    return { status: response.status, type: response.headers.get('content-type'), body: await response.text() }
  }
  return { server, metrics, get }
}

describe('/readyz', () => {
  test('is 200 while every check is well, and 503 with the reasons while one is not', async () => {
    let redis: string | null = null
    const { get } = await start({ kafka: () => null, redis: async () => redis })
    expect(await get('/readyz')).toEqual({
      status: 200,
      type: 'application/json',
      body: '{"ready":true,"checks":{"kafka":"ok","redis":"ok"}}\n',
    })
    redis = 'away for 12 s'
    const { status, body } = await get('/readyz')
    expect(status).toBe(503)
    expect(JSON.parse(body)).toEqual({ ready: false, checks: { kafka: 'ok', redis: 'away for 12 s' } })
  })

  test('counts a check that fails or hangs as not well, and waits for none of them', async () => {
    const { get } = await start({
      throws: () => {
        throw new Error('no such group')
      },
      rejects: () => Promise.reject(new Error('no reply')),
      hangs: () => new Promise<null>(() => {}),
    })
    const { status, body } = await get('/readyz')
    expect(status).toBe(503)
    expect(JSON.parse(body)).toEqual({
      ready: false,
      checks: { throws: 'no such group', rejects: 'no reply', hangs: 'the check took longer than 800 ms' },
    })
  })
})

test('/livez is well while nothing else is', async () => {
  const { get } = await start({ hangs: () => new Promise<null>(() => {}) })
  expect(await get('/livez')).toMatchObject({ status: 200, body: 'ok\n' })
})

test('/metrics is what Prometheus reads', async () => {
  const { get, metrics } = await start()
  metrics.requestFinished('success', { waitedMs: 0, tookMs: 0 })
  const { status, type, body } = await get('/metrics')
  expect(status).toBe(200)
  expect(type).toContain('text/plain; version=0.0.4')
  expect(body).toContain('resume_scoring_requests_total{outcome="success"} 1\n')
})

test('a reading that fails is an answer too', async () => {
  const metrics = { contentType: 'text/plain', render: () => Promise.reject(new Error('broken')) }
  const server = await startOpsServer({ host: '127.0.0.1', port: 0, metrics, readiness: () => readinessOf({}), log })
  servers.push(server)
  expect((await fetch(`http://127.0.0.1:${server.port}/metrics`)).status).toBe(500)
})

test('other paths and methods are refused, HEAD and queries are not', async () => {
  const { get } = await start()
  expect(await get('/')).toMatchObject({ status: 404 })
  expect(await get('//evil/livez')).toMatchObject({ status: 404 })
  expect(await get('/constructor')).toMatchObject({ status: 404 })
  expect(await get('/livez', { method: 'POST' })).toMatchObject({ status: 405 })
  expect(await get('/livez?verbose=1', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
})

test('closing does not wait for a reader that is stuck', async () => {
  const { server } = await start()
  const socket = connect(server.port, '127.0.0.1')
  socket.on('error', quiet)
  await once(socket, 'connect')
  socket.write('GET /metrics HTTP/1.1\r\n')
  const closed = new Promise((resolve) => socket.on('close', resolve))
  await servers.splice(0)[0]?.close()
  await closed
  await expect(fetch(`http://127.0.0.1:${server.port}/livez`)).rejects.toThrow('fetch failed')
})

test('a port that is taken is said by the name of its setting', async () => {
  const { server } = await start()
  await expect(start({}, server.port)).rejects.toThrow(
    `OPS_PORT ${server.port} of OPS_HOST 127.0.0.1 cannot be opened: listen EADDRINUSE`,
  )
})
