/** Runs a local service as a child process that cannot outlive this one, in a directory that is removed with it. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { remedyFor, startTrouble } from './trouble.ts'

export interface GuardedSpec {
  /** Its name in messages. */
  name: string
  command: string
  args: string[]
  /** The whole environment of the process; by default that of this process. */
  env?: Record<string, string | undefined>
  /** Removed at the end, even if this process is killed. */
  dir: string
  /** Connects to the service and asks it; false while it does not answer yet. */
  isReady: (signal: AbortSignal) => Promise<boolean>
  startLimitMs: number
  /** Done in the directory before the first start. */
  prepare?: (signal: AbortSignal) => Promise<unknown>
}

export interface Guarded {
  /** Of the process that runs now, or of the last one when it ended. */
  readonly pid: number
  /** Its data, configuration and output.log; gone after `stop`. */
  readonly dir: string
  /** Ends the process at once and removes its directory. May be called again. */
  stop(): Promise<void>
  /** Sends the signal; when it is one that ends the process, waits for that end. The data stay. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** Ends the process gracefully if it runs, and starts it again with its port and its data; resolves when it is ready. */
  restart(signal?: AbortSignal): Promise<void>
}

/**
 * Says that it runs, and reads ids of the process to watch, one per line (an empty line: none). Its input ends when this process closes it
 * or dies; then the script kills the watched process and removes the directory. `rm` is repeated because a dying process may still write.
 */
const WATCH = `
echo watching
pid=
while read -r line; do pid=$line; done
[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null
tries=0
until rm -rf "$1" 2>/dev/null || [ "$tries" -ge 100 ]; do tries=$((tries + 1)); sleep 0.1; done
`

/** How long a process may take to end after SIGTERM before it is killed. */
const GRACE_MS = 20_000
const PROBE_EVERY_MS = 100
const LAST_WORDS = 1_500

/**
 * Starts a service and waits until it is ready.
 * @throws Error with the service's last output when it ends early or is not ready in time; nothing is left then
 */
export async function startGuarded(spec: GuardedSpec, signal: AbortSignal): Promise<Guarded> {
  const guard = await openGuard(spec.dir)
  let child: ChildProcess
  try {
    await spec.prepare?.(signal)
    child = await launch(spec, guard, signal)
  } catch (error) {
    await guard.close()
    throw startError(spec.name, error)
  }
  return {
    get pid() {
      return child.pid ?? 0
    },
    dir: spec.dir,
    stop: async () => {
      await guard.close()
      // The guard has killed it: until this process has noticed, its id still counts as taken.
      await ended(child, GRACE_MS)
    },
    kill: async (name) => {
      child.kill(name)
      if (name !== 'SIGSTOP' && name !== 'SIGCONT') await ended(child, GRACE_MS)
    },
    restart: async (abort = new AbortController().signal) => {
      // A frozen process would not notice SIGTERM.
      child.kill('SIGCONT')
      child.kill('SIGTERM')
      if (!(await ended(child, GRACE_MS))) child.kill('SIGKILL')
      await ended(child, GRACE_MS)
      child = await launch(spec, guard, abort)
    },
  }
}

/** Adds the remedy to an error of the preparation or of the file system whose cause is known. */
function startError(name: string, error: unknown): unknown {
  const { message, stderr = '' } = error as Error & { stderr?: string }
  const remedy = remedyFor(`${message}${stderr}`)
  return remedy === null ? error : new Error(`${name} does not start: ${remedy}`, { cause: error })
}

async function openGuard(dir: string) {
  const process = await startWatching(dir)
  let closed: Promise<void> | undefined
  return {
    watch: (pid: number | null) => void process.stdin.write(`${pid ?? ''}\n`),
    close: () => (closed ??= close()),
  }
  async function close() {
    process.ref()
    process.stdin.end()
    await ended(process, GRACE_MS)
  }
}

