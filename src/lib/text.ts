/** Formats times, numbers and tables for people. */

/** @returns such as `0s`, `4m 10s`, `2h 5m`, `3d 4h`: rounded up to whole seconds, of which the two largest units are shown */
export function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1_000)
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ]
  const first = parts.findIndex(([count]) => count > 0)
  if (first === -1) return '0s'
  const shown = parts.slice(first, first + 2).filter(([count]) => count > 0)
  return shown.map(([count, unit]) => `${count}${unit}`).join(' ')
}

export const time = (ms: number): string => new Date(ms).toISOString()

/** @returns the local time of day, such as `12:04:31`; on another day than `nowMs`, with the date before it */
export function clockTime(ms: number, nowMs: number): string {
  const [at, now] = [new Date(ms), new Date(nowMs)]
  const timeOfDay = at.toTimeString().slice(0, 8)
  if (at.toDateString() === now.toDateString()) return timeOfDay
  const [month, day] = [at.getMonth() + 1, at.getDate()].map((part) => String(part).padStart(2, '0'))
  return `${at.getFullYear()}-${month}-${day} ${timeOfDay}`
}

type Cell = string | number | bigint | null

/** A narrow terminal, with room for an indent. */
const TABLE_MAX_CHARS = 58

/**
 * @returns lines with aligned columns, numbers to the right; null becomes a dash. A table wider than 58 characters becomes a block of
 *   lines for each row, without empty cells
 */
export function table(head: string[], rows: Cell[][]): string[] {
  const lines = aligned(head, rows)
  if (lines.every((line) => line.length <= TABLE_MAX_CHARS)) return lines
  const width = Math.max(...head.map((name) => name.length))
  return rows.flatMap((row) => {
    const told = row.map((cell, column) => [head[column] ?? '', cell === null ? '-' : String(cell)] as const)
    const block = told.filter(([, cell]) => cell !== '')
    return block.map(([name, cell], index) => `${index === 0 ? '' : '  '}${name.padEnd(width)}  ${cell}`)
  })
}

function aligned(head: string[], rows: Cell[][]): string[] {
  const cells = [head, ...rows.map((row) => row.map((cell) => (cell === null ? '-' : String(cell))))]
  const widths = head.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)))
  const right = head.map((_, column) =>
    rows.some((row) => typeof row[column] === 'number' || typeof row[column] === 'bigint'),
  )
  return cells.map((row) =>
    row
      .map((cell, column) =>
        right[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
}

/** @returns the lines under a heading; `none` when there are no lines */
export function section(heading: string, lines: string[], none = 'none'): string[] {
  return lines.length === 0 ? [`${heading}: ${none}`] : [`${heading}:`, ...lines.map((line) => `  ${line}`)]
}

/** @returns such as `1 message`, `2 messages` */
export const counted = (n: number | bigint, what: string): string => `${n} ${what}${Number(n) === 1 ? '' : 's'}`
