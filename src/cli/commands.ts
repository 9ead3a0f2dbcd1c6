/** The operators' commands by name. Each is loaded when it is called: the worker carries none of them in memory. */
import { loadConfig } from '../config.ts'
import type { Command, Output } from './define.ts'
import { EXIT_USAGE } from './define.ts'

interface Entry {
  /** In a line. */
  does: string
  load: () => Promise<{ run: Command }>
  /** It calls the provider with the key of the settings; the others do without. */
  needsKey?: boolean
}

const COMMANDS: Record<string, Entry> = {
  send: {
    does: '--resume FILE --requirements FILE: publish one request and print its result',
    load: () => import('./send.ts'),
  },
  status: { does: 'budgets, backlog, holds, workers', load: () => import('./status.ts') },
  inspect: { does: 'ID: where a request stands', load: () => import('./inspect.ts') },
  explain: { does: 'ID: the decision record of a request', load: () => import('./explain.ts') },
  redecide: {
    does: '--threshold N --dry-run: which verdicts another threshold would flip',
    load: () => import('./redecide.ts'),
  },
  evaluate: {
    does: '--set FILE.jsonl: judge a prompt or model by labelled resumes',
    load: () => import('./evaluate.ts'),
    needsKey: true,
  },
  pause: { does: 'stop all calls of the whole fleet', load: () => import('./pause.ts') },
  resume: { does: 'end a pause', load: () => import('./resume.ts') },
  forget: {
    does: 'ID: remove the stored answer and cache entry of a request; or --adaptations',
    load: () => import('./forget.ts'),
  },
  'adopt-offsets': {
    does: '--from GROUP: take over the committed offsets of another group',
    load: () => import('./adopt-offsets.ts'),
  },
  'replay-dead-letters': {
    does: '[--dry-run] [--reason R] [--limit N]: send dead letters back',
    load: () => import('./replay-dead-letters.ts'),
  },
}

const STANDARD: Output = {
  print: (line) => void process.stdout.write(`${line}\n`),
  complain: (line) => void process.stderr.write(`${line}\n`),
}

/**
 * Runs the command `name`.
 * @returns its exit code; 64 (EX_USAGE) for an unknown one
 * @throws ConfigError for wrong settings; Error with a sentence for the user
 */
export async function runCommand(
  name: string,
  args: string[],
  env: Record<string, string | undefined>,
  signal: AbortSignal,
  output: Output = STANDARD,
): Promise<number> {
  if (['help', '--help', '-h'].includes(name)) return listCommands(output.print, 0)
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command === undefined) {
    output.complain(`unknown command: ${name}`)
    return listCommands(output.complain, EXIT_USAGE)
  }
  const { load, needsKey = false } = command
  const { run } = await load()
  return run({ args, env, signal, ...output, config: () => loadConfig(env, { needsKey }) })
}

function listCommands(tell: (line: string) => void, exitCode: number): number {
  tell('usage: resume-scoring-worker [COMMAND]    without a command: the worker')
  for (const [known, { does }] of Object.entries(COMMANDS)) tell(`  ${known.padEnd(20)} ${does}`)
  return exitCode
}
