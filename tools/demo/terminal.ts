/** Where the demo prints: a terminal or a pipe. Only a terminal that can move its cursor gets a line that changes. */
import { styleText } from 'node:util'
import { cells } from './screen.ts'

export type Print = (line: string) => void

export interface Terminal {
  /** Prints a line, wrapped at the width, above the line that changes. */
  print: Print
  /** Replaces the line that changes; null removes it. Does nothing when the terminal cannot move its cursor. */
  live: (line: string | null) => void
  columns: number
  /** In colour, unless NO_COLOR is set or the output is no terminal that can move its cursor. */
  good: (text: string) => string
  bad: (text: string) => string
}

/** The widest that the tables are made for. */
export const MOST_COLUMNS = 120
export const LEAST_COLUMNS = 60

const ERASE_LINE = '\r\u001B[2K'

/** @param env of which TERM, COLUMNS and NO_COLOR count */
export function createTerminal(
  stdout: Pick<NodeJS.WriteStream, 'write'> & { isTTY?: boolean; columns?: number },
  env: Record<string, string | undefined>,
): Terminal {
  const canGoBack = stdout.isTTY === true && env['TERM'] !== 'dumb'
  const told = stdout.columns ?? (Number(env['COLUMNS']) || MOST_COLUMNS)
  const columns = Math.min(MOST_COLUMNS, Math.max(LEAST_COLUMNS, told))
  const isColoured = canGoBack && !env['NO_COLOR']
  let current = ''
  const paint = (style: 'green' | 'red', text: string) =>
    isColoured ? styleText(style, text, { validateStream: false }) : text
  return {
    columns,
    print(line) {
      const erase = current === '' ? '' : ERASE_LINE
      stdout.write(`${erase}${wrap(line, columns).join('\n')}\n${current}`)
    },
    live(line) {
      if (!canGoBack) return
      // One column less: some terminals wrap at the last one.
      const next =
        line === null
          ? ''
          : cells(line)
              .slice(0, columns - 1)
              .join('')
      stdout.write(`${current === '' ? '' : ERASE_LINE}${next}`)
      current = next
    },
    good: (text) => paint('green', text),
    bad: (text) => paint('red', text),
  }
}

/** @returns the line in pieces of at most `columns`, broken at spaces; further pieces are indented by two more than the first */
export function wrap(line: string, columns: number): string[] {
  // Colours take no columns; coloured lines are short.
  if (line.includes('\u001B') || cells(line).length <= columns) return [line]
  const indent = ' '.repeat((/^ */.exec(line)?.[0].length ?? 0) + 2)
  const pieces: string[] = []
  let piece = ''
  for (const word of line.split(/(?<=\S)(?= )/)) {
    if (piece !== '' && cells(piece + word).length > columns) {
      pieces.push(piece)
      piece = indent + word.trimStart()
    } else piece += word
  }
  return [...pieces, piece]
}
