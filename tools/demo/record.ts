/**
 * `node tools/demo/record.ts`: runs the demo and draws its output into docs/demo.svg, animated at the pace of the run. Viewers without
 * animation show all of it at once.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { drawSession } from './svg.ts'
import type { TimedLine } from './svg.ts'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))
const PICTURE = fileURLToPath(new URL('../../docs/demo.svg', import.meta.url))

const child = spawn(process.execPath, [MAIN], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
const startedMs = performance.now()
const lines: TimedLine[] = []
for await (const text of createInterface(child.stdout)) {
  console.log(text)
  lines.push({ text, atMs: performance.now() - startedMs })
}
if (child.exitCode === null) await once(child, 'exit')
if (child.exitCode === 0) writeFileSync(PICTURE, drawSession('npm run demo', lines))
else console.error('The demo failed: the picture stays as it was.')
process.exitCode = child.exitCode ?? 1
