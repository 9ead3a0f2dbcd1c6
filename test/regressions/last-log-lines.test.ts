/** Lines that are written together at the end of a turn were lost when the process ended within that turn. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const SRC = join(import.meta.dirname, '../../src')

const script = (end: string) => `
  import { createLogger } from ${JSON.stringify(join(SRC, 'logging/logger.ts'))}
  import { releaseGathered } from ${JSON.stringify(join(SRC, 'lib/gather-writes.ts'))}
  // As main.ts does.
  process.once('exit', releaseGathered)
  const config = { dir: ${JSON.stringify(mkdtempSync(join(tmpdir(), 'logs-')))}, level: 'info', format: 'text', keepDays: 1 }
  const log = createLogger(config, { stdout: process.stdout })
  setTimeout(() => {
    log.error('the last words')
    ${end}
  }, 10)`

test.each(['throw new TypeError("a fault")', 'process.exit(1)'])('a line before %s is on stdout', (end) => {
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script(end)], {
    encoding: 'utf8',
  })
  expect(status).toBe(1)
  expect(stdout).toContain('the last words')
})
