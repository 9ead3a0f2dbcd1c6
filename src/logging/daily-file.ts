/**
 * Writes the lines to one file a day with winston-daily-rotate-file. A line stays in the stream's buffer until it is in the file, so an
 * unwritable directory, a full disk or a removed file delays lines, and loses some only when too many wait or the worker stops.
 */
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Writable } from 'node:stream'
import DailyRotateFile from 'winston-daily-rotate-file'
import { pause } from '../lib/abortable.ts'
import { createToday } from './today.ts'
import type { TodayOptions } from './today.ts'

const RETRY_MIN_MS = 1_000
const RETRY_MAX_MS = 30_000
/** Most characters that wait for the disk; lines beyond them are dropped and counted. */
const WAITING_MAX_CHARS = 5_000_000
const DRAIN_LIMIT_MS = 2_000

/**
 * Opens the file at the first write. Never throws: it logs each trouble once until the trouble ends. Long, because everything in it
 * shares the open file and the state of its failure.
 * @param options `tickMs`: how often day and file are checked while nothing is written
 */
export function createDailyFile({ tickMs = 1_000, ...options }: TodayOptions & { tickMs?: number | undefined }) {
  const { dir, log } = options
  const today = createToday(options)
  const ended = new AbortController()
  let file: DailyRotateFile | null = null
  /** Name and inode of the file that was opened last; the inode is known once the file holds a line. */
  let name = ''
  let inode: number | null = null
  let isBusy = false
  let isFailing = false
  let leftOut = 0

  // The next write takes all lines that come during this one: a write and a stat for each line would cost too much.
  const lines = new Writable({
    decodeStrings: false,
    async writev(chunks, done) {
      await deliver(chunks.map(({ chunk }) => chunk as string).join(''))
      done()
    },
  })

  /** Tries until the text is in the file or the log is closed. Never rejects. */
  async function deliver(text: string): Promise<void> {
    isBusy = true
    for (let retryMs = RETRY_MIN_MS; !ended.signal.aborted; retryMs = Math.min(retryMs * 2, RETRY_MAX_MS)) {
      try {
        // A failed write may have left part of a line.
        await append(isFailing && name !== '' ? `\n${text}` : text)
        succeeded()
        break
      } catch (error) {
        failed(error as Error)
        await pause(retryMs, ended.signal).catch(() => {})
      }
    }
    isBusy = false
  }

  async function append(text: string): Promise<void> {
    if (file !== null && (inode === null || inode !== (await inodeOf(join(dir, name))))) close()
    file ??= open()
    const before = name
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    // The library itself begins the new day's file, and passes the callback on to the file's stream.
    file.logStream.write(text, (error) => (error == null ? resolve() : reject(error)))
    await promise
    if (name !== before) inode = await inodeOf(join(dir, name))
    if (name !== before || text === '') today.keep(name)
    await today.copy(text)
  }

  function open(): DailyRotateFile {
    name = ''
    // Without `maxFiles`: the library's list of files cannot be shared by several processes, so today.ts removes old files by name.
    const opened = new DailyRotateFile({ dirname: dir, filename: 'auth_service-%DATE%.log', datePattern: 'YYYY-MM-DD' })
    opened.on('new', (path: string) => (name = basename(path)))
    // The write's callback gets the same error; without a listener it would end the process.
    opened.logStream.on('error', () => {})
    return opened
  }

  function close(): void {
    file?.close?.()
    file = null
    inode = null
  }

  function failed({ message: reason }: Error): void {
    close()
    if (!isFailing) log.warn('the log file cannot be written: the lines come on stdout only', { dir, reason })
    isFailing = true
    if (lines.writableEnded) ended.abort()
  }

  function succeeded(): void {
    if (isFailing) log.info('the log file is written again', { dir })
    isFailing = false
    if (leftOut > 0)
      log.warn('lines were left out of the log file: it could not be written for too long', { dir, leftOut })
    leftOut = 0
  }

  // Writing an empty text begins the new day's file and restores a removed file or link.
  const timer = setInterval(() => isBusy || lines.write(''), tickMs)
  timer.unref()

  return {
    write(line: string): void {
      if (lines.writableLength < WAITING_MAX_CHARS) lines.write(line)
      else leftOut++
    },
    /** Resolves when every line is written, when one cannot be written, or after 2 s. */
    async close(): Promise<void> {
      clearInterval(timer)
      lines.end()
      const limit = pause(isFailing ? 0 : DRAIN_LIMIT_MS, ended.signal).catch(() => {})
      await Promise.race([once(lines, 'finish'), limit])
      ended.abort()
      close()
    },
  }
}

const inodeOf = (path: string) =>
  stat(path).then(
    ({ ino }) => ino,
    () => null,
  )
