#!/usr/bin/env node
/**
 * The process: environment, arguments, signals and exit code, which no other file touches. Nobody imports this file.
 * Without a command it runs the worker, with one it runs an operator's command.
 */
import { setFlagsFromString } from 'node:v8'
import { config as loadDotenv } from 'dotenv'

/** sysexits.h: the configuration is missing or wrong. */
const EX_CONFIG = 78
/** What a shell reports after SIGINT. */
const EX_INTERRUPTED = 130
/**
 * How much V8's heap may grow over what the last collection left, in percent. V8 alone lets it grow fourfold: some 60 MB of live
 * data were 180 MB before they were collected. See docs/performance.md.
 */
const HEAP_GROWTH_PERCENT = 50

// Before the rest is loaded: a signal without a handler kills the process, or is ignored where it is process 1 of a container.
const stop = onSignal()
const { ConfigError, loadConfig } = await import('./config.ts')
const { checkEnvFile } = await import('./env-file.ts')

const [command, ...args] = process.argv.slice(2)
loadDotenv({ quiet: true })
try {
  checkEnvFile('.env')
  process.exit(command === undefined ? await work() : await operate(command))
} catch (error) {
  if (stop.aborted && command !== undefined) {
    console.error(`${command} was stopped`)
    process.exit(EX_INTERRUPTED)
  }
  console.error(error instanceof ConfigError ? error.message : `${command ?? 'the worker'} failed: ${explain(error)}`)
  process.exit(error instanceof ConfigError ? EX_CONFIG : 1)
}

async function work(): Promise<number> {
  const config = loadConfig(process.env)
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`)
  // Loaded here, because commands need little of it.
  const [{ startApp }, { TIMINGS }, { releaseGathered }] = await Promise.all([
    import('./app.ts'),
    import('./timings.ts'),
    import('./lib/gather-writes.ts'),
  ])
  // Otherwise log lines that are still gathered for one write, the last ones before a fault, would be lost.
  process.once('exit', releaseGathered)
  if (stop.aborted) return 0
  const { findStrangers } = await import('./ops/settings-check.ts')
  const app = startApp(config, findStrangers(process.env))
  stop.addEventListener('abort', () => {
    setTimeout(() => process.exit(0), TIMINGS.shutdown.exitMs).unref()
    app.stop((stop.reason as Error).message)
  })
  try {
    await app.done
    return 0
  } catch (error) {
    // It was thrown before there was a log.
    if (error instanceof ConfigError) throw error
    // The log has the reason already.
    if (isOurs(error)) console.error(error.stack)
    return 1
  }
}

async function operate(name: string): Promise<number> {
  const { runCommand } = await import('./cli/commands.ts')
  return await runCommand(name, args, process.env, stop)
}

/** @returns a signal that aborts at the first SIGTERM or SIGINT; a second one ends the process at once */
function onSignal(): AbortSignal {
  const first = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (first.signal.aborted) process.exit(1)
      first.abort(new Error(name))
    })
  }
  return first.signal
}

/** One line for what an operator can mend; only a bug of ours needs its stack. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return command === undefined && isOurs(error) ? (error.stack ?? error.message) : error.message
}

function isOurs(error: unknown): error is Error {
  return [TypeError, RangeError, ReferenceError, SyntaxError].some((kind) => error instanceof kind)
}
