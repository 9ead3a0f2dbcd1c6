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

/** What a file that is no UTF-8 text seems to be by its first bytes, and what helps. */
const KINDS: [RegExp, string][] = [
  [/^25504446/, 'a PDF document: save its text as .txt'],
  [/^504b0304/, 'a Word document or another ZIP archive: save it as plain text, UTF-8'],
  [/^d0cf11e0/, 'an old Word document: save it as plain text, UTF-8'],
  [/^7b5c727466/, 'an RTF document: save it as plain text, UTF-8'],
  [/^(fffe|feff)/, 'UTF-16 text: save it as UTF-8'],
  [/^(89504e47|ffd8ff|47494638)/, 'an image: only its text can be scored'],
  [/^1f8b/, 'a gzip archive: unpack it first'],
]

/** @returns the text of a file. @throws Error that says what it seems to be instead, and what helps */
export async function readTextInput(option: string, path: string): Promise<string> {
  const bytes = await readInput(option, path)
  const start = bytes.subarray(0, 8).toString('hex')
  const kind = KINDS.find(([pattern]) => pattern.test(start))?.[1]
  try {
    if (kind === undefined) return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Error(`${option} ${path} is no UTF-8 text, maybe Windows-1251: iconv -f cp1251 -t utf-8 ${path}`)
  }
  throw new Error(`${option} ${path} seems to be ${kind}`)
}
