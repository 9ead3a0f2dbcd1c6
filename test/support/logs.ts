/** Loggers that write to a directory of their own. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { afterEach, beforeEach, vi } from 'vitest'
import type { Logger, LoggerOptions } from '../../src/logging/logger.ts'
import { createLogger } from '../../src/logging/logger.ts'
import { waitUntil } from './wait.ts'

export let root: string
export let dir: string
export const open: Logger[] = []

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'logger-'))
  dir = join(root, 'logs')
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((logger) => logger.close()))
  vi.useRealTimers()
  rmSync(root, { recursive: true, force: true })
})

export interface Start extends Partial<LoggerOptions> {
  format?: 'text' | 'json'
  level?: 'error' | 'warn' | 'info' | 'debug'
  keepDays?: number
}

export function start({ format = 'text', level = 'info', keepDays = 14, ...options }: Start = {}) {
  const printed: string[] = []
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      printed.push(chunk.toString())
      done()
    },
  })
  const logger = createLogger({ dir, level, format, keepDays }, { stdout, tickMs: 20, ...options })
  open.push(logger)
  return { logger, stdout, printed: () => printed.join('') }
}

export const today = () => join(dir, 'auth_service.log')
export const read = (path = today()) => (existsSync(path) ? readFileSync(path, 'utf8') : '')
export const dated = (day: string) => join(dir, `auth_service-${day}.log`)

export const until = (done: () => boolean, what: string) =>
  waitUntil(
    done,
    20_000,
    () => `${what}; the directory: ${existsSync(dir) ? readdirSync(dir).join(' ') : 'gone'}; today: ${read()}`,
  )
export const written = (text: string) => until(() => read().includes(text), `"${text}" is not in today's log`)

/** Moves the clock, not the timers. */
export function setTime(time: string): void {
  vi.useFakeTimers({ toFake: ['Date'], now: new Date(time) })
}
