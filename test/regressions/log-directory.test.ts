import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { createLogger } from '../../src/logger.ts'

test('a log directory that cannot even be made is a warning, and the lines still go to stdout', async () => {
  const place = mkdtempSync(join(tmpdir(), 'log-'))
  writeFileSync(join(place, 'file'), '')
  let said = ''
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      said += chunk.toString()
      done()
    },
  })
  const dir = join(place, 'file', 'logs')
  const log = createLogger({ dir, level: 'info', format: 'text', keepDays: 14 }, { stdout })
  log.info('the worker goes on')
  await log.close()
  expect(said).toContain('WARN')
  expect(said).toContain('the worker goes on')
  rmSync(place, { recursive: true })
})
