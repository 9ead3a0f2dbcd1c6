/** The file of an evaluation's answers. Each is appended as it comes, so that a stopped evaluation can go on where it was. */
import { appendFile, mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Result } from './labelled-set.ts'
import { readResults } from './labelled-set.ts'

/** The settings that all answers of one file share, by name: the first line of the file. */
export type Asked = Record<string, string | number>

export interface Results {
  /** Answers of earlier runs. */
  done: Result[]
  add: (result: Result) => Promise<void>
}

/**
 * Opens the file, or begins it.
 * @param asked what decides the answers: a file with other values belongs to another set, model or prompt and is not continued
 * @throws Error when the file holds something else, or cannot be read
 */
export async function openResults(path: string, asked: Asked): Promise<Results> {
  await mkdir(dirname(path), { recursive: true })
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw new Error(`${path} cannot be read: ${error.code ?? ''}`, { cause: error })
    return ''
  })
  if (text === '') await appendFile(path, `${JSON.stringify({ asked })}\n`)
  else checkFirst(path, text, asked)
  // A line that was cut off must not spoil the next one.
  if (text !== '' && !text.endsWith('\n')) await appendFile(path, '\n')
  const add = (result: Result) => appendFile(path, `${JSON.stringify(result)}\n`)
  return { done: readResults(text), add }
}

function checkFirst(path: string, text: string, asked: Asked): void {
  const before = readFirst(text.slice(0, text.indexOf('\n')))
  if (before === null) throw new Error(`${path} is there, and holds no results of an evaluation: name another --out`)
  const changed = Object.keys(asked).filter((name) => before[name] !== asked[name])
  if (changed.length === 0) return
  throw new Error(
    `${path} holds results of another evaluation (changed: ${changed.join(', ')}): name another --out, or remove it`,
  )
}

function readFirst(line: string): Partial<Asked> | null {
  try {
    return (JSON.parse(line) as { asked?: Asked } | null)?.asked ?? null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
