/**
 * Opens the page of OPS_PORT in a real browser (Debian's chromium) with hostile names in it, and sees that they are text: no script
 * runs, no element is made of them. For CI; `CHROMIUM` names another binary, `--screenshot FILE` keeps what the browser shows.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { createMetrics } from '../src/ops/metrics.ts'
import { renderPage } from '../src/ops/page.ts'
import { startOpsServer } from '../src/ops/server.ts'

const LIMIT_MS = 60_000
const EVIL = `</pre><script>document.title = 'run'</script><img src=x onerror="document.title = 'run'"><b id=made>`
const LINES = ['budget "gpt-4.1-mini": open, workers in line: 1', `skipped: ${EVIL}`]

const { values } = parseArgs({ options: { screenshot: { type: 'string' } } })
const quiet = () => {}
const server = await startOpsServer({
  host: '127.0.0.1',
  port: 0,
  metrics: createMetrics(),
  readiness: () => Promise.resolve({ ready: true, checks: {} }),
  page: async () =>
    renderPage({ worker: EVIL, version: '1.2.3', readiness: ['ready'], status: LINES, recent: [EVIL], at: new Date() }),
  log: { error: quiet, warn: quiet, info: quiet, debug: quiet },
})
const profile = mkdtempSync(join(tmpdir(), 'page-'))
const address = `http://127.0.0.1:${server.port}/`

async function browse(...args: string[]): Promise<string> {
  const common = [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    `--user-data-dir=${profile}`,
  ]
  const options = { timeout: LIMIT_MS, maxBuffer: 16_000_000 }
  const { stdout } = await promisify(execFile)(
    process.env['CHROMIUM'] ?? 'chromium',
    [...common, ...args, address],
    options,
  )
  return stdout
}

try {
  const dom = await browse('--dump-dom')
  const faults = [
    ...(/<(script|img|b)\b/.test(dom) ? ['an element was made of what the page shows'] : []),
    ...(dom.includes('<title>run') ? ['a script has run'] : []),
    ...(dom.split('&lt;script&gt;').length < 4 ? ['the page does not show its text'] : []),
  ]
  if (values.screenshot !== undefined) await browse('--window-size=900,700', `--screenshot=${values.screenshot}`)
  console.log(faults.length === 0 ? 'the page shows text as text' : faults.join('; '))
  process.exitCode = faults.length === 0 ? 0 : 1
} finally {
  await server.close()
  rmSync(profile, { recursive: true, force: true })
}
