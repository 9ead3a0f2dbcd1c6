/** `demo`: runs the worker on this machine, from an empty Kafka to an audit, and leaves nothing running. */
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { readTexts } from '../../src/cli/send.ts'
import type { CommandContext } from '../../src/cli/define.ts'
import { UsageError } from '../../src/cli/define.ts'
import { lastReason } from '../../src/cli/connections.ts'
import { createKafkaClients } from '../../src/kafka/clients.ts'
import { ensureTopics } from '../../src/kafka/topics.ts'
import type { Log } from '../../src/logging/log.ts'
import type { Texts } from '../../src/lib/sanitize.ts'
import type { ReleaseStack } from '../../src/release-stack.ts'
import { createReleaseStack } from '../../src/release-stack.ts'
import { startStub } from '../openai-stub/server.ts'
import { getServices } from '../services/ladder.ts'
import type { Audit } from './audit.ts'
import { audit } from './audit.ts'
import { costLine, scoreOwn } from './own.ts'
import type { Scene } from './play.ts'
import { chooseLogDirs, play, seconds } from './play.ts'
import { demoSamples } from './samples.ts'
import { auditLines, flagLines, tableLines } from './screen.ts'
import { BUDGET, createStage, readEvidence, removeTraces, standIn } from './stage.ts'
import { lostCalls } from './takeover.ts'
import type { Terminal } from './terminal.ts'
import { versionsOf } from './versions.ts'

const FIRST_ID = 1_001n
/** About what a quick model takes, so that the table shows waits. */
const LATENCY_MS = 600
const RELEASE_MS = 30_000
const STOP_MS = 20_000
const EX_USAGE = 64
const EXIT_INTERRUPTED = 130

const INTRO = [
  'resume-scoring-worker demo: real workers, a real Kafka and a real Redis score sample requests on this machine.',
  '  A stand-in answers, NOT GPT: a local server that speaks the API of OpenAI and compares words. No key is needed,',
  '  and nothing is sent to OpenAI. The scores show how requests travel, not how well a model judges.',
  `  The budget is raised for the demo: ${BUDGET.OPENAI_RPM} requests and ${BUDGET.OPENAI_TPM.toLocaleString('en')} tokens a minute instead of 3 and 40,000.`,
  '  Ctrl-C stops it and cleans up.',
  '',
]

const USAGE = `usage: npm run demo [-- --resume FILE --requirements FILE [--live]]
  FILE is a text (.txt, .md), .pdf or .docx; - is standard input
  --live  the model of OPENAI_MODEL at OPENAI_BASE_URL answers instead of the stand-in; needs OPENAI_KEY`

const NEXT = [
  'What to try next:',
  '  npm run demo -- --resume FILE --requirements FILE    your own: .txt, .md, .pdf or .docx',
  '  npm run example              the same loop from an HTTP request to its callback',
  '  npm run services             a Kafka and a Redis that stay, to develop against',
  '  docs/contract.md             what a producer sends and a consumer reads',
  '  docker compose up -d         the worker with your OPENAI_KEY (README.md, "Run it")',
]

/**
 * Runs the demo and prints its progress.
 * @returns 0; 1 when the audit found something, the user's own resume was not scored, or something could not be stopped; 64 for wrong
 *   arguments; 130 when the user stopped it
 * @throws NoServices when it can get no Kafka and Redis; Error when something does not start
 */
export async function run({
  args,
  env,
  signal,
  terminal,
}: Pick<CommandContext, 'args' | 'env' | 'signal'> & { terminal: Terminal }): Promise<number> {
  const { print } = terminal
  const wanted = await readArguments(args, env)
  if (typeof wanted === 'string') {
    for (const line of wanted.split('\n')) print(line)
    return args[0] === '--help' ? 0 : EX_USAGE
  }
  const releases = createReleaseStack(printing(print))
  const interrupted = () => {
    terminal.live(null)
    print('stopping and cleaning up')
  }
  signal.addEventListener('abort', interrupted, { once: true })
  let isClean = false
  try {
    const surroundings = { env, signal, terminal }
    isClean =
      wanted.own === null ? await perform(surroundings, releases) : await performOwn(wanted, surroundings, releases)
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

interface Wanted {
  /** The user's own texts, instead of the samples. */
  own: Texts | null
  /** The settings of the real model; null for the stand-in. */
  live: Record<string, string> | null
}

/** @returns what to do, or how to call it; @throws Error with a sentence about a file that cannot be read */
async function readArguments(args: readonly string[], env: Surroundings['env']): Promise<Wanted | string> {
  const text = { type: 'string' } as const
  const options = { resume: text, requirements: text, live: { type: 'boolean', default: false } } as const
  let values
  try {
    values = parseArgs({ args: [...args], options }).values
  } catch {
    return USAGE
  }
  const { resume, requirements, live: isLive } = values
  if (resume === undefined && requirements === undefined && !isLive) return { own: null, live: null }
  if (isLive && !env['OPENAI_KEY']) return `--live needs OPENAI_KEY in the environment\n${USAGE}`
  try {
    return { own: await readTexts(values), live: isLive ? liveSettings(env) : null }
  } catch (error) {
    if (error instanceof UsageError) return `${error.message}\n${USAGE}`
    throw error
  }
}

/** The user's own OPENAI_ settings; limits that are not among them keep their defaults, which are the free tier's. */
const liveSettings = (env: Surroundings['env']): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[0].startsWith('OPENAI_') && Boolean(entry[1]),
    ),
  )

