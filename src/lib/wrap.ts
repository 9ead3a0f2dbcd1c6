/** Breaks lines for people at the width of their terminal. */

/** What is not broken, with the white space before it: words, and commands in backticks, which are to be copied. */
const TOKENS = /(\s*)(`[^`]*`\S*|\S+)/g
/** Everything before the last column of a line: columns are at least two blanks apart. */
const COLUMNS_BEFORE = /^.*\S {2,}(?=\S)/

/**
 * @returns the line, or several that fit `width` as far as their words do. The rest of a line stands under its last column, or a little
 *   further in than its begin
 */
export function wrapped(line: string, width: number): string[] {
  if (line.length <= width) return [line]
  const hang = hangOf(line, width)
  const lines: string[] = []
  let current = line.slice(0, hang.from)
  for (const [, blanks = '', token = ''] of line.slice(hang.from).matchAll(TOKENS)) {
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

/** @returns where the text begins that is broken, and how far its next lines are indented */
function hangOf(line: string, width: number): { from: number; indent: number } {
  const begin = line.length - line.trimStart().length
  const column = COLUMNS_BEFORE.exec(line)?.[0].length ?? 0
  return column > 0 && column <= width / 2 ? { from: column, indent: column } : { from: begin, indent: begin + 2 }
}

/** Puts the lines of a paragraph that was broken in the source together again, to break it at another width. */
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
