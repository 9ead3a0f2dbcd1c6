/** An operator's command as its users run it: a child process. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

const ROOT = join(import.meta.dirname, '../..')

/** What a command says when a broker is slow to answer, as on a loaded machine. It is no error, so `err` is given without it. */
const WAITS = /^waiting for Kafka at .*…\n/gm

export interface Ran {
  /** null when a signal ended it */
  code: number | null
  out: string
  err: string
}

/** Starts a command; `ended` resolves with its exit code and output. */
export function startCommand(env: Record<string, string>, ...args: string[]) {
  const child = spawn(process.execPath, [join(ROOT, 'src/main.ts'), ...args], {
    // Not the checkout: a developer's .env must not reach a command under test.
    cwd: mkdtempSync(join(tmpdir(), 'command-')),
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const endWithTest = () => child.kill('SIGKILL')
  process.once('exit', endWithTest)
  const ended = Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)]).then(
    ([[code], out, err]): Ran => {
      process.off('exit', endWithTest)
      return { code: code as number | null, out, err: err.replace(WAITS, '') }
    },
  )
  return { child, ended }
}

/** Runs a command to its end. */
export const runCommand = (env: Record<string, string>, ...args: string[]): Promise<Ran> =>
  startCommand(env, ...args).ended
