/** Runs the commands in this process, with services that are away. */
import { runCommand } from '../../src/cli/commands.ts'
import type { CommandContext } from '../../src/cli/define.ts'
import { loadConfig } from '../../src/config.ts'

export const AWAY = { OPENAI_KEY: 'sk-test', REDIS_PORT: '1', KAFKA_BOOTSTRAP_SERVERS: 'localhost:1' }
export const texts = ['--resume', import.meta.filename, '--requirements', import.meta.filename]

/** What a command is given; `out` and `err` hold what it prints. */
export function context(args: string[], signal = new AbortController().signal) {
  const [out, err]: [string[], string[]] = [[], []]
  const print = (line: string) => void out.push(line)
  const complain = (line: string) => void err.push(line)
  const given: CommandContext = { args, env: AWAY, signal, print, complain, config: () => loadConfig(AWAY) }
  return { ...given, out, err }
}

export const WITHOUT_KEY = { ...AWAY, OPENAI_KEY: '', KAFKA_TOPIC_FOR_DECISIONS: 'decisions' }

/** Runs a command by its name, as the process does. */
export async function runNamed(env: Record<string, string>, name: string, ...args: string[]) {
  const { out, err, signal, print, complain } = context([])
  const code = await runCommand(name, args, env, signal, { print, complain })
  return { code, out: out.join('\n'), err: err.join('\n') }
}
