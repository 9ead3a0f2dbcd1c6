/** How a log entry looks as text and as JSON; one line in either case, whatever its data holds. */
import { stringifyExact } from '../lib/json.ts'
import type { LogFields } from './log.ts'
import { localDay } from './day.ts'

export interface Entry {
  level: string
  message: string
  fields: LogFields
}

export interface LineOptions {
  format: 'text' | 'json'
  /** Which of several workers speaks; '' leaves it out. */
  worker: string
  redact: (text: string) => string
}

/** @returns a function from an entry and its time to its line, without the end of line */
export function createFormatter({ format, worker, redact }: LineOptions): (entry: Entry, at: Date) => string {
  return ({ level, message, fields }, at) => {
    const told = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)
    const clean = told.map(([name, value]) => [name, typeof value === 'string' ? redact(value) : value] as const)
    if (format === 'text') {
      const facts = clean.map(([name, value]) => ` ${name}=${plain(value)}`).join('')
      const who = worker === '' ? '' : `[${worker}] `
      return `${timestamp(at)} ${level.toUpperCase().padEnd(5)} ${who}${escape(redact(message))}${facts}`
    }
    const head = { time: timestamp(at), level, ...(worker === '' ? {} : { worker }), message: redact(message) }
    // Twice: it stands first, and no field can take its place.
    return escape(stringifyExact({ ...head, ...Object.fromEntries(clean), ...head }))
  }
}

/** Bare where it can be told from what follows. */
function plain(value: unknown): string {
  if (typeof value !== 'string') return String(value)
  return /^[^\s"'=]+$/.test(value) ? escape(value) : escape(JSON.stringify(value))
}

/** What would end a line, or steer the terminal that shows it. JSON has escaped the first half of them already. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/gu

const escape = (text: string) =>
  text.replace(CONTROL, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** ISO 8601 in local time, as the names of the files are, with its distance from UTC. */
function timestamp(at: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
  const east = -at.getTimezoneOffset()
  const zone = `${east < 0 ? '-' : '+'}${two(Math.floor(Math.abs(east) / 60))}:${two(Math.abs(east) % 60)}`
  return `${localDay(at)}T${time}.${String(at.getMilliseconds()).padStart(3, '0')}${zone}`
}
