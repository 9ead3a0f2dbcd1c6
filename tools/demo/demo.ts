/** `demo`: the worker's main job on this machine, from an empty Kafka to an audit, and nothing is left running. */
import { mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { abortable } from '../../src/lib/abortable.ts'
import type { KafkaClients } from '../../src/kafka/clients.ts'
import { createKafkaClients } from '../../src/kafka/clients.ts'
import { ensureTopics } from '../../src/kafka/topics.ts'
import type { Log } from '../../src/logging/log.ts'
import { startStub } from '../openai-stub/server.ts'
import type { ReleaseStack } from '../../src/release-stack.ts'
import { createReleaseStack } from '../../src/release-stack.ts'
import type { CommandContext } from '../../src/cli/define.ts'
import { lastReason } from '../../src/cli/connections.ts'
import { getServices } from '../services/ladder.ts'
import type { Answer } from './answers.ts'
import type { Audit } from './audit.ts'
import { audit } from './audit.ts'
import type { Sample } from './samples.ts'
import { demoSamples } from './samples.ts'
import { answerLine, auditLines, deadLetterLine, flagLines, tableLines } from './screen.ts'
import type { Stage } from './stage.ts'
import {
  allCommitted,
  BUDGET,
  createStage,
  publish,
  readEvidence,
  removeTraces,
  watch,
  WORKERS,
  workersHaveJoined,
} from './stage.ts'
import { startWorkers } from './workers.ts'

const FIRST_ID = 1_001n
/** About what a quick model takes, so that the table shows waits. */
const LATENCY_MS = 600
/** The samples take some 5 s. */
const ANSWERS_LIMIT_MS = 120_000
const RELEASE_MS = 30_000
const STOP_MS = 20_000
const EXIT_INTERRUPTED = 130

const INTRO = [
  'resume-scoring-worker demo: real workers, a real Kafka and a real Redis score sample requests on this machine.',
  '  A stand-in answers, NOT GPT: a local server that speaks the API of OpenAI and compares words. No key is needed,',
  '  and nothing is sent to OpenAI. The scores show how requests travel, not how well a model judges.',
  `  The budget is raised for the demo: ${BUDGET.OPENAI_RPM} requests and ${BUDGET.OPENAI_TPM.toLocaleString('en')} tokens a minute instead of 3 and 40,000.`,
  '  Ctrl-C stops it and cleans up.',
  '',
]

/**
 * Prints as it goes.
 * @returns 0; 1 when the audit found something, or something could not be stopped; 130 when the user stopped it
 * @throws NoServices when there is no Kafka and Redis to be had; Error when something does not start
 */
export async function run({
  args,
  env,
  signal,
  print,
}: Pick<CommandContext, 'args' | 'env' | 'signal' | 'print'>): Promise<number> {
  if (args.length > 0) {
    print('usage: npm run demo')
    return args[0] === '--help' ? 0 : 64
  }
  const releases = createReleaseStack(printing(print))
  const interrupted = () => print('stopping and cleaning up')
  signal.addEventListener('abort', interrupted, { once: true })
  let isClean = false
  try {
    isClean = (await perform({ env, signal, print }, releases)).problems.length === 0
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await releases.release(RELEASE_MS)
    signal.removeEventListener('abort', interrupted)
  }
  const { unreleased } = await releases.release(RELEASE_MS)
  if (unreleased.length > 0) return 1
  print('Everything that was started is stopped.')
  if (signal.aborted) return EXIT_INTERRUPTED
  return isClean ? 0 : 1
}

/** For what could not be released. */
function printing(print: (line: string) => void): Log {
  const say = (message: string, fields = {}) => print(`${message}: ${Object.values(fields).map(String).join(', ')}`)
  return { ...lastReason(), warn: say, error: say }
}

type Surroundings = Pick<CommandContext, 'env' | 'signal' | 'print'>

/** Sets the stage on whatever services there are, plays on it, and shows what came of it. */
async function perform({ env, signal, print }: Surroundings, releases: ReleaseStack): Promise<Audit> {
  const startedMs = performance.now()
  for (const line of INTRO) print(line)
  const services = await getServices({ env, say: print, signal })
  releases.defer(`the services (${services.rung})`, () => services.stop(), STOP_MS)
  const stub = await startStub({ latencyMs: LATENCY_MS })
  releases.defer('the stand-in', () => stub.stop())
  print(`stand-in for the model: ${stub.baseUrl}, answers after ${LATENCY_MS} ms`)
  const stage = createStage(services.env, stub.baseUrl)
  const clients = createKafkaClients(stage.config.kafka, lastReason())
  releases.defer('the connection to Kafka', () => clients.close())
  if (services.rung === 'given') {
    print(`topics, groups and keys of this run begin with ${stage.tag} and are removed at its end`)
    releases.defer('topics, groups and keys', () => removeTraces(clients, stage), STOP_MS)
  }
  await ensureTopics(clients, stage.config.kafka, lastReason(), signal)
  const logDirs = await chooseLogDirs(stage.tag)
  const samples = demoSamples(FIRST_ID)
  const sentAtMs = await play({ stage, clients, samples, logDirs, env, signal, print }, releases)
  const figures = audit(samples, await readEvidence(clients, stage, stub.arrivals().length, signal))
  report(figures, sentAtMs, print)
  print(`Logs of the workers: ${logDirs.map((dir) => relative('.', join(dir, 'auth_service.log'))).join(' ')}`)
  const verdict = figures.problems.length === 0 ? 'The audit is clean' : 'THE AUDIT FAILED'
  print(`${verdict}, after ${((performance.now() - startedMs) / 1_000).toFixed(1)} s.`)
  return figures
}

interface Play extends Surroundings {
  stage: Stage
  clients: KafkaClients
  samples: readonly Sample[]
  logDirs: readonly string[]
}

/**
 * Starts the workers, sends the samples and shows what comes, until there is an answer to all or the time is over.
 * @returns when they were sent, ms since the epoch
 */
async function play({ stage, clients, samples, logDirs, env, signal, print }: Play, releases: ReleaseStack) {
  print(`starting ${WORKERS} workers`)
  const screen = createScreen(samples, signal, print)
  const watching = watch(clients, stage, screen)
  releaseStarted(releases, 'the screen', watching, (unwatch) => unwatch())
  const haveJoined = () => workersHaveJoined(clients, stage.config.kafka.groupId)
  const starting = startWorkers(stage.settings, logDirs, haveJoined, { path: env['PATH'], signal })
  releaseStarted(releases, 'the workers', starting, (started) => started.stop())
  const [workers] = await Promise.all([starting, abortable(watching, signal)])
  print(`  pids ${workers.pids.join(' and ')}, a partition each`)

  const sentAtMs = await abortable(publish(clients, stage, samples), signal)
  print(`sent ${samples.length} messages; their answers as they come:`)
  const limit = AbortSignal.timeout(ANSWERS_LIMIT_MS)
  const either = AbortSignal.any([signal, limit])
  try {
    await Promise.all([abortable(screen.complete, either), allCommitted(clients, stage, either)])
  } catch (error) {
    if (signal.aborted || !limit.aborted) throw error
    print(`gave up waiting after ${ANSWERS_LIMIT_MS / 1_000} s`)
  }
  return sentAtMs
}

function report(figures: Audit, sentAtMs: number, print: (line: string) => void): void {
  const table = [...tableLines(figures.rows, sentAtMs), ...flagLines(figures.rows)]
  const wrong = figures.problems.map((problem) => `  WRONG: ${problem}`)
  for (const line of ['', ...table, '', ...auditLines(figures), ...wrong, '']) print(line)
}

/** Has it stopped at the end, also when it is still starting then; what does not start leaves nothing behind. */
function releaseStarted<T>(releases: ReleaseStack, what: string, starting: Promise<T>, stop: (started: T) => unknown) {
  const settled = Promise.allSettled([starting])
  const release = async () => {
    const [started] = await settled
    if (started.status === 'fulfilled') await stop(started.value)
  }
  releases.defer(what, release, STOP_MS)
}

/** Prints each answer once, as it comes; nothing more once the user has stopped the demo. */
function createScreen(samples: readonly Sample[], signal: AbortSignal, print: (line: string) => void) {
  const byId = new Map(samples.toReversed().map((sample) => [sample.processingId, sample]))
  const shown = new Set<bigint | null>()
  const { promise: complete, resolve: finish } = Promise.withResolvers<void>()
  const show = (id: bigint | null, line: (done: number) => string) => {
    if (shown.has(id) || signal.aborted) return
    shown.add(id)
    print(line(shown.size))
    if (shown.size >= byId.size) finish()
  }
  return {
    /** Resolves when every id, and the message without one, was shown. */
    complete,
    answer: (answer: Answer) => show(answer.id, (done) => answerLine(answer, byId.get(answer.id), done, byId.size)),
    deadLetter: (reason: string) => show(null, (done) => deadLetterLine(reason, byId.get(null), done, byId.size)),
  }
}

/** In the working directory, or where that cannot be written, beside other temporary files; a run's logs are kept. */
async function chooseLogDirs(tag: string): Promise<string[]> {
  const root = join('logs', tag)
  const base = await mkdir(root, { recursive: true }).then(
    () => resolve(root),
    () => mkdtemp(join(tmpdir(), `resume-scoring-${tag}-logs-`)),
  )
  return Array.from({ length: WORKERS }, (_, n) => join(base, `worker-${n + 1}`))
}
