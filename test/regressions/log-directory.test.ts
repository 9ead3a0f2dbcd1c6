import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLogger } from '../../src/logging/logger.ts'
import { waitUntil } from '../support/wait.ts'

let place: string
let file: string
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'log-'))
  file = join(place, 'file')
  writeFileSync(file, '')
})
afterAll(() => rmSync(place, { recursive: true }))

test.each([
  ['cannot even be made', () => join(file, 'logs')],
  ['is a file', () => file],
  // Root may not write there either.
  ['is read-only', () => '/proc/self'],
])('a log directory that %s is one warning, and the lines still go to stdout', async (_what, dirOf) => {
  const said: string[] = []
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      said.push(chunk.toString())
      done()
    },
  })
  const dir = dirOf()
  const log = createLogger({ dir, level: 'info', format: 'text', keepDays: 14 }, { stdout, tickMs: 20 })
  const warned = () => said.some((line) => line.includes(' WARN '))
  await waitUntil(warned, 10_000, () => `no warning, but ${said.join('')}`)
  log.info('the worker goes on')
  // The logger tries again after a second, which does not count as a second fault.
  await sleep(1_200)
  await log.close()
  const about = said.filter((line) => line.includes(dir))
  expect(about).toEqual([expect.stringMatching(/ WARN .*the lines come on stdout only dir=\S+ reason=/)])
  expect(said.join('')).toContain('the worker goes on')
})
