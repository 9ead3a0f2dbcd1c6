/**
 * Checks that every reader of `.env` gets the same values: dotenv here, docker compose v2 and docker-compose 1.29 for containers.
 * Each has its own rules for `#`, `$`, quotes, backslashes and spaces, so a password could silently differ in a container.
 * Only what all of them read alike is accepted:
 *
 *   NAME=plain words                 without # $ ' " ` \
 *   NAME='anything'                  without ' and ${, and without \\
 *   NAME="anything"                  without " $ and \
 *
 * with spaces or a comment (a space, then #) after the value. docs/connections.md shows what each reader makes of the rest.
 */
import { readFileSync } from 'node:fs'
import { parse } from 'dotenv'
import { ConfigError, settingNames } from './config.ts'

const WORD = /[^\s#$'"`\\\p{Cc}]+/u.source
const PLAIN = `${WORD}(?:[ \\t]+${WORD})*`
const SINGLE = /'(?:[^'\\$\p{Cc}]|\t|\$(?!\{)|\\(?![\\']))*'/u.source
const DOUBLE = /"(?:[^"\\$\p{Cc}]|\t)*"/u.source
const PORTABLE = new RegExp(`^(${PLAIN}|${SINGLE}|${DOUBLE})(?:[ \\t]*| +#.*)$|^[ \\t]*$`, 'u')

/** What any of the readers takes for an assignment. */
const ASSIGNMENT = /^\s*(?:export\s+)?([\w.-]+)(\s*[=:])(.*)$/u

/**
 * Checks the settings of the worker in the file and ignores other variables. A missing or unreadable file is fine: then no reader
 * on this machine gets anything from it.
 * @throws ConfigError that names each setting whose line the readers take differently
 */
export function checkEnvFile(path: string): void {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return
  }
  const problems = envFileProblems(text, new Set(settingNames))
  if (problems.length > 0) throw new ConfigError(problems)
}

/**
 * @param text the content of the file
 * @param names the variables to check
 * @returns one sentence per wrong variable, with its name and without its value
 */
export function envFileProblems(text: string, names: ReadonlySet<string>): string[] {
  const read = parse(text)
  const plain = new Map<string, string | null>()
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    const [, name = '', sign, value = ''] = ASSIGNMENT.exec(line) ?? []
    if (!names.has(name)) continue
    // The last assignment counts, but a wrong one before it may hide it from a reader.
    if (plain.get(name) === null) continue
    plain.set(name, sign === '=' ? portableValue(value) : null)
  }
  return [...plain]
    .filter(([name, value]) => value === null || value !== read[name])
    .map(([name]) => `${name} in .env ${PROBLEM}`)
}

const PROBLEM =
  "is not read the same by the worker, docker compose and docker-compose 1.29: write NAME='value', in single quotes " +
  '(for what cannot stand in them see docs/connections.md)'

/** @returns the value that every reader takes from the text after the `=`; null when they differ or may differ */
function portableValue(text: string): string | null {
  const match = PORTABLE.exec(text)
  if (match === null) return null
  const value = match[1] ?? ''
  return /^['"]/.test(value) ? value.slice(1, -1) : value
}
