/** Breaks lines for people at the width of their terminal. */

/**
 * What is not broken, with the white space before it: words, and commands in backticks, which are to be copied. White space that nothing
 * follows must be cut off first: the search would begin anew at each character of it.
 */
const TOKENS = /(\s*)(`[^`]*`\S*|\S+)/g
/** Everything before the last column of a line: columns are at least two blanks apart. */
const COLUMNS_BEFORE = /^.*\S {2,}(?=\S)/

/**
 * @returns the line, broken into several that fit `width` unless a single word or command does not. The further lines stand under the last
 *   column of the line; if that does not begin in the left half of `width`, they are indented by two more than the line, or by that half
 */
export function wrapped(line: string, width: number): string[] {
  if (line.length <= width) return [line]
  const hang = hangOf(line, width)
  const lines: string[] = []
  let current = line.slice(0, hang.from)
  for (const [, blanks = '', token = ''] of line.slice(hang.from).trimEnd().matchAll(TOKENS)) {
    const longer = `${current}${blanks}${token}`
    const isFirst = lines.length === 0 && current.length === hang.from
    if (longer.length <= width || isFirst) current = longer
    else {
      lines.push(current)
      current = `${' '.repeat(hang.indent)}${token}`
    }
  }
  return [...lines, current]
}

/** @returns the column at which the text to be wrapped begins, and the indent of its further lines */
function hangOf(line: string, width: number): { from: number; indent: number } {
  const begin = line.length - line.trimStart().length
  const column = COLUMNS_BEFORE.exec(line)?.[0].length ?? 0
  const half = Math.floor(width / 2)
  if (column > 0 && column <= half) return { from: column, indent: column }
  return { from: begin, indent: Math.min(begin + 2, half) }
}

/** Joins the lines of each paragraph that was broken in the source, so that it can be broken at another width. */
export function paragraphs(lines: readonly string[]): string[] {
  const whole: string[] = []
  for (const line of lines) {
    const last = whole.at(-1)
    const indent = line.length - line.trimStart().length
    if (last !== undefined && indent > 0 && textColumn(last) === indent && !/^ *(--|example:)/.test(line))
      whole[whole.length - 1] = `${last} ${line.trim()}`
    else whole.push(line)
  }
  return whole
}

const textColumn = (line: string) => COLUMNS_BEFORE.exec(line)?.[0].length ?? line.length - line.trimStart().length
