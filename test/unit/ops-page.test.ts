import { expect, test } from 'vitest'
import type { Log } from '../../src/logging/log.ts'
import { createMetrics } from '../../src/ops/metrics.ts'
import { escapeHtml, renderPage } from '../../src/ops/page.ts'
import { createReading } from '../../src/ops/reading.ts'
import { startOpsServer } from '../../src/ops/server.ts'

const quiet = () => {}
const log: Log = { error: quiet, warn: quiet, info: quiet, debug: quiet }
const EVIL = `</pre><script>alert("1")</script><img src=x onerror='alert(2)'>&amp;`

const page = () =>
  renderPage({
    worker: EVIL,
    version: EVIL,
    readiness: [EVIL],
    status: [`skipped: ${EVIL}`],
    recent: [EVIL],
    at: new Date(0),
  })

test('whatever it shows is text: nothing that comes from outside makes an element', () => {
  const html = page()
  const elements = new Set([...html.matchAll(/<\/?([a-z0-9!]+)/gi)].map(([, name]) => name))
  const ours = ['!doctype', 'html', 'head', 'meta', 'title', 'style', 'body', 'h1', 'section', 'h2', 'pre', 'footer']
  expect([...elements].filter((name) => !ours.includes(name ?? ''))).toEqual([])
  expect(html.split(escapeHtml(EVIL))).toHaveLength(7)
  expect(html).not.toContain(EVIL)
})

test('it is served at /, reads only, and lets no browser run, load or frame anything', async () => {
  const server = await startOpsServer({
    host: '127.0.0.1',
    port: 0,
    metrics: createMetrics(),
    readiness: () => Promise.resolve({ ready: true, checks: {} }),
    page: () => Promise.resolve(page()),
    log,
  })
  try {
    const address = `http://127.0.0.1:${server.port}/`
    const response = await fetch(address)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(await response.text()).toBe(page())
    expect((await fetch(address, { method: 'POST' })).status).toBe(405)
  } finally {
    await server.close()
  }
})

test('many readers cost what one costs; what failed is asked for again', async () => {
  let reads = 0
  let nowMs = 0
  const reading = createReading(
    5_000,
    async () => {
      reads++
      if (reads === 2) throw new Error('away')
      return reads
    },
    () => nowMs,
  )
  expect(await Promise.all([reading(), reading(), reading()])).toEqual([1, 1, 1])
  nowMs = 4_999
  expect(await reading()).toBe(1)
  nowMs = 5_001
  await expect(reading()).rejects.toThrow('away')
  expect(await reading()).toBe(3)
})
