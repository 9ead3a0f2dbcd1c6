/** The API key: from the setting, or from a file that may change under the running worker. */
import { createHash } from 'node:crypto'
import { readFile as readFileFromDisk } from 'node:fs/promises'
import type { Log } from '../logging/log.ts'

/** A rotated key is used after this time at most, ms. */
const FRESH_MS = 1_000

export interface ApiKey {
  /** null: there is no valid key so far. */
  value: string | null
  /** Distinguishes keys in logs and in Redis without disclosing them. */
  fingerprint: string
}

export type KeySource = () => Promise<ApiKey>

export interface KeySettings {
  /** Exactly one of the two is not null. */
  key: string | null
  keyFile: string | null
}

export interface KeyOptions {
  /** Called with each key read from the file, so that the log can redact it. */
  learned?: (key: string) => void
  readFile?: (path: string) => Promise<string>
  /** performance.now() */
  now?: () => number
}

/**
 * The file is read again when the key is needed, at most once a second. File events do not show what Kubernetes does (it swaps a
 * directory's symbolic link), nor do modification times on some file systems. While the file cannot be read or holds no key, the
 * last good key stays in use, and the log says so once.
 * @returns a function that returns the current key; never rejects
 */
export function createKeySource(settings: KeySettings, log: Log, options: KeyOptions = {}): KeySource {
  const { readFile = (path) => readFileFromDisk(path, 'utf8'), now = () => performance.now() } = options
  const { learned = () => {} } = options
  if (settings.keyFile === null) {
    const fixed = Promise.resolve(parseKey(settings.key ?? '') ?? NO_KEY)
    return () => fixed
  }
  const path = settings.keyFile
  let current: ApiKey = NO_KEY
  let readAtMs = Number.NEGATIVE_INFINITY
  let reading: Promise<ApiKey> | null = null
  let trouble: string | null = null

  async function read(): Promise<ApiKey> {
    const found = await readFile(path).then(
      (text) => parseKey(text) ?? 'it holds no key',
      (error: unknown) => (error as NodeJS.ErrnoException).code ?? 'it cannot be read',
    )
    readAtMs = now()
    if (typeof found === 'string') {
      if (trouble !== found)
        log.error('OPENAI_KEY_FILE gives no key: the last key that was read, if any, stays in use', {
          reason: found,
        })
      trouble = found
      return current
    }
    trouble = null
    if (found.value !== null) learned(found.value)
    if (found.fingerprint !== current.fingerprint && current !== NO_KEY) {
      log.info('the API key was changed', { from: current.fingerprint, to: found.fingerprint })
    }
    current = found
    return current
  }

  return () => {
    if (reading !== null) return reading
    if (now() - readAtMs < FRESH_MS) return Promise.resolve(current)
    reading = read().finally(() => (reading = null))
    return reading
  }
}

const NO_KEY: ApiKey = { value: null, fingerprint: 'none' }

/** @returns null for a text that cannot be a key: empty, or with characters that a header cannot have */
function parseKey(text: string): ApiKey | null {
  // trim() also removes a byte order mark.
  const value = text.trim()
  if (!/^[\x21-\x7e]+$/.test(value)) return null
  return { value, fingerprint: createHash('sha256').update(value).digest('hex').slice(0, 12) }
}
