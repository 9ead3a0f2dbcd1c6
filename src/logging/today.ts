/**
 * Keeps today's log readable as auth_service.log: a link to the day's file, or a second file with the same lines on volumes without
 * links (vfat, some network file systems). Removes the files of days that are no longer kept.
 */
import fs from 'node:fs'
import { appendFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { localTime } from './line.ts'
import type { Log } from './log.ts'

export interface TodayOptions {
  dir: string
  /** Files that are more than this many days old are removed. */
  keepDays: number
  log: Log
}

const TODAY = 'auth_service.log'
const DAY_MS = 86_400_000
/** The name of a day's file; a number after the date distinguishes a log of the same day that another service wrote. */
const DATED = /^auth_service-(\d{4}-\d\d-\d\d)(?:\.\d+)?\.log$/

/** @returns YYYY-MM-DD in local time, as winston-daily-rotate-file names the files */
export const localDay = (at: Date): string => localTime(at).slice(0, 10)

/** @returns what keeps auth_service.log readable and removes old files; see the head of this file */
export function createToday({ dir, keepDays, log }: TodayOptions) {
  const current = join(dir, TODAY)
  let kept = ''
  /** The day's file whose lines are copied, where links fail; otherwise null. */
  let copied: string | null = null
  let told = ''

  /** @throws Error where links are impossible */
  function link(name: string): void {
    const found = fs.lstatSync(current, { throwIfNoEntry: false })
    if (found?.isSymbolicLink() === true && fs.readlinkSync(current) === name) return
    const fresh = join(dir, `.${TODAY}.${process.pid}`)
    fs.rmSync(fresh, { force: true })
    fs.symlinkSync(name, fresh)
    if (found?.isFile() === true) setAside(found)
    // Rename over the old link, so that auth_service.log always exists, even when several workers do this at the same time.
    fs.renameSync(fresh, current)
  }

  /** Renames a log that is not ours, such as the old service's, to a unique name, so that it is kept. */
  const setAside = ({ mtime, mtimeMs }: fs.Stats) =>
    fs.renameSync(current, join(dir, `auth_service-${localDay(mtime)}.${Math.trunc(mtimeMs)}.log`))

  function beginCopy(name: string): void {
    const found = fs.lstatSync(current, { throwIfNoEntry: false })
    if (found?.isFile() === true && !name.includes(localDay(found.mtime))) {
      // A copy of this process is in the day's file as well, so it need not be kept.
      if (copied === null) setAside(found)
      else fs.truncateSync(current)
    }
    copied = name
  }

  function tell(level: 'info' | 'warn', message: string, error: unknown): void {
    const { message: reason } = error as Error
    if (told !== message + reason) log[level](message, { dir, reason })
    told = message + reason
  }

  const cannotKeep = (error: unknown) => tell('warn', `today's log cannot be kept as ${TODAY}`, error)

  async function removeOld(): Promise<void> {
    try {
      const todayMs = Date.parse(localDay(new Date()))
      // Counted in days, because the date so many days ago may have no four-digit year, or be no date at all.
      const isOld = (day: string) => todayMs - Date.parse(day) > keepDays * DAY_MS
      const old = (await readdir(dir)).filter((file) => isOld(DATED.exec(file)?.[1] ?? ''))
      // `force`, because another worker may have removed the file first.
      await Promise.all(old.map((file) => rm(join(dir, file), { force: true })))
    } catch (error) {
      log.warn('old logs are not removed', { dir, reason: (error as Error).message })
    }
  }

  return {
    /** Makes the day's file readable as auth_service.log, and repairs a removed link or copy. */
    keep(name: string): void {
      if (kept !== name) void removeOld()
      kept = name
      try {
        link(name)
        copied = null
      } catch (error) {
        tell('info', `no links here: ${TODAY} is a second file with the same lines`, error)
        try {
          if (copied !== name) beginCopy(name)
        } catch (error) {
          cannotKeep(error)
        }
      }
    },
    /** Appends the lines to the second file, where links fail. */
    async copy(text: string): Promise<void> {
      if (copied !== null && text !== '') await appendFile(current, text).catch(cannotKeep)
    },
  }
}
