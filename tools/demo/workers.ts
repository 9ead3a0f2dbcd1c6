/** The demo's workers: processes of the same program that a user would start. */
import { mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Guarded } from '../services/guarded.ts'
import { startGuarded } from '../services/guarded.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
/** Generous: 2 s on an idle machine. */
const START_LIMIT_MS = 90_000
/**
 * Calls in flight end within the stand-in's latency, but a busy machine takes longer. A worker that is killed stays a member of its group,
 * which then cannot be removed.
 */
const DRAIN_MS = 12_000

export interface Workers {
  pids: number[]
  /** Ends one with SIGKILL, as a crash or a lost machine does. @param n counted from 0 */
  kill(n: number): Promise<void>
  /** Asks the workers to drain, and kills those that are left after 12 s. May be called again. */
  stop(): Promise<void>
}

interface Surroundings {
  path: string | undefined
  signal: AbortSignal
  /** Settings of one worker only. @param n counted from 0 */
  settingsOf?: (n: number) => Record<string, string>
}

/**
 * Starts workers and waits until they are ready. They end with this process at the latest.
 * @param settings the environment of all, without LOG_DIR and PATH; their directories have no .env
 * @param logDirs one for each worker to start
 * @param haveJoined whether they all have their partitions
 * @throws Error with the last words of one that does not start; none is left then
 */
export async function startWorkers(
  settings: Record<string, string>,
  logDirs: readonly string[],
  haveJoined: () => Promise<boolean>,
  { path, signal, settingsOf = () => ({}) }: Surroundings,
): Promise<Workers> {
  const started = await Promise.allSettled(
    logDirs.map(async (logDir, n) => {
      await mkdir(logDir, { recursive: true })
      const spec = {
        name: `worker ${n + 1}`,
        command: process.execPath,
        args: [MAIN],
        env: { PATH: path, ...settings, ...settingsOf(n), LOG_DIR: logDir },
        dir: await mkdtemp(join(tmpdir(), 'resume-scoring-demo-')),
        isReady: haveJoined,
        startLimitMs: START_LIMIT_MS,
      }
      return startGuarded(spec, signal)
    }),
  )
  const workers = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const stop = async () => void (await Promise.all(workers.map(end)))
  const failure = started.find((one) => one.status === 'rejected')
  const kill = async (n: number) => workers[n]?.kill('SIGKILL')
  if (failure === undefined) return { pids: workers.map(({ pid }) => pid), kill, stop }
  await stop()
  throw failure.reason
}

async function end(worker: Guarded): Promise<void> {
  const limit = new AbortController()
  const late = sleep(DRAIN_MS, undefined, { signal: limit.signal }).catch(() => {
    // The worker ended in time.
  })
  await Promise.race([worker.kill('SIGTERM'), late])
  limit.abort()
  await worker.stop()
}
