import { deflateRawSync, crc32, gzipSync } from 'node:zlib'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import iconv from 'iconv-lite'
import { expect, onTestFinished, test } from 'vitest'
import { readDocument, textOf, unlikeJson } from '../../src/cli/documents.ts'

const TEXT = `Иванов, инженер-программист.
Пять лет пишу на TypeScript, отвечал за обмен событиями через Kafka.
Проектировал схемы в PostgreSQL, знаю Docker и английский язык.`

test.each([
  ['UTF-8', Buffer.from(TEXT)],
  ['UTF-8 with a mark', Buffer.from(`\uFEFF${TEXT}`)],
  ['UTF-16 LE with a mark', iconv.encode(TEXT, 'utf-16le', { addBOM: true })],
  ['UTF-16 BE with a mark', iconv.encode(TEXT, 'utf-16be', { addBOM: true })],
  ['UTF-16 LE without one', iconv.encode(TEXT, 'utf-16le')],
  ['UTF-16 BE without one', iconv.encode(TEXT, 'utf-16be')],
  ['Windows-1251', iconv.encode(TEXT, 'windows-1251')],
  ['KOI8-R', iconv.encode(TEXT, 'koi8-r')],
  ['Windows line ends', Buffer.from(TEXT.replaceAll('\n', '\r\n'))],
])('a text in %s is read', async (_name, bytes) => {
  expect(await textOf(bytes)).toBe(TEXT)
})

test.each([
  ['UTF-8', Buffer.from('五年 Kafka')],
  ['UTF-16 LE with a mark', iconv.encode('五年 Kafka', 'utf-16le', { addBOM: true })],
])('a Chinese text in %s is read', async (_name, bytes) => {
  expect(await textOf(bytes)).toBe('五年 Kafka')
})

const JSON_TEXT = '{"resume":"Пять лет пишу на TypeScript"}'

test.each([
  ['plain', JSON_TEXT],
  ['with a mark', `\uFEFF${JSON_TEXT}`],
  ['Chinese', '{"resume":"五年"}'],
])('JSON in UTF-8 is what it should be: %s', async (_name, text) => {
  expect(await unlikeJson(Buffer.from(text))).toBeNull()
})

test.each([
  ['nothing', Buffer.alloc(0), 'it is empty'],
  ['a PDF', pdf(''), 'it seems to be a PDF: JSON is needed, as UTF-8 text'],
  ['a Word file', zip({ a: 'b' }), 'it seems to be a Word file (.docx) or another archive'],
  ['gzip', gzipSync(JSON_TEXT), 'it seems to be compressed (gzip)'],
  ['UTF-16', iconv.encode(JSON_TEXT, 'utf-16le'), 'it seems to be text in UTF-16LE: save it as UTF-8'],
  ['Windows-1251', iconv.encode(JSON_TEXT, 'windows-1251'), 'it seems to be text in windows-1251: save it as UTF-8'],
  ['noise', Buffer.from([1, 2, 3, 0, 0xff]), 'it is no text'],
])('of a file that should be JSON it is told what it seems to be, and what helps: %s', async (_name, bytes, told) => {
  expect(await unlikeJson(bytes)).toContain(told)
})

test('a short English text in Windows-1252 is read', async () => {
  expect(await textOf(iconv.encode('Résumé: 5 years of TypeScript – Kafka', 'windows-1252'))).toContain('Résumé')
})

test('a short text in Windows-1251 is read', async () => {
  expect(await textOf(iconv.encode('- Опыт работы с Kafka\n- Знание SQL', 'windows-1251'))).toContain('Опыт работы')
})

/** One page; `stream` draws on it. */
function pdf(stream: string, extra = ''): Buffer {
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ]
  let body = '%PDF-1.4\n'
  const offsets = objects.map((object, n) => {
    const at = body.length
    body += `${n + 1} 0 obj\n${object}\nendobj\n`
    return `${String(at).padStart(10, '0')} 00000 n \n`
  })
  const xref = `xref\n0 6\n0000000000 65535 f \n${offsets.join('')}`
  return Buffer.from(`${body}${xref}trailer\n<< /Size 6 /Root 1 0 R ${extra}>>\nstartxref\n${body.length}\n%%EOF\n`)
}

