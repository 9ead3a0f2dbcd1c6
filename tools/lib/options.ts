/** The arguments of a tool: `--help`, and one sentence with the usage for arguments that are wrong. */
import type { ParseArgsConfig } from 'node:util'
import { parseArgs } from 'node:util'

/** sysexits.h: wrong arguments. */
const EX_USAGE = 64

type Options = NonNullable<ParseArgsConfig['options']>
type Values<O extends Options> = ReturnType<typeof parseArgs<{ options: O }>>['values']

/** @returns the options; ends the process with the usage for `--help`, and for arguments that the usage does not have */
export function readOptions<const O extends Options>(usage: string, options: O): Values<O> {
  let values
  try {
    values = parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h' } as const } }).values
  } catch (error) {
    const [first = ''] = (error as Error).message.split(/\. |\n/)
    return refuse(first, usage)
  }
  if ('help' in values) {
    process.stdout.write(`${usage}\n`)
    process.exit(0)
  }
  return values as Values<O>
}

/** Ends the process: says what is wrong with its arguments, and how it is called. */
export function refuse(problem: string, usage: string): never {
  process.stderr.write(`${problem}\n${usage}\n`)
  process.exit(EX_USAGE)
}
