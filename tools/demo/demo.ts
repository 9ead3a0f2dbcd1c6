/** `demo`: the worker's main job on this machine, from an empty Kafka to an audit, and nothing is left running. */
import { join, relative } from 'node:path'
import type { CommandContext } from '../../src/cli/define.ts'
import { lastReason } from '../../src/cli/connections.ts'
import { createKafkaClients } from '../../src/kafka/clients.ts'
import { ensureTopics } from '../../src/kafka/topics.ts'
import type { Log } from '../../src/logging/log.ts'
import type { ReleaseStack } from '../../src/release-stack.ts'
import { createReleaseStack } from '../../src/release-stack.ts'
import { startStub } from '../openai-stub/server.ts'
import { getServices } from '../services/ladder.ts'
import type { Audit } from './audit.ts'
import { audit } from './audit.ts'
import type { Scene } from './play.ts'
import { chooseLogDirs, play, seconds } from './play.ts'
import { demoSamples } from './samples.ts'
import { auditLines, flagLines, tableLines } from './screen.ts'
import { BUDGET, createStage, readEvidence, removeTraces } from './stage.ts'
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

const NEXT = [
  'What to try next:',
  '  npm run example              the same loop from an HTTP request to its callback',
  '  npm run services             a Kafka and a Redis that stay, to develop against',
  '  docs/contract.md             what a producer sends and a consumer reads',
  '  docker compose up -d         the worker with your OPENAI_KEY (README.md, "Run it")',
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
  terminal,
}: Pick<CommandContext, 'args' | 'env' | 'signal'> & { terminal: Terminal }): Promise<number> {
  const { print } = terminal
  if (args.length > 0) {
    print('usage: npm run demo')
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
    isClean = (await perform({ env, signal, terminal }, releases)).problems.length === 0
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

type Surroundings = Pick<CommandContext, 'env' | 'signal'> & { terminal: Terminal }

/** Sets the stage on whatever services there are, plays on it, and shows what came of it. */
async function perform({ env, signal, terminal }: Surroundings, releases: ReleaseStack): Promise<Audit> {
  const { print } = terminal
  const startedMs = performance.now()
  for (const line of INTRO) print(line)
  const scene = await setStage({ env, signal, terminal }, releases)
  const { stage, clients, stub, logDirs } = scene
  const samples = demoSamples(FIRST_ID)
  const { sentAtMs, kill } = await play(scene, samples, releases)
  const arrivals = stub.arrivals()
  const counted = { calls: arrivals.length, lostCalls: lostCalls(arrivals, kill) }
  const figures = audit(samples, await readEvidence(clients, stage, counted, signal))
  report(figures, sentAtMs, terminal)
  print(`Logs of the workers: ${logDirs.map((dir) => relative('.', join(dir, 'auth_service.log'))).join(' ')}`)
  const isClean = figures.problems.length === 0
  const verdict = isClean ? terminal.good('The audit is clean') : terminal.bad('THE AUDIT FAILED')
  print(`${verdict}, after ${seconds(performance.now() - startedMs)}.`)
  for (const line of NEXT) print(line)
  return figures
}

/** Starts all but the workers. */
async function setStage({ env, signal, terminal }: Surroundings, releases: ReleaseStack): Promise<Scene> {
  const { print } = terminal
  const startedMs = performance.now()
  const services = await getServices({ env, say: print, signal })
  releases.defer(`the services (${services.rung})`, () => services.stop(), STOP_MS)
  const readyMs = performance.now()
  const stub = await startStub({ latencyMs: LATENCY_MS })
  releases.defer('the stand-in', () => stub.stop())
  const stage = createStage(services.env, stub.baseUrl)
  const versions = await versionsOf(services, stage.config.redis, env, signal)
  print(`  ready after ${seconds(readyMs - startedMs)}: ${versions}`)
  print(`stand-in for the model: ${stub.baseUrl}, answers after ${LATENCY_MS} ms`)
  const clients = createKafkaClients(stage.config.kafka, lastReason())
  releases.defer('the connection to Kafka', () => clients.close())
  if (services.rung === 'given') {
    print(`topics, groups and keys of this run begin with ${stage.tag} and are removed at its end`)
    releases.defer('topics, groups and keys', () => removeTraces(clients, stage), STOP_MS)
  }
  await ensureTopics(clients, stage.config.kafka, lastReason(), signal)
  const logDirs = await chooseLogDirs(stage.tag)
  return { stage, clients, stub, logDirs, path: env['PATH'], terminal, signal }
}

function report(figures: Audit, sentAtMs: number, { print, columns, bad }: Terminal): void {
  const table = [...tableLines(figures.rows, sentAtMs, columns), ...flagLines(figures.rows)]
  const wrong = figures.problems.map((problem) => bad(`  WRONG: ${problem}`))
  for (const line of ['', ...table, '', ...auditLines(figures), ...wrong, '']) print(line)
}
