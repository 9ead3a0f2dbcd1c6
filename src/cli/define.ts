/** The frame that all operators' commands share: arguments, usage, and one result for people or for programs. */
import type { ParseArgsConfig } from 'node:util'
import { parseArgs } from 'node:util'
import { abortable } from '../lib/abortable.ts'
import type { Config } from '../config.ts'
import { stringifyExact } from '../lib/json.ts'
import { closest } from '../lib/similar.ts'
import { paragraphs, wrapped } from '../lib/wrap.ts'
import { EXIT } from './exit-codes.ts'

/** Where a command's lines go. */
export interface Output {
  /** Results, how far the work is, and help that was asked for. */
  print: (line: string) => void
  /** What is no result: what is wrong with the call, what the command waits for. Kept apart from results, which a program may read. */
  complain: (line: string) => void
  /** Whether results go to a terminal that can overwrite lines; default false. */
  isScreen?: boolean
  /** The width at which lines for people are broken; by default they are not. */
  columns?: () => number
}

/** @returns `tell` for lines of any length, which it breaks at the width of the output */
export const breaking =
  (tell: (line: string) => void, { columns = () => Infinity }: Pick<Output, 'columns'>) =>
  (text: string): void => {
    const lines = text.split('\n').flatMap((line) => wrapped(line, columns()))
    tell(lines.join('\n'))
  }

/** What a command is given. It prints only through these functions and returns its exit code. */
export interface CommandContext extends Output {
  args: string[]
  env: Record<string, string | undefined>
  /** Aborts when the user stops the command. */
  signal: AbortSignal
  /** Reads the settings, for the commands that need them. @throws ConfigError */
  config: () => Config
}

export type Command = (context: CommandContext) => Promise<number>

type Options = NonNullable<ParseArgsConfig['options']>
type Values<O extends Options> = ReturnType<typeof parseArgs<{ options: O; allowPositionals: true }>>['values']

export interface Call<O extends Options> {
  values: Values<O>
  /** One for each of `names`; none when the option `insteadOfNames` is given. */
  positionals: string[]
  /** The settings, read on first use. @throws ConfigError */
  readonly config: Config
  env: Record<string, string | undefined>
  /** Aborts when the user stops the command. */
  signal: AbortSignal
  /** Prints at once; for a command that runs until it is stopped. */
  print: (text: string) => void
  isScreen: boolean
  /** Prints how far the work is; silent with --json. */
  progress: (line: string) => void
  /** Prints what is no result, such as what the command waits for. */
  complain: Output['complain']
}

export interface Report {
  /** Printed with --json; bigints are written as exact integers. */
  document: Record<string, unknown>
  /** Printed without --json. */
  lines: string[]
  /** Default 0. */
  exitCode?: number
}

/** The arguments are not what the usage says. */
export class UsageError extends Error {}

export interface Definition<O extends Options> {
  /** The first line is the synopsis. */
  usage: string[]
  /** A sample call, without `npm run` in front. */
  example: string
  options: O
  /** Options that must be given, each with the placeholder that the usage shows for its value. */
  required?: Partial<Record<keyof O & string, string>>
  /** Names of the positional arguments; all are required. */
  names?: string[]
  /** An option that replaces the positional arguments. */
  insteadOfNames?: keyof O & string
  /** An option that keeps the command running until the user stops it: `work` resolves after the signal aborts, and the exit code is 0. */
  endless?: keyof O & string
}

/**
 * Makes a command. `--json` (one JSON document) and `--help` are understood by all of them.
 * @param work rejects with UsageError for wrong values, and with any other Error (a sentence for the user) when it fails
 * @returns the command, which resolves with its exit code: 64 for wrong arguments, after it has printed its usage
 */