/** Detached: Ctrl-C in a terminal goes to every process of its group, and the guard must outlive this one. */
async function startWatching(dir: string) {
  for (;;) {
    const process = spawn('sh', ['-c', WATCH, 'guard', dir], { detached: true, stdio: ['pipe', 'pipe', 'ignore'] })
    await Promise.race([once(process.stdout, 'data'), once(process, 'exit')])
    if (!hasEnded(process)) {
      process.stdout.destroy()
      process.unref()
      return process
    }
    // Until it has left this process's group, which takes it less than a millisecond, Ctrl-C ends it too.
    if (process.signalCode === null) throw new Error(`the guard of ${dir} ended with exit code ${process.exitCode}`)
  }
}

async function launch(spec: GuardedSpec, guard: Awaited<ReturnType<typeof openGuard>>, signal: AbortSignal) {
  signal.throwIfAborted()
  const outputFile = join(spec.dir, 'output.log')
  const output = openSync(outputFile, 'a')
  const { command, args, env, dir: cwd } = spec
  const child = spawn(command, args, { detached: true, stdio: ['ignore', output, output], cwd, ...(env && { env }) })
  closeSync(output)
  if (child.pid === undefined) {
    const [error] = (await once(child, 'error')) as [Error]
    throw new Error(`${spec.name} cannot be started: ${error.message}`)
  }
  child.unref()
  guard.watch(child.pid)
  child.once('exit', () => guard.watch(null))
  await untilReady(spec, child, signal, () => readFileSync(outputFile, 'utf8').slice(-LAST_WORDS))
  return child
}

async function untilReady(spec: GuardedSpec, child: ChildProcess, signal: AbortSignal, lastWords: () => string) {
  const limit = AbortSignal.timeout(spec.startLimitMs)
  const either = AbortSignal.any([signal, limit])
  while (!(await spec.isReady(either))) {
    if (hasEnded(child)) throw new Error(startTrouble(spec.name, 'ended before it was ready', lastWords()))
    signal.throwIfAborted()
    if (limit.aborted) {
      child.kill('SIGKILL')
      throw new Error(startTrouble(spec.name, `was not ready within ${spec.startLimitMs / 1_000} s`, lastWords()))
    }
    await sleep(PROBE_EVERY_MS)
  }
}

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null

/** Waits for the process's end; false when it is still there after `limitMs`. */
async function ended(child: ChildProcess, limitMs: number): Promise<boolean> {
  if (hasEnded(child)) return true
  child.ref()
  const exit = once(child, 'exit').then(() => true)
  const limit = new AbortController()
  const late = sleep(limitMs, false, { signal: limit.signal }).catch(() => false)
  const result = await Promise.race([exit, late])
  limit.abort()
  child.unref()
  return result
}

/** Outside the range of ephemeral ports, so that no outgoing connection takes a port while its service restarts. */
const FIRST_PORT = 20_000
const PORTS = 10_000

/** Finds ports of 127.0.0.1 that nobody listens on now. Another process may take one before it is used: `withFreePorts` then tries again. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  for (let tries = 0; found.size < count && tries < 1_000; tries++) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS)
    if (await isFree(port)) found.add(port)
  }
  if (found.size < count) throw new Error(`no free port found from ${FIRST_PORT} on`)
  return [...found]
}

/** What listens on the ports that stay the same from one start to the next. */
export const FIXED_PORT_USERS = '`npm run services` or `npm run dev`'

/**
 * @param suspects what of ours may listen on it: "`npm run services`"
 * @param otherwise what else a person may do
 * @throws Error that names the port when somebody listens on it
 */
export async function requireFree(port: number, suspects: string, otherwise = ''): Promise<void> {
  if (await isFree(port)) return
  const advice = `end what listens on it, maybe ${suspects} in another terminal`
  throw new Error(`port ${port} is taken: ${advice}${otherwise && `, ${otherwise}`}`)
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const free = new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => resolve(true))
  })
  const result = await free
  await new Promise((resolve) => server.close(resolve))
  return result
}

/** Runs `start`, and again with other ports when another process has taken one of them meanwhile. */
export async function withFreePorts<T>(count: number, start: (ports: number[]) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await start(await freePorts(count))
    } catch (error) {
      if (tries === 5 || !/address already in use|port is already allocated|BindException/i.test(String(error)))
        throw error
    }
  }
}
