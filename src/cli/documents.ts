/**
 * Reads a resume or requirements from a person's own file: text, PDF or Word. For commands only: the worker gets plain text in its
 * messages, and loads none of these libraries.
 */
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { stripInvisible } from '../lib/sanitize.ts'

/** As a path: standard input. */
export const STDIN = '-'

const STDIN_DESCRIPTOR = 0
const MOST_BYTES = 20_000_000
/** What chardet may name: the 8-bit encodings in which Russian texts are kept. */
const CYRILLIC = ['windows-1251', 'KOI8-R', 'ISO-8859-5']
const FALLBACK = 'windows-1252'

/** The message completes the sentence "FILE cannot be read: ". */
class Unreadable extends Error {}

/**
 * Reads a document. Its first bytes decide its kind, not its name.
 * @param option for the message, such as `--resume`
 * @param path `-` for standard input
 * @returns the text, with something visible in it
 * @throws Error with one sentence that names the option, the path, and what to do
 */
export async function readDocument(option: string, path: string): Promise<string> {
  try {
    const bytes = path === STDIN ? await buffer(createReadStream('', { fd: STDIN_DESCRIPTOR })) : await readFile(path)
    return await textOf(bytes)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reason = error instanceof Unreadable ? message : (REASONS[code ?? ''] ?? code ?? message)
    throw new Error(`${option} ${path} cannot be read: ${reason}`, { cause: error })
  }
}

const REASONS: Record<string, string> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a directory',
  EACCES: 'its permissions forbid it',
}

/** @throws Unreadable */
export async function textOf(bytes: Buffer): Promise<string> {
  if (bytes.length === 0) throw new Unreadable('it is empty')
  if (bytes.length > MOST_BYTES) throw new Unreadable('it has more than 20 MB: give a file that holds only the text')
  const begins = (...head: number[]) => bytes.subarray(0, head.length).equals(Buffer.from(head))
  if (begins(0x25, 0x50, 0x44, 0x46)) return visible(await pdfText(bytes), SCAN)
  if (begins(0x50, 0x4b)) return visible(await wordText(bytes), 'it is a Word file without text')
  if (begins(0xd0, 0xcf, 0x11, 0xe0))
    throw new Unreadable('it is a Word file of the old kind: save it as .docx or .pdf')
  if (begins(0x7b, 0x5c, 0x72, 0x74, 0x66)) throw new Unreadable('it is RTF: save it as .docx, .pdf or .txt')
  return visible(await plainText(bytes), 'it holds nothing but white space')
}

const SCAN = 'it is a PDF without text, a scan perhaps: make its text selectable first (OCR)'

function visible(text: string, otherwise: string): string {
  const clean = text.replaceAll('\r\n', '\n').trim()
  if (stripInvisible(clean).text.trim() === '') throw new Unreadable(otherwise)
  return clean
}

async function pdfText(bytes: Buffer): Promise<string> {
  const { extractText, getDocumentProxy } = await import('unpdf')
  try {
    // 0: its warnings about the file are not for the user.
    const document = await getDocumentProxy(Uint8Array.from(bytes), { verbosity: 0 })
    const { text } = await extractText(document, { mergePages: false })
    return text.join('\n')
  } catch (error) {
    const isLocked = error instanceof Error && error.name === 'PasswordException'
    throw new Unreadable(isLocked ? 'it is a PDF with a password: save it without one' : 'it is a damaged PDF', {
      cause: error,
    })
  }
}

async function wordText(bytes: Buffer): Promise<string> {
  const { default: mammoth } = await import('mammoth')
  try {
    return (await mammoth.extractRawText({ buffer: bytes })).value
  } catch (error) {
    throw new Unreadable('it is an archive, but no Word file (.docx): save it as .docx, .pdf or .txt', { cause: error })
  }
}

async function plainText(bytes: Buffer): Promise<string> {
  const utf8 = decode(bytes, 'utf-8')
  if (utf8 !== null && isText(utf8)) return utf8
  // A text of 8-bit characters has no NUL; in UTF-16 every space has one.
  const wide = ['utf-16le', 'utf-16be'].map((name) => decode(bytes, name)).find((text) => text !== null && isText(text))
  const hasMark = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)
  if (wide !== undefined && wide !== null && (hasMark || bytes.includes(0))) return wide
  const [{ default: chardet }, { default: iconv }] = await Promise.all([import('chardet'), import('iconv-lite')])
  const guess = chardet.analyse(bytes).find(({ name }) => CYRILLIC.includes(name))
  const text = iconv.decode(bytes, guess?.name ?? FALLBACK)
  if (!isText(text)) throw new Unreadable('it is no text, PDF or Word file (.txt, .md, .pdf, .docx)')
  return text
}

/** @returns null when the bytes are not of this encoding; a byte order mark is left out */
function decode(bytes: Buffer, encoding: string): string | null {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes)
  } catch {
    return null
  }
}

const CONTROLS = /(?!\s)\p{Cc}/u
/** Latin, Greek, Cyrillic and what stands between words; a text read in the wrong byte order is mostly of other scripts. */
const USUAL = /[\s\u0020-\u052f\u1e00-\u22ff]/g

function isText(text: string): boolean {
  return !CONTROLS.test(text) && (text.match(USUAL)?.length ?? 0) >= 0.8 * text.length
}