/** @returns a log that prints what could not be released */
function printing(print: (line: string) => void): Log {
  const say = (message: string, fields = {}) => print(`${message}: ${Object.values(fields).map(String).join(', ')}`)
  return { ...lastReason(), warn: say, error: say }
}

type Surroundings = Pick<CommandContext, 'env' | 'signal'> & { terminal: Terminal }

/** Gets services, runs the demo on them, and prints the audit. @returns whether the audit is clean */
async function perform(surroundings: Surroundings, releases: ReleaseStack): Promise<boolean> {
  const { signal, terminal } = surroundings
  const { print } = terminal
  const startedMs = performance.now()
  for (const line of INTRO) print(line)
  const stub = await startStub({ latencyMs: LATENCY_MS })
  releases.defer('the stand-in', () => stub.stop())
  const scene = { ...(await setStage(surroundings, standIn(stub.baseUrl), releases)), stub }
  print(`stand-in for the model: ${stub.baseUrl}, answers after ${LATENCY_MS} ms`)
  const { stage, clients, logDirs } = scene
  const samples = demoSamples(FIRST_ID)
  const { sentAtMs, kill } = await play(scene, samples, releases)
  const arrivals = stub.arrivals()
  const counted = { calls: arrivals.length, lostCalls: lostCalls(arrivals, kill) }
  const figures = audit(samples, await readEvidence(clients, stage, counted, signal))
  report(figures, sentAtMs, terminal)
  print(`Logs of the workers: ${logDirs.map(logIn).join(' ')}`)
  const isClean = figures.problems.length === 0
  const verdict = isClean ? terminal.good('The audit is clean') : terminal.bad('THE AUDIT FAILED')
  print(`${verdict}, after ${seconds(performance.now() - startedMs)}.`)
  for (const line of NEXT) print(line)
  return isClean
}

/** One request with the user's own texts. @returns whether it was scored */
async function performOwn({ own, live }: Wanted, surroundings: Surroundings, releases: ReleaseStack): Promise<boolean> {
  const { print } = surroundings.terminal
  if (own === null) return false
  let model = live
  if (model === null) {
    print('A stand-in answers, NOT GPT: it compares words. For GPT set OPENAI_KEY and add --live.')
    const stub = await startStub({ latencyMs: LATENCY_MS })
    releases.defer('the stand-in', () => stub.stop())
    model = standIn(stub.baseUrl)
  }
  const scene = await setStage(surroundings, model, releases)
  if (live !== null) print(costLine(own, scene.stage))
  const isScored = await scoreOwn(scene, own, () => ({}), releases)
  print(`Log of the worker: ${logIn(scene.logDirs[0] ?? '')}`)
  return isScored
}

const logIn = (dir: string) => relative('.', join(dir, 'auth_service.log'))

/** Starts all but the workers and the stand-in. */
async function setStage(
  { env, signal, terminal }: Surroundings,
  model: Record<string, string>,
  releases: ReleaseStack,
): Promise<Omit<Scene, 'stub'>> {
  const { print } = terminal
  const startedMs = performance.now()
  const services = await getServices({ env, say: print, signal })
  releases.defer(`the services (${services.rung})`, () => services.stop(), STOP_MS)
  const readyMs = performance.now()
  const stage = createStage(services.env, model)
  print(`  ready after ${seconds(readyMs - startedMs)}: ${await versionsOf(services, stage.config.redis, env, signal)}`)
  const clients = createKafkaClients(stage.config.kafka, lastReason())
  releases.defer('the connection to Kafka', () => clients.close())
  if (services.rung === 'given') {
    print(`topics, groups and keys of this run begin with ${stage.tag} and are removed at its end`)
    releases.defer('topics, groups and keys', () => removeTraces(clients, stage), STOP_MS)
  }
  await ensureTopics(clients, stage.config.kafka, lastReason(), signal)
  const logDirs = await chooseLogDirs(stage.tag)
  return { stage, clients, logDirs, path: env['PATH'], terminal, signal }
}

function report(figures: Audit, sentAtMs: number, { print, columns, bad }: Terminal): void {
  const table = [...tableLines(figures.rows, sentAtMs, columns), ...flagLines(figures.rows)]
  const wrong = figures.problems.map((problem) => bad(`  WRONG: ${problem}`))
  for (const line of ['', ...table, '', ...auditLines(figures), ...wrong, '']) print(line)
}
