/** What the example needs around it: Kafka and Redis, the stand-in for the model, one worker. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lastReason } from '../../src/cli/connections.ts'
import { loadConfig } from '../../src/config.ts'
import { createKafkaClients } from '../../src/kafka/clients.ts'
import { ensureTopics } from '../../src/kafka/topics.ts'
import type { ReleaseStack } from '../../src/release-stack.ts'
import type { Stage } from '../../tools/demo/stage.ts'
import { createStage, removeTraces, standIn, workersHaveJoined } from '../../tools/demo/stage.ts'
import { startWorkers } from '../../tools/demo/workers.ts'
import { startStub } from '../../tools/openai-stub/server.ts'
import { getServices } from '../../tools/services/ladder.ts'
import type { Services } from '../../tools/services/services.ts'
import type { LoopOptions } from './loop.ts'
import { kafkaBus } from './bus.ts'

const LATENCY_MS = 400
const STOP_MS = 20_000

interface Surroundings {
  env: Record<string, string | undefined>
  signal: AbortSignal
  say: (line: string) => void
  releases: ReleaseStack
}

/** On a Kafka that the example has started, topics have the contract's names, so that other producers and consumers can join in. */
function namedAsInProduction(stage: Stage, rung: Services['rung']): Stage {
  if (rung === 'given') return stage
  const settings = Object.fromEntries(
    Object.entries(stage.settings).filter(([name]) => !name.startsWith('KAFKA_TOPIC_FOR')),
  )
  return { ...stage, settings, config: loadConfig(settings) }
}

/** Starts the surroundings, which end with `releases`. @returns what connects the loop to their Kafka */
export async function connectToWorker({ env, signal, say, releases }: Surroundings): Promise<LoopOptions['connect']> {
  const services = await getServices({ env, say, signal })
  releases.defer(`the services (${services.rung})`, () => services.stop(), STOP_MS)
  const stub = await startStub({ latencyMs: LATENCY_MS })
  releases.defer('the stand-in', () => stub.stop())
  const stage = namedAsInProduction(createStage(services.env, standIn(stub.baseUrl)), services.rung)
  const clients = createKafkaClients(stage.config.kafka, lastReason())
  releases.defer('the connection to Kafka', () => clients.close())
  if (services.rung === 'given') {
    say(`topics, groups and keys of this run begin with ${stage.tag} and are removed at its end`)
    releases.defer('topics, groups and keys', () => removeTraces(clients, stage), STOP_MS)
  }
  await ensureTopics(clients, stage.config.kafka, lastReason(), signal)
  const logs = await mkdtemp(join(tmpdir(), 'resume-scoring-example-logs-'))
  releases.defer('the log of the worker', () => rm(logs, { recursive: true, force: true }))
  const haveJoined = () => workersHaveJoined(clients, stage.config.kafka.groupId, 1)
  const workers = await startWorkers(stage.settings, [logs], haveJoined, { path: env['PATH'], signal })
  releases.defer('the worker', () => workers.stop(), STOP_MS)
  say(`worker: pid ${workers.pids.join()}; a stand-in for GPT answers, no key is needed`)
  return (listeners) => kafkaBus(clients, stage.config.kafka, stage.tag, listeners)
}
