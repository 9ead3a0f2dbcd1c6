/** The operators' commands by name. Each is loaded when it is called: the worker carries none of them in memory. */
import { loadConfig } from '../config.ts'
import type { Command, Output } from './define.ts'
import { breaking } from './define.ts'
import { closest } from '../lib/similar.ts'
import { VERSION } from '../lib/version.ts'
import { EXIT } from './exit-codes.ts'

interface Entry {
  /** A description of one line. */
  does: string
  load: () => Promise<{ run: Command }>
  /** Whether it calls the provider with the key of the settings; by default it does not. */
  needsKey?: (args: readonly string[]) => boolean
}

const COMMANDS: Record<string, Entry> = {
  send: {
    does: '--resume FILE --requirements FILE: publish requests and print their results',
    load: () => import('./send.ts'),
  },
  validate: { does: 'FILE: would this message be taken, as it is', load: () => import('./validate.ts') },
  doctor: {
    does: '[--paid]: look at settings, Kafka, Redis and the provider before a worker does',
    load: () => import('./doctor.ts'),
    needsKey: () => true,
  },
  status: { does: '[--watch]: budgets, backlog, holds, workers', load: () => import('./status.ts') },
  inspect: { does: 'ID: where a request stands', load: () => import('./inspect.ts') },
  explain: { does: 'ID: why a request got its score', load: () => import('./explain.ts') },
  redecide: {
    does: '--threshold N --dry-run: which verdicts another threshold would flip',
    load: () => import('./redecide.ts'),
  },
  evaluate: {
    does: '--set FILE.jsonl: judge a prompt or model by labelled resumes',
    load: () => import('./evaluate.ts'),
    needsKey: (args) => !args.some((arg) => /^--claims(?:=|$)/.test(arg)),
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

/** The width assumed of a terminal that does not tell its own; tables are no wider on any output. */
const USUAL_COLUMNS = 60

/** @returns the width at which lines are broken: Infinity for a file or a pipe, where other programs look for words in whole lines */
export function widthOf({ isTTY, columns = 0 }: { isTTY: boolean; columns?: number }): number {
  if (!isTTY) return Infinity
  // A terminal without a window, such as that of a container or of `script`, says that it has 0 columns.
  return columns > 0 ? columns : USUAL_COLUMNS
}

const STANDARD: Output = {
  isScreen: process.stdout.isTTY,
  columns: () => widthOf(process.stdout),
  print: (line) => void process.stdout.write(`${line}\n`),
  complain: (line) => void process.stderr.write(`${line}\n`),
}

/**
 * Runs the command `name`.
 * @returns its exit code; see exit-codes.ts
 * @throws ConfigError for wrong settings; Error with a sentence for the user
 */
export async function runCommand(
  name: string,
  args: string[],
  env: Record<string, string | undefined>,
  signal: AbortSignal,
  standard: Output = STANDARD,
): Promise<number> {
  const output = { ...standard, ...columnsOf(env) }
  if (['help', '--help', '-h'].includes(name)) return listCommands(breaking(output.print, output), EXIT.ok)
  if (['version', '--version', '-v'].includes(name) || (args.length === 1 && args[0] === '--version')) {
    output.print(VERSION)
    return EXIT.ok
  }
  const known = name === '--check' ? 'doctor' : name
  const command = Object.hasOwn(COMMANDS, known) ? COMMANDS[known] : undefined
  if (command === undefined) {
    const meant = closest(name, Object.keys(COMMANDS))
    output.complain(`unknown command: ${name}${meant === null ? '' : ` (did you mean ${meant}?)`}`)
    return listCommands(breaking(output.complain, output), EXIT.usage)
  }
  const { load, needsKey = () => false } = command
  const { run } = await load()
  return run({ args, env, signal, ...output, config: () => loadConfig(env, { needsKey: needsKey(args) }) })
}

/** @returns the width that COLUMNS asks for, as with other programs; no width when COLUMNS is unset or no number */
function columnsOf({ COLUMNS: text = '' }: Record<string, string | undefined>): Pick<Output, 'columns'> {
  return /^[1-9]\d{0,4}$/.test(text) ? { columns: () => Number(text) } : {}
}

function listCommands(tell: (line: string) => void, exitCode: number): number {
  tell('usage: resume-scoring-worker [COMMAND] [--help]    without a command: the worker')
  for (const [known, { does }] of Object.entries(COMMANDS)) tell(`  ${known.padEnd(20)} ${does}`)
  tell('  --check              the same as doctor: before a rollout')
  tell('  --version            the version')
  return exitCode
}
