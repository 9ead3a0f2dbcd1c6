/** The demo's run: workers start, samples go out, one worker is killed, and the answers are shown as they come. */
import { mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { KafkaClients } from '../../src/kafka/clients.ts'
import { abortable } from '../../src/lib/abortable.ts'
import type { ReleaseStack } from '../../src/release-stack.ts'
import type { Stub } from '../openai-stub/server.ts'
import type { Answer } from './answers.ts'
import type { Sample } from './samples.ts'
import { answerLine, deadLetterLine, progressLine } from './screen.ts'
import type { Stage } from './stage.ts'
import { allCommitted, BUDGET, publish, watch, WORKERS, workerKey, workersHaveJoined } from './stage.ts'
import type { Kill } from './takeover.ts'
import { idsByPartition, killOne, takeoverMs } from './takeover.ts'
import type { Terminal } from './terminal.ts'
import { startWorkers } from './workers.ts'

/** The samples take some 5 s, and a takeover some 20. */
const ANSWERS_LIMIT_MS = 180_000
const STOP_MS = 20_000
const REFRESH_MS = 200

export interface Scene {
  stage: Stage
  clients: KafkaClients
  stub: Stub
  logDirs: readonly string[]
  path: string | undefined
  terminal: Terminal
  signal: AbortSignal
}

export interface Played {
  /** ms since the epoch */
  sentAtMs: number
  /** null when the run was over before a worker could be killed in the middle of a call. */
  kill: Kill | null
}

/** Starts the workers, sends the samples and shows what comes, until there is an answer to all or the time is over. */
export async function play(scene: Scene, samples: readonly Sample[], releases: ReleaseStack): Promise<Played> {
  const { stage, clients, stub, terminal, signal } = scene
  const { print } = terminal
  const screen = createScreen(samples, scene)
  const watching = watch(clients, stage, screen)
  releaseStarted(releases, 'the screen', watching, (unwatch) => unwatch())
  const workers = await start(scene, WORKERS, releases, (n) => ({ OPENAI_KEY: workerKey(n) }))
  await abortable(watching, signal)

  const sentAtMs = await abortable(publish(clients, stage, samples), signal)
  print(`sent ${samples.length} messages; their answers as they come:`)
  const refresh = setInterval(() => screen.refresh(), REFRESH_MS)
  const limit = AbortSignal.timeout(ANSWERS_LIMIT_MS)
  const finished = new AbortController()
  const either = AbortSignal.any([signal, limit])
  const killing = killOne({
    arrivals: () => stub.arrivals(),
    answered: () => screen.answers.length,
    workers,
    signal: AbortSignal.any([either, finished.signal]),
  }).then(
    (kill) => {
      const calls = kill.inFlight === 1 ? '1 call' : `${kill.inFlight} calls`
      print(terminal.bad(`  SIGKILL to worker 1 (pid ${kill.pid}), ${calls} in flight`))
      print('  Kafka notices after 10 s without a heartbeat; worker 2 goes on with its partition.')
      return kill
    },
    () => null,
  )
  try {
    await Promise.all([abortable(screen.complete, either), allCommitted(clients, stage, either)])
  } catch (error) {
    if (signal.aborted || !limit.aborted) throw error
    print(`gave up waiting after ${ANSWERS_LIMIT_MS / 1_000} s`)
  } finally {
    clearInterval(refresh)
    terminal.live(null)
    finished.abort(new Error('everything is answered'))
  }
  const kill = await killing
  const tookMs = kill === null ? null : takeoverMs(kill, screen.answers, idsByPartition(samples))
  if (tookMs !== null) {
    print(
      terminal.good(`  takeover: ${(tookMs / 1_000).toFixed(1)} s from the kill to the next answer of its partition`),
    )
  }
  return { sentAtMs, kill }
}

/** Starts `count` workers, which end with `releases`, and prints their process ids. */
export async function start(
  scene: Omit<Scene, 'stub'>,
  count: number,
  releases: ReleaseStack,
  settingsOf: (n: number) => Record<string, string>,
) {
  const { stage, clients, logDirs, path, terminal, signal } = scene
  terminal.print(`starting ${count === 1 ? 'a worker' : `${count} workers`}`)
  const startedMs = performance.now()
  const haveJoined = () => workersHaveJoined(clients, stage.config.kafka.groupId, count)
  const starting = startWorkers(stage.settings, logDirs.slice(0, count), haveJoined, { path, signal, settingsOf })
  releaseStarted(releases, 'the workers', starting, (started) => started.stop())
  const workers = await starting
  const each = count === 1 ? '' : ', a partition each'
  terminal.print(`  ready after ${seconds(performance.now() - startedMs)}: pids ${workers.pids.join(' and ')}${each}`)
  return workers
}

export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

/** Defers the stop of what is being started; the stop waits until the start is over. */
export function releaseStarted<T>(
  releases: ReleaseStack,
  what: string,
  starting: Promise<T>,
  stop: (started: T) => unknown,
) {
  const settled = Promise.allSettled([starting])
  const release = async () => {
    const [started] = await settled
    if (started.status === 'fulfilled') await stop(started.value)
  }
  releases.defer(what, release, STOP_MS)
}

/** Prints each answer once, as it comes; nothing more once the user has stopped the demo. */
function createScreen(samples: readonly Sample[], { stub, terminal, signal }: Scene) {
  const byId = new Map(samples.toReversed().map((sample) => [sample.processingId, sample]))
  const shown = new Set<bigint | null>()
  const answers: Answer[] = []
  const { promise: complete, resolve: finish } = Promise.withResolvers<void>()
  const show = (id: bigint | null, line: (count: string) => string) => {
    if (shown.has(id) || signal.aborted) return
    shown.add(id)
    terminal.print(line(`${shown.size}/${byId.size}`))
    if (shown.size >= byId.size) finish()
  }
  return {
    /** Resolves when the outcome of every id, and of the message without an id, was shown. */
    complete,
    answers,
    answer(answer: Answer) {
      answers.push(answer)
      show(answer.id, (count) => answerLine(answer, byId.get(answer.id), count, terminal.columns))
    },
    deadLetter: (reason: string) =>
      show(null, (count) => deadLetterLine(reason, byId.get(null), count, terminal.columns)),
    refresh() {
      const arrivals = stub.arrivals()
      const figures = {
        done: shown.size,
        all: byId.size,
        inFlight: arrivals.filter(({ status, aborted }) => status === null && !aborted).length,
        requests: arrivals.length,
        tokens: arrivals.reduce((sum, { billedTokens }) => sum + billedTokens, 0),
      }
      terminal.live(progressLine(figures, BUDGET))
    },
  }
}

/** Log directories in the working directory, or among the temporary files when that cannot be written. Logs are kept after a run. */
export async function chooseLogDirs(tag: string): Promise<string[]> {
  const root = join('logs', tag)
  const base = await mkdir(root, { recursive: true }).then(
    () => resolve(root),
    () => mkdtemp(join(tmpdir(), `resume-scoring-${tag}-logs-`)),
  )
  return Array.from({ length: WORKERS }, (_, n) => join(base, `worker-${n + 1}`))
}
