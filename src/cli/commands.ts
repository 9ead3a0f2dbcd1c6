/** The operators' commands by name. Each is loaded when it is called: the worker carries none of them in memory. */
import { loadConfig } from '../config.ts'
import type { Config } from '../config.ts'
import { EXIT_USAGE } from './define.ts'

/** What a command is given; it prints by `print` only, and returns its exit code. */
export interface CommandContext {
  args: string[]
  env: Record<string, string | undefined>
  /** Aborts when the user stops the command. */
  signal: AbortSignal
  print: (line: string) => void
  /** Reads the settings, for the commands that need them. @throws ConfigError */
  config: () => Config
}

export type Command = (context: CommandContext) => Promise<number>

/** name → what it does in a line, and where it is */
const COMMANDS: Record<string, { does: string; load: () => Promise<{ run: Command }> }> = {
  demo: {
    does: 'score sample requests on this machine, with a stand-in for GPT',
    load: () => import('./demo/demo.ts'),
  },
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
  },
  pause: { does: 'stop all calls of the whole fleet', load: () => import('./pause.ts') },
  resume: { does: 'end a pause', load: () => import('./resume.ts') },
  forget: { does: 'ID: remove the stored answer and cache entry of a request', load: () => import('./forget.ts') },
  'adopt-offsets': {
    does: '--from GROUP: take over the committed offsets of another group',
    load: () => import('./adopt-offsets.ts'),
  },
  'replay-dead-letters': {
    does: '[--dry-run] [--reason R] [--limit N]: send dead letters back',
    load: () => import('./replay-dead-letters.ts'),
  },
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
): Promise<number> {
  const command = COMMANDS[name]
  const print = (line: string) => void process.stdout.write(`${line}\n`)
  if (command === undefined) {
    print('usage: resume-scoring-worker [COMMAND]    without a command: the worker')
    for (const [known, { does }] of Object.entries(COMMANDS)) print(`  ${known.padEnd(20)} ${does}`)
    return name === 'help' || name === '--help' ? 0 : EXIT_USAGE
  }
  const { run } = await command.load()
  return run({ args, env, signal, print, config: () => loadConfig(env) })
}
