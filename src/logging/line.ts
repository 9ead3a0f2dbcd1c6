/** Formats a log entry as text or JSON: always one line, whatever its data holds. */
import { stringifyExact } from '../lib/json.ts'
import type { LogFields } from './log.ts'

export interface Entry {
  level: string
  message: string
  fields: LogFields
}

export interface LineOptions {
  format: 'text' | 'json'
  /** Names the worker in the line; '' leaves the name out. */
  worker: string
  redact: (text: string) => string
}

/** @returns a function from an entry and its time to its line, without the end of line */
export function createFormatter({ format, worker, redact }: LineOptions): (entry: Entry, at: Date) => string {
  const who = worker === '' ? '' : `[${worker}] `
  return ({ level, message, fields }, at) => {
    const facts = Object.entries(fields)
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]) => [name, typeof value === 'string' ? redact(value) : value] as const)
    const [time, clean] = [localTime(at), redact(message)]
    if (format === 'text')
      return escape(`${time} ${level.toUpperCase().padEnd(5)} ${who}${clean}${facts.map(asText).join('')}`)
    const head = { time, level, ...(worker === '' ? {} : { worker }), message: clean }
    // The head comes first for readers, and again last so that no field can replace it.
    return escape(stringifyExact({ ...head, ...Object.fromEntries(facts), ...head }))
  }
}

/** Leaves the quotes out where the value cannot be confused with what follows. */
const asText = ([name, value]: readonly [string, unknown]) =>
  ` ${name}=${typeof value !== 'string' || /^[^\s"'=]+$/.test(value) ? String(value) : JSON.stringify(value)}`

/** Characters that would end the line or control the reader's terminal. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/gu

const escape = (text: string) =>
  text.replace(CONTROL, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** @returns ISO 8601 in local time, as in the files' names, with the offset from UTC */
export function localTime(at: Date): string {
  // Built from parts, because toISOString takes three times as long and every line needs a time.
  const two = (value: number) => String(Math.trunc(value)).padStart(2, '0')
  const east = -at.getTimezoneOffset()
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
  const zone = `${east < 0 ? '-' : '+'}${two(Math.abs(east) / 60)}:${two(Math.abs(east) % 60)}`
  return `${day}T${time}.${String(at.getMilliseconds()).padStart(3, '0')}${zone}`
}
