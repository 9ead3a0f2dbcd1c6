/**
 * Whether `.env` says the same to all who read it: dotenv here, docker compose v2 and docker-compose 1.29 for the containers.
 * Each has its own rules for `#`, `$`, quotes, backslashes and spaces, so a password may silently be another one in a container.
 * Only what all of them read alike is taken:
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

/** An assignment as any of the readers may take it. */
const ASSIGNMENT = /^\s*(?:export\s+)?([\w.-]+)(\s*[=:])(.*)$/u

/**
 * Looks at every setting in the file; what else stands there is not the worker's. A file that is not there, or that this
 * process may not read, says nothing to anybody here.
 * @throws ConfigError that names each setting whose line is not read the same by all
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
 * @param text the file's
 * @param names the variables that matter
 * @returns what is wrong, by the variable's name and never with a value; each variable once
 */
export function envFileProblems(text: string, names: ReadonlySet<string>): string[] {
  const read = parse(text)
  const plain = new Map<string, string | null>()
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    const [, name = '', sign, value = ''] = ASSIGNMENT.exec(line) ?? []
    if (!names.has(name)) continue
    // The last assignment counts; one that is read differently may hide it.
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

/** @returns what every reader takes from the text after the `=`; null when they differ, or may differ */
function portableValue(text: string): string | null {
  const match = PORTABLE.exec(text)
  if (match === null) return null
  const value = match[1] ?? ''
  return /^['"]/.test(value) ? value.slice(1, -1) : value
}
