/**
 * The demo's process: arguments, signals, exit code. It reads `.test.env` and no `.env`, so that a demo never touches the services
 * that a worker of this checkout runs on.
 */
import { onSignal } from '../lib/on-signal.ts'
import { withTestEnv } from '../services/ladder.ts'
import { run } from './demo.ts'
import { createTerminal } from './terminal.ts'

const terminal = createTerminal(process.stdout, process.env)
try {
  process.exitCode = await run({
    args: process.argv.slice(2),
    env: withTestEnv(process.env),
    signal: onSignal(),
    terminal,
  })
} catch (error) {
  console.error(`demo failed: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
process.exit()
