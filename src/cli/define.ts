/** The frame that all operators' commands share: arguments, usage, and one result for people or for programs. */
import type { ParseArgsConfig } from 'node:util'
import { parseArgs } from 'node:util'
import { abortable } from '../lib/abortable.ts'
import type { Config } from '../config.ts'
import { stringifyExact } from '../lib/json.ts'

/** Where a command's lines go. */
export interface Output {
  /** Results, and help that was asked for. */
  print: (line: string) => void
  /** What is wrong with the call: never among the results, which a program may read. */
  complain: (line: string) => void
}

/** What a command is given; it prints by these functions only, and returns its exit code. */
export interface CommandContext extends Output {
  args: string[]
  env: Record<string, string | undefined>
  /** Aborts when the user stops the command. */
  signal: AbortSignal
  /** Reads the settings, for the commands that need them. @throws ConfigError */
  config: () => Config
}

export type Command = (context: CommandContext) => Promise<number>

/** sysexits.h: the command was used incorrectly. */
export const EXIT_USAGE = 64

type Options = NonNullable<ParseArgsConfig['options']>
type Values<O extends Options> = ReturnType<typeof parseArgs<{ options: O; allowPositionals: true }>>['values']

export interface Call<O extends Options> {
  values: Values<O>
  /** As many as `names` asked for. */
  positionals: string[]
  config: Config
  /** Aborts when the user stops the command. */
  signal: AbortSignal
  /** Tells how it goes on; silent with --json. */
  progress: (line: string) => void
}

export interface Report {
  /** Printed with --json; bigints leave as exact integers. */
  document: Record<string, unknown>
  /** Printed without. */
  lines: string[]
  /** 0 unless given. */
  exitCode?: number
}

/** The arguments are not what the usage says. */
export class UsageError extends Error {}

export interface Definition<O extends Options> {
  /** The first line is the synopsis. */
  usage: string[]
  options: O
  /** Names of the positional arguments; all are required. */
  names?: string[]
  /** An option with which there are no positional arguments. */
  insteadOfNames?: keyof O & string
}

/**
 * Makes a command. `--json` (one JSON document) and `--help` are understood by all of them.
 * @param work rejects with UsageError for wrong values, with any other Error for what went wrong: a sentence for the user
 * @returns the command, which resolves with its exit code: 64 after it printed its usage
 */
export function defineCommand<O extends Options>(
  { usage, options, names = [], insteadOfNames }: Definition<O>,
  work: (call: Call<O>) => Promise<Report>,
): Command {
  return async (context) => {
    const { args, signal, print, complain } = context
    try {
      const { values, positionals } = parse(args, options, names, insteadOfNames)
      const { json, help } = values
      if (help === true) return printUsage(print, usage, 0)
      const progress = json === true ? () => {} : print
      const call = { values: values as Values<O>, positionals, config: context.config(), signal, progress }
      const { document, lines, exitCode = 0 } = await abortable(work(call), signal)
      for (const line of json === true ? [stringifyExact(document)] : lines) print(line)
      return exitCode
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      complain(error.message)
      return printUsage(complain, usage, EXIT_USAGE)
    }
  }
}

function parse(args: string[], options: Options, allNames: string[], insteadOfNames = '') {
  const all = { ...options, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const
  let parsed
  try {
    parsed = parseArgs({ args: withNegatives(args, all), options: all, allowPositionals: true })
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
  const { values, positionals } = parsed
  const names = insteadOfNames in values ? [] : allNames
  const surplus = positionals[names.length]
  if (values.help === true) return parsed
  if (surplus !== undefined) throw new UsageError(`Unexpected argument '${surplus}'`)
  if (positionals.length < names.length) throw new UsageError(`Missing ${names[positionals.length] ?? ''}`)
  return parsed
}

/** parseArgs takes -5 for an option; ids may be negative. @returns arguments that it understands as they were meant */
function withNegatives(args: string[], options: Options): string[] {
  const end = args.includes('--') ? args.indexOf('--') : args.length
  const before: string[] = []
  const negative: string[] = []
  for (const arg of args.slice(0, end)) {
    const last = before.at(-1) ?? ''
    if (!/^-\d+$/.test(arg)) before.push(arg)
    else if (last.startsWith('--') && options[last.slice(2)]?.type === 'string') before.push(`${before.pop()}=${arg}`)
    else negative.push(arg)
  }
  return [...before, '--', ...negative, ...args.slice(end + 1)]
}

function printUsage(tell: (line: string) => void, usage: string[], exitCode: number): number {
  const [synopsis, ...rest] = usage
  tell(`usage: ${synopsis ?? ''}`)
  for (const line of [...rest, '  --json  print one JSON document']) tell(line)
  return exitCode
}

/**
 * @returns a signed 64-bit integer as the topics' ids are
 * @throws UsageError that names `what`
 */
export function readId(what: string, text: string): bigint {
  const id = /^-?\d{1,19}$/.test(text) ? BigInt(text) : null
  if (id === null || BigInt.asIntN(64, id) !== id) throw new UsageError(`${what} must be a signed 64-bit integer`)
  return id
}

/**
 * @returns a whole number from `minimum` on
 * @throws UsageError that names `what`
 */
export function readCount(what: string, text: string, minimum = 1): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < minimum) {
    throw new UsageError(`${what} must be a whole number of ${minimum} or more`)
  }
  return Number(text)
}

const UNITS_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * @param text such as `90s`, `30m`, `12h`, `3d`
 * @returns ms
 * @throws UsageError that names `what`
 */
export function readDuration(what: string, text: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (count === undefined || unit === undefined) {
    throw new UsageError(`${what} must be a time such as 90s, 30m, 12h or 3d`)
  }
  return Number(count) * (UNITS_MS[unit] ?? 0)
}
