/**
 * A file a day, written by winston-daily-rotate-file, that survives what that library does not: a directory that cannot be
 * written or vanishes, and a full disk.
 *
 *   writing ── a write fails ──► waiting ── the time to retry has come ──► writing, from the first line that failed
 */
import { basename, join } from 'node:path'
import DailyRotateFile from 'winston-daily-rotate-file'
import type { Log } from './log.ts'
import { DATED_NAME } from './day.ts'
import { createToday } from './today.ts'
import { createWatchedFs } from './watched-fs.ts'

export interface DailyFileOptions {
  dir: string
  /** Files of days longer ago are removed. */
  keepDays: number
  log: Log
  /** How often the day and the file are looked at, though nothing is written. */
  tickMs?: number
  /** Makes a symbolic link; throws where that is impossible. */
  symlink?: (target: string, path: string) => void
}

const TICK_MS = 1_000
const RETRY_MIN_MS = 1_000
const RETRY_MAX_MS = 30_000
/** Lines that wait for the disk; of more the newest are left out, and counted. */
const QUEUE_LIMIT = 10_000
/** Lines that come while others are being written are written together, in so many characters at the most. */
const CHUNK_CHARS = 16_384
const DRAIN_LIMIT_MS = 2_000

export interface DailyFile {
  write(line: string): void
  /** Resolves when every line is written, or after 2 s. */
  close(): Promise<void>
}

/**
 * @param lines each with its end, some of which are left
 * @param bytes of them that are in the file
 * @returns the lines that are left; one that was cut is to be written again, on a line of its own
 */
export function unwritten(lines: readonly string[], bytes: number): string[] {
  let left = bytes
  let from = 0
  for (; from < lines.length - 1; from++) {
    const length = Buffer.byteLength(lines[from] ?? '')
    if (length > left) break
    left -= length
  }
  const [first = '', ...others] = lines.slice(from)
  return [left > 0 ? `\n${first}` : first, ...others]
}

/** Opens today's file in the background. Never throws: what is wrong is told to `log`, once until it is over. */
export function openDailyFile({ dir, keepDays, log, tickMs = TICK_MS, symlink }: DailyFileOptions): DailyFile {
  const today = createToday({ dir, keepDays, log, ...(symlink === undefined ? {} : { symlink }) })
  /** Lines that are not known to be in the file; the library writes the first `handed` of them. */
  const queue: string[] = []
  let handed = 0
  /** Bytes of those that are in the file; 0 unless a full disk took a part of them. */
  let tornBytes = 0
  let leftOut = 0
  let file: DailyRotateFile | null = null
  let troubled = false
  let retryMs = RETRY_MIN_MS
  let retryAtMs = 0
  let onDrained = () => {}

  function open(): void {
    try {
      const watched = createWatchedFs(
        (path) => onOpened(opened, path),
        (bytes, whole) => onWritten(opened, bytes, whole),
      )
      const opened = new DailyRotateFile({
        dirname: dir,
        filename: DATED_NAME,
        datePattern: 'YYYY-MM-DD',
        // Without maxFiles it keeps no audit file: today.ts removes by name, which several processes may do at once.
        auditFile: join(dir, '.audit.json'),
        options: { flags: 'a', fs: watched },
      })
      file = opened
      // It emits them on its inner stream only, where nobody listening means a crash.
      opened.logStream.on('error', (error: Error) => fail(opened, error))
    } catch (error) {
      fail(null, error as Error)
    }
    handOver()
  }

  function handOver(): void {
    if (file === null || handed > 0 || queue.length === 0) return
    let chars = 0
    do chars += queue[handed++]?.length ?? 0
    while (handed < queue.length && chars + (queue[handed]?.length ?? 0) <= CHUNK_CHARS)
    try {
      file.logStream.write(queue.slice(0, handed).join(''))
    } catch (error) {
      // A directory that cannot be made throws here, at the first line of a day.
      fail(file, error as Error)
    }
  }

  /** Not at the library's event `new`, which comes before it is known whether there can be a file. */
  function onOpened(by: DailyRotateFile, path: string): void {
    if (by === file) today.is(basename(path))
  }

  function onWritten(by: DailyRotateFile, bytes: number, whole: boolean): void {
    if (by !== file) return
    tornBytes = whole ? 0 : tornBytes + bytes
    if (!whole) return
    today.copy(queue.splice(0, handed).join(''))
    handed = 0
    handOver()
    if (queue.length > 0) return
    onDrained()
    if (troubled) log.info('the log file is written again', { dir })
    troubled = false
    if (leftOut > 0)
      log.warn('lines were left out of the log file: it could not be written for too long', { dir, leftOut })
    leftOut = 0
  }

  function fail(by: DailyRotateFile | null, error: Error): void {
    if (by !== file) return
    file = null
    handed = 0
    dropWritten()
    // The directory was taken away, or somebody else rotates: a new file can be made at once.
    const vanished = (error as NodeJS.ErrnoException).code === 'ENOENT' && !troubled
    retryAtMs = performance.now() + (vanished ? 0 : retryMs)
    retryMs = vanished || !troubled ? RETRY_MIN_MS : Math.min(retryMs * 2, RETRY_MAX_MS)
    by?.close?.()
    if (!troubled)
      log.warn('the log file cannot be written: the lines come on stdout only', { dir, reason: error.message })
    troubled = true
  }

  /** After a write that reached the file in part only. */
  function dropWritten(): void {
    if (tornBytes === 0) return
    const left = unwritten(queue, tornBytes)
    today.copy(queue.splice(0, queue.length - left.length).join(''))
    queue[0] = left[0] ?? ''
    tornBytes = 0
  }

  function tick(): void {
    if (file === null && performance.now() >= retryAtMs) open()
    // Nothing: the library looks at the date at each write, and watched-fs.ts whether the file is there.
    else file?.logStream.write('')
    if (file !== null) today.keep()
  }

  open()
  const timer = setInterval(tick, tickMs)
  timer.unref()

  return {
    write(line) {
      if (queue.length >= QUEUE_LIMIT) leftOut++
      else queue.push(line)
      handOver()
    },
    async close() {
      clearInterval(timer)
      const { promise: drained, resolve } = Promise.withResolvers<void>()
      onDrained = resolve
      const limit = setTimeout(resolve, queue.length === 0 || file === null ? 0 : DRAIN_LIMIT_MS)
      await drained
      clearTimeout(limit)
      file?.close?.()
      file = null
      today.close()
    },
  }
}
