/**
 * Reads a resume or requirements from a person's own file: text, PDF or Word; and the files of JSON that other commands take. For commands
 * only: the worker gets plain text in its messages, and loads none of these libraries.
 */
import { stripInvisible } from '../lib/sanitize.ts'
import { readInput } from './input.ts'

const MOST_BYTES = 20_000_000
/** The 8-bit encodings of Russian texts. The likeliest of them counts, whatever else chardet names. */
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
  const bytes = await readInput(option, path)
  try {
    return await textOf(bytes)
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    throw new Error(`${option} ${path} cannot be read: ${error.message}`, { cause: error })
  }
}

/**
 * Reads a file of JSON, which must be UTF-8.
 * @returns the text, without a byte order mark
 * @throws Error with one sentence that names the option, the path, what the file seems to be and what helps
 */
export async function readJsonText(option: string, path: string): Promise<string> {
  const bytes = await readInput(option, path)
  const other = await unlikeJson(bytes)
  if (other !== null) throw new Error(`${option} ${path} cannot be read: ${other}`)
  return bytes.toString().replace(/^\ufeff/, '')
}

/**
 * @param bytes a file that should hold JSON in UTF-8
 * @returns what the file seems to be instead, and what helps; null when it is UTF-8 text
 */
export async function unlikeJson(bytes: Buffer): Promise<string | null> {
  if (bytes.length === 0) return 'it is empty'
  const kind = kindOf(bytes)
  if (kind !== null) return `it seems to be ${NAMES[kind]}: JSON is needed, as UTF-8 text`
  const found = await decodeText(bytes)
  if (found === null) return 'it is no text: JSON is needed, as UTF-8 text'
  if (found.encoding === 'UTF-8') return null
  return `it seems to be text in ${found.encoding}: save it as UTF-8 (iconv -f ${found.encoding} -t UTF-8)`
}

const MAGIC = { pdf: '%PDF', zip: 'PK\u{3}\u{4}', doc: '\u{d0}\u{cf}\u{11}\u{e0}', rtf: '{\\rtf', gzip: '\u{1f}\u{8b}' }
const NAMES: Record<keyof typeof MAGIC, string> = {
  pdf: 'a PDF',
  zip: 'a Word file (.docx) or another archive',
  doc: 'a Word file of the old kind (.doc)',
  rtf: 'RTF',
  gzip: 'compressed (gzip)',
}

/** @returns the kind that the first bytes tell; null when they tell none */
function kindOf(bytes: Buffer): keyof typeof MAGIC | null {
  const head = bytes.subarray(0, 8).toString('latin1')
  return (Object.keys(MAGIC) as (keyof typeof MAGIC)[]).find((kind) => head.startsWith(MAGIC[kind])) ?? null
}

/** @throws Unreadable */
export async function textOf(bytes: Buffer): Promise<string> {
  if (bytes.length === 0) throw new Unreadable('it is empty')
  if (bytes.length > MOST_BYTES) throw new Unreadable('it has more than 20 MB: give a file that holds only the text')
  const kind = kindOf(bytes)
  if (kind === 'pdf') return visible(await pdfText(bytes), SCAN)
  if (kind === 'zip') return visible(await wordText(bytes), 'it is a Word file without text')
  if (kind !== null) throw new Unreadable(`it is ${NAMES[kind]}: ${REMEDIES[kind]}`)
  const found = await decodeText(bytes)
  if (found === null) throw new Unreadable('it is no text, PDF or Word file (.txt, .md, .pdf, .docx)')
  return visible(found.text, 'it holds nothing but white space')
}

const REMEDIES = {
  doc: 'save it as .docx or .pdf',
  rtf: 'save it as .docx, .pdf or .txt',
  gzip: 'unpack it first',
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
    // 0: the library's warnings about the file are not for the user.
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

/** @returns the text and its encoding, as iconv names it; null when the bytes are no text */
async function decodeText(bytes: Buffer): Promise<{ text: string; encoding: string } | null> {
  const utf8 = decode(bytes, 'UTF-8')
  // Bytes of another encoding hardly ever are valid UTF-8 without control characters.
  if (utf8 !== null && !CONTROLS.test(utf8)) return { text: utf8, encoding: 'UTF-8' }
  const marked = MARKS.find(({ mark }) => bytes.subarray(0, 2).equals(mark))?.encoding
  // A text of 8-bit characters has no NUL; in UTF-16 every space has one.
  const wide = marked === undefined && bytes.includes(0) ? MARKS.map(({ encoding }) => encoding) : [marked]
  for (const encoding of wide.filter((each) => each !== undefined)) {
    const text = decode(bytes, encoding)
    if (text !== null && (marked === undefined ? isText(text) : !CONTROLS.test(text))) return { text, encoding }
  }
  const [{ default: chardet }, { default: iconv }] = await Promise.all([import('chardet'), import('iconv-lite')])
  const encoding = chardet.analyse(bytes).find(({ name }) => CYRILLIC.includes(name))?.name ?? FALLBACK
  const text = iconv.decode(bytes, encoding)
  return isText(text) ? { text, encoding } : null
}

const MARKS = [
  { encoding: 'UTF-16LE', mark: Buffer.from([0xff, 0xfe]) },
  { encoding: 'UTF-16BE', mark: Buffer.from([0xfe, 0xff]) },
]

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
