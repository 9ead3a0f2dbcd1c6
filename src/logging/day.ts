/** The names of the log files. */

export const TODAY_NAME = 'auth_service.log'
/** As winston-daily-rotate-file wants it. */
export const DATED_NAME = 'auth_service-%DATE%.log'
/** `.1` and so on: a second file of that day, see today.ts. */
const DATED = /^auth_service-(\d{4}-\d\d-\d\d)(?:\.\d+)?\.log$/

/** @returns YYYY-MM-DD in local time, the file's day for winston-daily-rotate-file too */
export function localDay(at: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
}

/** @param number 0 for the day's own file */
export const datedName = (day: string, number = 0) => `auth_service-${day}${number === 0 ? '' : `.${number}`}.log`

/** @returns which of the names are log files of days more than `keepDays` before `now` */
export function outdated(names: readonly string[], keepDays: number, now: Date): string[] {
  const first = localDay(new Date(now.getFullYear(), now.getMonth(), now.getDate() - keepDays))
  return names.filter((name) => (DATED.exec(name)?.[1] ?? first) < first)
}
