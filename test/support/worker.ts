/** The worker as its users run it: a child process, with every setting of the test's own world. */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { waitUntil } from './wait.ts'

const ROOT = join(import.meta.dirname, '../..')

export interface Worker {
  pid: number
  /** Everything on stdout and stderr so far. */
  lines: string[]
  /** Resolves once a line contains `text`; rejects with the last lines after `limitMs`. */
  saw(text: string, limitMs?: number): Promise<void>
  kill(signal: NodeJS.Signals): void
  /** Sends the signal and resolves with the exit code, null when a signal ended it. */
  end(signal?: NodeJS.Signals): Promise<number | null>
  exited: Promise<number | null>
}

/**
 * Starts the worker under the current Node.
 * @param env the whole environment but PATH and LOG_DIR (a directory of its own unless given)
 * @param main the file to run, another one where the worker was compiled
 */
export function startWorker(env: Record<string, string>, main = join(ROOT, 'src/main.ts')): Worker {
  const child: ChildProcess = spawn(process.execPath, [main], {
    // Not the checkout: a developer's .env must not configure a worker under test.
    cwd: mkdtempSync(join(tmpdir(), 'worker-')),
    env: { PATH: process.env['PATH'], LOG_DIR: 'logs', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) createInterface({ input: stream }).on('line', (line) => lines.push(line))
  }
  // Not `exit`, which may come before its last lines have been read.
  const exited = once(child, 'close').then(([code]) => code as number | null)
  const endWithTest = () => child.kill('SIGKILL')
  process.once('exit', endWithTest)
  void exited.then(() => process.off('exit', endWithTest))
  return {
    pid: child.pid ?? 0,
    lines,
    exited,
    kill: (signal) => child.kill(signal),
    saw: (text, limitMs = 90_000) =>
      waitUntil(
        () => lines.some((line) => line.includes(text)),
        limitMs,
        () => `the worker did not say "${text}"; it said:\n${lines.slice(-30).join('\n')}`,
      ),
    end: (signal = 'SIGTERM') => {
      child.kill(signal)
      return exited
    },
  }
}
