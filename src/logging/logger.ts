/** The log, built on winston: lines on stdout and in one file a day. Other rooms use it as `Log` of log.ts. */
import { once } from 'node:events'
import { Writable } from 'node:stream'
import winston from 'winston'
import type { Config } from '../config.ts'
import { createDailyFile } from './daily-file.ts'
import { gatherWrites } from '../lib/gather-writes.ts'
import type { Entry } from './line.ts'
import { createFormatter } from './line.ts'
import type { Log, LogFields } from './log.ts'
import { createRedact } from './redact.ts'
import { createRepeats, REPEATS } from './repeats.ts'

export interface LoggerOptions {
  /** `process.stdout`. The log survives its failure, such as a closed pipe. */
  stdout: Writable
  /** Name of this process when several share one LOG_DIR; default none. */
  worker?: string
  /** Current values that must not be shown; asked again for each line, since keys are rotated. */
  secrets?: () => readonly string[]
  /** Which entries `recent` keeps besides faults; default none. */
  remember?: (entry: Entry) => boolean
  /** For tests: see daily-file.ts and repeats.ts. */
  tickMs?: number
  repeats?: { spanMs: number; differing: number }
}

export type Logger = Log & {
  /** The last faults (error and warn) and remembered entries as they were written, oldest first. */
  recent(): readonly string[]
  /** Sums up the repeats and writes what is still buffered, for 2 s at most. Drops what is logged later. */
  close(): Promise<void>
}

/** Where winston's transports find the finished line (triple-beam). */
const LINE = Symbol.for('message')
/** Lines that `recent` keeps in memory. */
const REMEMBERED = 30
const { levels } = winston.config.npm

/**
 * Never throws: it warns on stdout about an unwritable directory and keeps trying.
 * @returns the log; it counts repeated faults (error and warn) instead of writing each
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
  function show(entry: Entry): void {
    // After a transaction many requests are logged in one turn of the event loop: write their lines together.
    gatherWrites(stdout)
    logger.log(entry)
  }

  function say(level: keyof Log, message: string, fields: LogFields = {}): void {
    // Check the level first, because winston would format the line before checking it.
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