export function defineCommand<O extends Options>(
  definition: Definition<O>,
  work: (call: Call<O>) => Promise<Report>,
): Command {
  const { usage, example } = definition
  const [synopsis, ...rest] = usage
  const help = [`usage: ${synopsis}`, ...rest, '  --json  print one JSON document', `  example: npm run ${example}`]
  return async (context) => {
    const { args, signal } = context
    const [print, complain] = [breaking(context.print, context), breaking(context.complain, context)]
    try {
      const { values, positionals } = parse(args, definition)
      const { json } = values
      if (values.help === true) return printUsage(print, context, help, EXIT.ok)
      const isEndless =
        definition.endless !== undefined && (values as Record<string, unknown>)[definition.endless] === true
      const progress = json === true ? () => {} : print
      const printResult = json === true ? context.print : print
      let config: Config | null = null
      const call: Call<O> = {
        values: values as Values<O>,
        positionals,
        env: context.env,
        signal,
        print: printResult,
        isScreen: context.isScreen === true && context.env['TERM'] !== 'dumb',
        progress,
        complain,
        get config() {
          return (config ??= context.config())
        },
      }
      if (isEndless) {
        await work(call)
        return EXIT.ok
      }
      const { document, lines, exitCode = EXIT.ok } = await abortable(work(call), signal)
      for (const line of json === true ? [stringifyExact(document)] : lines) printResult(line)
      return exitCode
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      complain(error.message)
      return printUsage(complain, context, help, EXIT.usage)
    }
  }
}

function parse(
  args: string[],
  {
    options,
    names: allNames = [],
    required = {},
    insteadOfNames = '',
  }: Pick<Definition<Options>, 'options' | 'names' | 'required' | 'insteadOfNames'>,
) {
  const all = { ...options, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const
  let parsed
  try {
    parsed = parseArgs({ args: withNegatives(args, all), options: all, allowPositionals: true })
  } catch (error) {
    throw new UsageError(withSuggestion((error as Error).message, Object.keys(all)), { cause: error })
  }
  const { values, positionals } = parsed
  const names = insteadOfNames in values ? [] : allNames
  if (values.help === true) return parsed
  const surplus = positionals[names.length]
  if (surplus !== undefined) throw new UsageError(`Unexpected argument '${surplus}'`)
  const given = values as Record<string, unknown>
  const unset = Object.entries(required).filter(([name]) => given[name] === undefined || given[name] === '')
  const missing = [...names.slice(positionals.length), ...unset.map(([name, value]) => `--${name} ${value}`)]
  if (missing.length > 0) throw new UsageError(`Missing ${missing.join(', ')}`)
  return parsed
}

/** @returns parseArgs's sentence in this program's words, with the option that may have been meant */
function withSuggestion(message: string, known: string[]): string {
  const valueless = /^Option '(?:-\w, )?(--[\w-]+)(?: <value>)?' argument (?:is ambiguous|missing)/.exec(message)?.[1]
  if (valueless !== undefined) return `${valueless} needs a value`
  const unknown = /^Unknown option '--?([^']+)'/.exec(message)?.[1]
  if (unknown === undefined) return message
  const meant = closest(unknown, known)
  return `Unknown option '--${unknown}'${meant === null ? '' : `: did you mean --${meant}?`}`
}

/** parseArgs would read the negative id -5 as an option. @returns the arguments, rearranged so that parseArgs reads -5 as an id */
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

/** @param lines broken in the source; they are joined to paragraphs only where the output has a width, at which `tell` breaks them */
function printUsage(
  tell: (line: string) => void,
  { columns = () => Infinity }: Pick<Output, 'columns'>,
  lines: string[],
  exitCode: number,
): number {
  for (const line of columns() === Infinity ? lines : paragraphs(lines)) tell(line)
  return exitCode
}

/**
 * @returns a signed 64-bit integer, like every id in the topics
 * @throws UsageError that names `what`
 */
export function readId(what: string, text: string): bigint {
  const id = /^-?\d{1,19}$/.test(text) ? BigInt(text) : null
  if (id === null || BigInt.asIntN(64, id) !== id) throw new UsageError(`${what} must be a signed 64-bit integer`)
  return id
}

/**
 * @returns a whole number from `minimum` on, of at most nine digits
 * @throws UsageError that names `what`
 */
export function readCount(what: string, text: string, minimum = 1): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < minimum) {
    throw new UsageError(`${what} must be a whole number of ${minimum} or more`)
  }
  return Number(text)
}

/**
 * Reads an option that is given in seconds.
 * @returns ms, at most those of 24 days: Node ends a longer timer at once
 * @throws UsageError that names `what`, for anything but a whole number of 1 or more
 */
export const readSeconds = (what: string, text: string) => Math.min(readCount(what, text) * 1_000, 2 ** 31 - 1)

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

/** @returns a price of a million tokens, in any currency. @throws UsageError that names `what` */
export function readPrice(what: string, text: string): number {
  if (!/^\d{1,9}(\.\d{1,9})?$/.test(text)) throw new UsageError(`${what} must be a number such as 0.40`)
  return Number(text)
}
