/** Reads several requests for `send` from files, directories and JSON lines, and names each bad one. */
import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeRequest } from '../contracts.ts'
import { NumberText, parseExact, stringifyExact } from '../lib/json.ts'
import { readDocument, readJsonText } from './documents.ts'

/** The top-level domain `.invalid` never resolves, so a callback reaches nobody. */
export const NO_CALLBACK = 'https://resume-scoring-worker-send.invalid/'

export interface Request extends Record<string, unknown> {
  processing_id: bigint
}

/** `from`: the file, or file and line, as the user knows it. */
export interface Entry {
  from: string
  request: Request
}

export interface BadEntry {
  from: string
  why: string
}

export interface Entries {
  entries: Entry[]
  bad: BadEntry[]
}

/** @returns a positive 63-bit number that nobody else has */
export const newId = () => (randomBytes(8).readBigUInt64BE() >> 1n) | 1n

export interface Sources {
  /** Files and directories of resumes. */
  resumes: readonly string[]
  /** Requirements for all resumes, and for JSON lines without their own; null when there are none. */
  requirements: string | null
  /** Files of JSON lines; `-` for standard input. */
  requests: readonly string[]
  callbackUrl: string
}

/**
 * @returns the entries that can be sent, and the bad ones with their reasons; a bad entry does not stop the others
 * @throws Error with one sentence when a directory or a file of JSON lines cannot be read at all
 */
export async function readEntries({ resumes, requirements, requests, callbackUrl }: Sources): Promise<Entries> {
  const found: Entries = { entries: [], bad: [] }
  for (const path of (await Promise.all(resumes.map(filesAt))).flat()) {
    try {
      const resume = await readDocument('--resume', path)
      found.entries.push({ from: path, request: requestOf({ resume, requirements }, callbackUrl) })
    } catch (error) {
      found.bad.push({ from: path, why: (error as Error).message.replace(/^--resume .* cannot be read: /, '') })
    }
  }
  const seen = new Set<bigint>()
  for (const path of requests) {
    const text = await readJsonText('--requests', path)
    for (const [index, line] of text.split(/\r?\n/).entries()) {
      if (line.trim() === '') continue
      const from = `${path}:${index + 1}`
      const read = readLine(line, requirements, callbackUrl)
      if (typeof read === 'string') found.bad.push({ from, why: read })
      else if (seen.has(read.processing_id))
        found.bad.push({ from, why: 'its processing_id stands in an earlier line' })
      else {
        seen.add(read.processing_id)
        found.entries.push({ from, request: read })
      }
    }
  }
  return found
}

/** @returns the path itself; for a directory its files, sorted by name, without hidden files and subdirectories */
async function filesAt(path: string): Promise<string[]> {
  const inside = await readdir(path, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOTDIR' || error.code === 'ENOENT') return null
    throw new Error(`--resume ${path} cannot be read: ${error.code ?? error.message}`, { cause: error })
  })
  if (inside === null) return [path]
  const names = inside.filter((each) => each.isFile() && !each.name.startsWith('.')).map(({ name }) => name)
  if (names.length === 0) throw new Error(`--resume ${path} cannot be read: there is no file in the directory`)
  return names.toSorted().map((name) => join(path, name))
}

function requestOf(fields: Record<string, unknown>, callbackUrl: string): Request {
  const ids = { processing_id: newId(), user_id: newId(), resume_id: newId(), requirements_id: newId() }
  return { callback_url: callbackUrl, ...ids, ...fields }
}

/** @returns the request of a line, with made-up ids where it has none; or why it cannot be sent */
function readLine(line: string, requirements: string | null, callbackUrl: string): Request | string {
  let parsed: unknown
  try {
    parsed = parseExact(line)
  } catch {
    return 'it is not JSON'
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return 'it is JSON, but no object'
  const given = Object.fromEntries(Object.entries(parsed).map(([name, value]) => [name, plain(value)]))
  const request = requestOf({ ...(requirements === null ? {} : { requirements }), ...given }, callbackUrl)
  const empty = ['requirements', 'resume'].filter(
    (name) => typeof request[name] !== 'string' || request[name].trim() === '',
  )
  if (empty.length > 0) return `it has no ${empty.join(' and no ')}`
  const decoded = decodeRequest(Buffer.from(stringifyExact(request)))
  if (decoded.kind === 'unanswerable') return decoded.detail
  return decoded.kind === 'invalid' ? 'requirements and resume must hold something visible' : request
}

/** Integers keep all their digits. */
function plain(value: unknown): unknown {
  if (!(value instanceof NumberText)) return value
  return /^-?\d+$/.test(value.text) ? BigInt(value.text) : Number(value.text)
}
