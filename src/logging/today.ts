/**
 * Keeps today's log readable as auth_service.log: a link to the file of the day, or a second file with the same lines on
 * volumes that have no links (vfat, some network file systems).
 */
import fs from 'node:fs'
import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from './log.ts'
import { datedName, localDay, outdated, TODAY_NAME } from './day.ts'

export interface TodayOptions {
  dir: string
  keepDays: number
  log: Log
  symlink?: (target: string, path: string) => void
}

export type Today = ReturnType<typeof createToday>

export function createToday({ dir, keepDays, log, symlink = fs.symlinkSync }: TodayOptions) {
  const current = join(dir, TODAY_NAME)
  let file = ''
  let copy: { of: string; stream: fs.WriteStream } | null = null
  let said: string | null = null

  function link(): void {
    if (readLink(current) === file) return
    // A name of its own, and then a rename: a reader finds auth_service.log at any time, and several workers may do it.
    const fresh = join(dir, `.${TODAY_NAME}.${process.pid}`)
    fs.rmSync(fresh, { force: true })
    symlink(file, fresh)
    try {
      keepAside()
      fs.renameSync(fresh, current)
    } finally {
      fs.rmSync(fresh, { force: true })
    }
  }

  /** A plain file in the link's place is somebody's log: of the service before this one, or of days without links. */
  function keepAside(): void {
    const stats = fs.lstatSync(current, { throwIfNoEntry: false })
    if (stats?.isFile() !== true) return
    const day = localDay(stats.mtime)
    for (let number = 0; ; number++) {
      try {
        // Not a rename, which would replace a file that is there.
        return fs.linkSync(current, join(dir, datedName(day, number)))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
    }
  }

  function openCopy(): void {
    if (copy?.of === file && fs.existsSync(current)) return
    closeCopy()
    const stats = fs.lstatSync(current, { throwIfNoEntry: false })
    const day = stats?.isFile() === true ? localDay(stats.mtime) : null
    if (day !== null && datedName(day) < file) {
      const dated = join(dir, datedName(day))
      // What stands in it is in its day's file as well, or else it becomes that file.
      if (fs.existsSync(dated)) fs.truncateSync(current)
      else fs.renameSync(current, dated)
    }
    const stream = fs.createWriteStream(current, { flags: 'a' })
    stream.on('error', (error) => trouble(error.message))
    copy = { of: file, stream }
  }

  function closeCopy(): void {
    copy?.stream.end()
    copy = null
  }

  function trouble(reason: string): void {
    if (said !== reason) log.warn(`today's log cannot be kept as ${TODAY_NAME}`, { dir, file, reason })
    said = reason
    copy = null
  }

  function keep(): void {
    if (file === '') return
    try {
      link()
      closeCopy()
      said = null
    } catch (error) {
      const reason = (error as Error).message
      try {
        if (said === null)
          log.info(`no links here: ${TODAY_NAME} is a second file with the same lines`, { dir, reason })
        said ??= ''
        openCopy()
      } catch (error) {
        trouble((error as Error).message)
      }
    }
  }

  async function removeOutdated(): Promise<void> {
    try {
      for (const name of outdated(await readdir(dir), keepDays, new Date())) {
        await unlink(join(dir, name)).catch((error: NodeJS.ErrnoException) => {
          // Another worker was faster.
          if (error.code !== 'ENOENT') throw error
        })
      }
    } catch (error) {
      log.warn('old logs are not removed', { dir, reason: (error as Error).message })
    }
  }

  return {
    /** Today's file has this name from now on. */
    is(name: string): void {
      file = name
      keep()
      void removeOutdated()
    },
    /** Puts right what was taken away meanwhile. */
    keep,
    /** Where there is no link, the line goes to the second file. */
    copy(line: string): void {
      copy?.stream.write(line)
    },
    close: closeCopy,
  }
}

function readLink(path: string): string | null {
  try {
    return fs.readlinkSync(path)
  } catch {
    // Not there, or no link.
    return null
  }
}
