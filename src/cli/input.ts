/** What commands read from files, or from stdin as `-`. */
import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'

/**
 * @param option as the user knows it, for the message
 * @returns the bytes of a file; of stdin for `-`
 * @throws Error that names option and file when it cannot be read
 */
export async function readInput(option: string, path: string): Promise<Buffer> {
  try {
    return path === '-' ? await buffer(process.stdin) : await readFile(path)
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error)
    throw new Error(`${option} ${path} cannot be read: ${reason}`, { cause: error })
  }
}
