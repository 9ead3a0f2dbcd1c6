/** What commands read from files, or from standard input as `-`. */
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'

/** As a path: standard input. */
export const STDIN = '-'

const STDIN_DESCRIPTOR = 0

const REASONS: Record<string, string> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a directory',
  EACCES: 'its permissions forbid it',
}

/**
 * @param option as the user knows it, for the message
 * @returns the bytes of a file; of standard input for `-`
 * @throws Error with one sentence that names option and file
 */
export async function readInput(option: string, path: string): Promise<Buffer> {
  try {
    // Not process.stdin: once it was read, it would keep the process alive.
    return path === STDIN ? await buffer(createReadStream('', { fd: STDIN_DESCRIPTOR })) : await readFile(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Error(`${option} ${path} cannot be read: ${REASONS[code ?? ''] ?? code ?? message}`, { cause: error })
  }
}
