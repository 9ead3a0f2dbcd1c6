/** Draws a terminal session as an SVG: each line appears when it was printed. Pure. */

export interface TimedLine {
  text: string
  /** ms since the start */
  atMs: number
}

const FONT_PX = 13
const LINE_PX = 18
/** Of a monospaced letter; `textLength` makes every line as wide as that, whatever font there is. */
const LETTER_PX = 7.8
const MARGIN_PX = 16
/** Waits for services to start are shortened: nothing is to be seen meanwhile. */
const LONGEST_GAP_MS = 1_200

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }
const escape = (text: string) => text.replace(/[&<>]/g, (character) => ESCAPES[character] ?? '')

/** @param command shown at the prompt */
export function drawSession(command: string, lines: readonly TimedLine[]): string {
  const all = [{ text: `$ ${command}`, atMs: 0 }, ...lines]
  const columns = Math.max(...all.map(({ text }) => text.length))
  const [width, height] = [columns * LETTER_PX + 2 * MARGIN_PX, all.length * LINE_PX + 2 * MARGIN_PX]
  let shownMs = 0
  const drawn = all.map(({ text, atMs }, row) => {
    shownMs += Math.min(LONGEST_GAP_MS, atMs - (all[row - 1]?.atMs ?? 0))
    if (text.trim() === '') return ''
    const y = MARGIN_PX + (row + 0.75) * LINE_PX
    const style = `animation-delay:${(shownMs / 1_000).toFixed(2)}s`
    const length = (text.length * LETTER_PX).toFixed(1)
    return `<text x="${MARGIN_PX}" y="${y}" textLength="${length}" class="${kindOf(text)}" style="${style}">${escape(text)}</text>\n`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${Math.ceil(width)} ${height}" width="${Math.ceil(width)}" height="${height}" role="img" aria-label="A recorded session of ${escape(command)}">
<style>
text { font: ${FONT_PX}px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #d4d4d4; white-space: pre; animation: appear 1ms steps(1) backwards }
.bad { fill: #f48771 } .good { fill: #89d185 } .prompt { fill: #9cdcfe }
@keyframes appear { from { opacity: 0 } }
@media (prefers-reduced-motion: reduce) { text { animation: none } }
</style>
<rect width="100%" height="100%" rx="8" fill="#1e1e1e"/>
${drawn.join('')}</svg>
`
}

function kindOf(text: string): string {
  if (text.startsWith('$ ')) return 'prompt'
  if (/SIGKILL|WRONG|FAILED/.test(text)) return 'bad'
  return /takeover:|audit is clean/.test(text) ? 'good' : 'plain'
}
