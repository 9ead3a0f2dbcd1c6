/** The log: winston, its lines on stdout and in a file a day. The parts know it as log.ts's `Log`. */
import { once } from 'node:events'
import { Writable } from 'node:stream'
import winston from 'winston'
import type { Config } from '../config.ts'
import type { Log, LogFields } from './log.ts'
import { openDailyFile } from './daily-file.ts'
import type { Entry } from './line.ts'
import { createFormatter } from './line.ts'
import { createRedact } from './redact.ts'
import { createRepeats, REPEATS } from './repeats.ts'

export interface LoggerOptions {
  /** `process.stdout`. Its failure (nobody reads the pipe any more) is survived. */
  stdout: Writable
  /** Names this process among several with one LOG_DIR; default none. */
  worker?: string
  /** Values that must not be shown, as they are now: keys are rotated. */
  secrets?: () => readonly string[]
  /** Which entries besides faults `recent` keeps; default none. */
  remember?: (entry: Entry) => boolean
  /** For tests: see logging/daily-file.ts. */
  tickMs?: number
  symlink?: (target: string, path: string) => void
  /** For tests: see logging/repeats.ts. */
  repeats?: { spanMs: number; differing: number }
}

export type Logger = Log & {
  /** The last faults (error and warn) and what was to be remembered, as written, the oldest first. */
  recent(): readonly string[]
  /** Sums up what was not shown, and writes what is not written yet, for 2 s at most. What is logged later is dropped. */
  close(): Promise<void>
}

/** How winston's readers know the finished line (triple-beam). */
const MESSAGE = Symbol.for('message')
/** Lines that are kept in memory. */
const REMEMBERED = 30
const RANKS: Record<keyof Log, number> = { error: 0, warn: 1, info: 2, debug: 3 }

/**
 * Never throws: a directory that cannot be written is a warning on stdout, and tried again and again.
 * @returns the log; faults (error and warn) that repeat are counted instead of repeated
 */
export function createLogger(config: Config['logs'], options: LoggerOptions): Logger {
  const { stdout, worker = '', secrets = () => [], tickMs, symlink } = options
  const format = createFormatter({ format: config.format, worker, redact: createRedact(secrets) })
  const repeats = createRepeats({ ...REPEATS, ...options.repeats, clock: () => performance.now() })
  // Opening the file may have something to say itself.
  let file: ReturnType<typeof openDailyFile> | null = null
  const early: string[] = []
  const lines = new Writable({
    decodeStrings: false,
    write(line: string, _encoding, done) {
      if (file === null) early.push(line)
      else file.write(line)
      done()
    },
  })
  const transports = [stdout, lines].map((stream) => new winston.transports.Stream({ stream, eol: '\n' }))
  const logger = winston.createLogger({
    level: config.level,
    format: winston.format((info) => Object.assign(info, { [MESSAGE]: format(info['entry'] as Entry, new Date()) }))(),
    transports,
  })
  let closing: Promise<void> | null = null
  const remembered: string[] = []

  function show(entry: Entry): void {
    if (entry.level === 'error' || entry.level === 'warn' || options.remember?.(entry) === true) {
      remembered.push(format(entry, new Date()))
      if (remembered.length > REMEMBERED) remembered.shift()
    }
    if (closing === null) logger.log({ level: entry.level, message: '', entry })
  }

  function say(level: keyof Log, message: string, fields: LogFields): void {
    if (RANKS[level] > RANKS[config.level]) return
    const entry = { level, message, fields }
    if (RANKS[level] > RANKS.warn || repeats.admits(entry)) show(entry)
  }

  const log: Log = {
    error: (message, fields = {}) => say('error', message, fields),
    warn: (message, fields = {}) => say('warn', message, fields),
    info: (message, fields = {}) => say('info', message, fields),
    debug: (message, fields = {}) => say('debug', message, fields),
  }
  stdout.on('error', (error: Error) => log.warn('stdout cannot be written', { reason: error.message }))
  const limits = { ...(tickMs === undefined ? {} : { tickMs }), ...(symlink === undefined ? {} : { symlink }) }
  const opened = openDailyFile({ ...config, ...limits, log })
  file = opened
  for (const line of early) opened.write(line)
  const timer = setInterval(() => repeats.summaries().forEach(show), Math.min(1_000, options.repeats?.spanMs ?? 1_000))
  timer.unref()

  async function close(): Promise<void> {
    clearInterval(timer)
    const ended = Promise.all(transports.map((transport) => once(transport, 'finish')))
    logger.end()
    await ended
    await opened.close()
  }

  return {
    ...log,
    recent: () => remembered,
    close() {
      if (closing === null) repeats.summaries(true).forEach(show)
      return (closing ??= close())
    },
  }
}