/** A Word file is a ZIP archive of XML files. */
function zip(files: Record<string, string>): Buffer {
  const local: Buffer[] = []
  const central: Buffer[] = []
  let at = 0
  for (const [name, text] of Object.entries(files)) {
    const data = Buffer.from(text)
    const packed = deflateRawSync(data)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(8, 4)
    common.writeUInt32LE(crc32(data), 10)
    common.writeUInt32LE(packed.length, 14)
    common.writeUInt32LE(data.length, 18)
    common.writeUInt16LE(name.length, 22)
    const entry = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), packed])
    const rest = Buffer.alloc(14)
    rest.writeUInt32LE(at, 10)
    central.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), common, rest, Buffer.from(name)]))
    local.push(entry)
    at += entry.length
  }
  const directory = Buffer.concat(central)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(central.length, 8)
  end.writeUInt16LE(central.length, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(at, 16)
  return Buffer.concat([...local, directory, end])
}

const OFFICE = 'http://schemas.openxmlformats.org'
const docx = (paragraphs: string[]) =>
  zip({
    '[Content_Types].xml': `<Types xmlns="${OFFICE}/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`,
    '_rels/.rels': `<Relationships xmlns="${OFFICE}/package/2006/relationships"><Relationship Id="r1" Type="${OFFICE}/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`,
    'word/document.xml': `<w:document xmlns:w="${OFFICE}/wordprocessingml/2006/main"><w:body>${paragraphs.map((text) => `<w:p><w:r><w:t>${text}</w:t></w:r></w:p>`).join('')}</w:body></w:document>`,
  })

test('the text of a PDF is read, line by line', async () => {
  const page = 'BT /F1 12 Tf 50 700 Td (Five years of TypeScript) Tj 0 -20 Td (Kafka and PostgreSQL) Tj ET'
  expect(await textOf(pdf(page))).toBe('Five years of TypeScript\nKafka and PostgreSQL')
})

test('the text of a Word file is read, paragraph by paragraph', async () => {
  expect(await textOf(docx(['Пять лет пишу на TypeScript.', 'Kafka']))).toBe('Пять лет пишу на TypeScript.\n\nKafka')
})

test.each([
  ['an empty file', Buffer.alloc(0), 'it is empty'],
  ['white space', Buffer.from(' \n\u200b'), 'it holds nothing but white space'],
  [
    'a scanned PDF',
    pdf('0 0 100 100 re f'),
    'it is a PDF without text, a scan perhaps: make its text selectable first (OCR)',
  ],
  ['a damaged PDF', Buffer.from('%PDF-1.4\nnothing'), 'it is a damaged PDF'],
  ['a Word file without text', docx([]), 'it is a Word file without text'],
  [
    'another archive',
    zip({ 'a.txt': 'a' }),
    'it is an archive, but no Word file (.docx): save it as .docx, .pdf or .txt',
  ],
  [
    'an old Word file',
    Buffer.from('d0cf11e0a1b11ae1', 'hex'),
    'it is a Word file of the old kind (.doc): save it as .docx or .pdf',
  ],
  ['RTF', Buffer.from('{\\rtf1 a}'), 'it is RTF: save it as .docx, .pdf or .txt'],
  [
    'a picture',
    Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'),
    'it is no text, PDF or Word file (.txt, .md, .pdf, .docx)',
  ],
])('%s gets one sentence', async (_what, bytes, sentence) => {
  await expect(textOf(bytes)).rejects.toThrow(sentence)
})

test('what cannot be opened is named with its option', async () => {
  await expect(readDocument('--resume', '/nowhere/cv.pdf')).rejects.toThrow(
    '--resume /nowhere/cv.pdf cannot be read: there is no such file',
  )
  await expect(readDocument('--resume', tmpdir())).rejects.toThrow('it is a directory')
})

test('standard input is read as a file is', () => {
  const directory = mkdtempSync(join(tmpdir(), 'documents-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const script = join(directory, 'read.ts')
  const module = new URL('../../src/cli/documents.ts', import.meta.url).href
  writeFileSync(script, `import { readDocument } from '${module}'\nconsole.log(await readDocument('--resume', '-'))\n`)
  const { stdout } = spawnSync(process.execPath, [script], { input: iconv.encode(TEXT, 'windows-1251') })
  expect(stdout.toString().trim()).toBe(TEXT)
})
