/** The log: winston, its lines on stdout and in a file a day. The parts know it as log.ts's `Log`. */
import { once } from 'node:events'
import { Writable } from 'node:stream'
import winston from 'winston'
import type { Config } from '../config.ts'
import { createDailyFile } from './daily-file.ts'
import type { Entry } from './line.ts'
import { createFormatter } from './line.ts'
import type { Log, LogFields } from './log.ts'
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
  /** For tests: see daily-file.ts and repeats.ts. */
  tickMs?: number
  repeats?: { spanMs: number; differing: number }
}

export type Logger = Log & {
  /** The last faults (error and warn) and what was to be remembered, as written, the oldest first. */
  recent(): readonly string[]
  /** Sums up what was not shown, and writes what is not written yet, for 2 s at most. What is logged later is dropped. */
  close(): Promise<void>
}

/** Where winston's transports find the finished line (triple-beam). */
const LINE = Symbol.for('message')
/** Lines that are kept in memory. */
const REMEMBERED = 30
const { levels } = winston.config.npm

/**
 * Never throws: a directory that cannot be written is a warning on stdout, and tried again and again.
 * @returns the log; faults (error and warn) that repeat are counted instead of repeated
 */
export function createLogger(config: Config['logs'], options: LoggerOptions): Logger {
  const { stdout, worker = '', secrets = () => [], remember = () => false, tickMs } = options
  const format = createFormatter({ format: config.format, worker, redact: createRedact(secrets) })
  const repeats = createRepeats({ ...REPEATS, ...options.repeats, clock: () => performance.now() })
  const remembered: string[] = []
  let closing: Promise<void> | null = null

  const log: Log = {
    error: (message, fields) => say('error', message, fields),
    warn: (message, fields) => say('warn', message, fields),
    info: (message, fields) => say('info', message, fields),
    debug: (message, fields) => say('debug', message, fields),
  }
  const file = createDailyFile({ dir: config.dir, keepDays: config.keepDays, log, tickMs })
  const lines = new Writable({
    decodeStrings: false,
    write(line: string, _encoding, done) {
      file.write(line)
      done()
    },
  })
  const logger = winston.createLogger({
    level: config.level,
    format: winston.format((info) => {
      const entry = info as unknown as Entry
      const line = format(entry, new Date())
      if (isFault(entry) || remember(entry)) remembered.push(line)
      if (remembered.length > REMEMBERED) remembered.shift()
      return Object.assign(info, { [LINE]: line })
    })(),
    transports: [stdout, lines].map((stream) => new winston.transports.Stream({ stream, eol: '\n' })),
  })

  const isFault = ({ level }: Pick<Entry, 'level'>) => level === 'error' || level === 'warn'
  const show = (entry: Entry) => logger.log(entry)

  function say(level: keyof Log, message: string, fields: LogFields = {}): void {
    // winston looks at the level after it has made the line.
    if (closing !== null || (levels[level] ?? 0) > (levels[config.level] ?? 0)) return
    const entry = { level, message, fields }
    if (!isFault(entry) || repeats.admits(entry)) show(entry)
  }

  stdout.on('error', (error: Error) => log.warn('stdout cannot be written', { reason: error.message }))
  const timer = setInterval(() => repeats.summaries().forEach(show), Math.min(1_000, options.repeats?.spanMs ?? 1_000))
  timer.unref()
  file.write('')

  async function close(): Promise<void> {
    clearInterval(timer)
    repeats.summaries(true).forEach(show)
    logger.end()
    await once(logger, 'finish')
    await file.close()
  }

  return { ...log, recent: () => remembered, close: () => (closing ??= close()) }
}
