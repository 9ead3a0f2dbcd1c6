/** A Kafka broker as a local process: KRaft, one node, its own ports and directory. Several run side by side. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { Kafka, logLevel } from 'kafkajs'
// Without this import each use of kafkajs prints a warning of Node.
import '../../src/kafka/mended.ts'
import type { Downloads } from './download.ts'
import { kafkaJars, MissingTool } from './download.ts'
import type { Guarded } from './guarded.ts'
import { FIXED_PORT_USERS, requireFree, startGuarded, withFreePorts } from './guarded.ts'

const run = promisify(execFile)

export const KAFKA_VERSION = '4.3.1'

/** Generous: a start takes 3 s on an idle machine of two cores, and tests share them with much else. */
const START_LIMIT_MS = 120_000
const FORMAT_LIMIT_MS = 60_000

const HEAP = '-Xmx512m'
/** Per node: several share a machine. */
const CLUSTER_HEAP = '-Xmx256m'
const JVM = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData']
const QUIET = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'

export interface LocalKafkaOptions {
  /** Any release that Maven Central has; tested with 4.3.1 and 3.9.2. */
  version?: string
  /** The clients' port; by default any free one. */
  port?: number
  /**
   * Lines of server.properties, in place of those of `serverProperties`. The listener that clients use is named CLIENT: for SASL or TLS set
   * `listener.security.protocol.map` to `CLIENT:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT`. The broker speaks with
   * itself on INTERNAL, without a login, so with an authorizer `super.users` must name `User:ANONYMOUS`.
   */
  properties?: Record<string, string>
  /** Options of the Java machine, such as `-Dname=value`. */
  jvm?: string[]
  /** Users for SCRAM, made before the first start. */
  scramUsers?: { name: string; password: string; mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512' }[]
}

export interface LocalKafka extends Guarded {
  brokers: string[]
  port: number
  /** The same broker without TLS and login: the listener INTERNAL. */
  insideBrokers: string[]
}

/**
 * Starts a broker and waits until it answers. It ends with this process at the latest, its data with it.
 * @throws MissingTool without Java 17 or, at the first time, Maven; Error with the broker's last output when it does not start
 */
export async function startLocalKafka(options: LocalKafkaOptions, downloads: Downloads): Promise<LocalKafka> {
  if (options.port !== undefined) await requireFree(options.port, FIXED_PORT_USERS)
  const [node] = await startNodes(1, options, downloads)
  if (node === undefined) throw new TypeError('no node was started')
  return node
}

export interface LocalCluster {
  /** As KAFKA_BOOTSTRAP_SERVERS names them. */
  brokers: string[]
  /** Each is a broker and a voter of the controllers' quorum: two of three have to run. */
  nodes: LocalKafka[]
  stop(): Promise<void>
}

/**
 * Starts a cluster of brokers, each as `startLocalKafka` does. By default a topic has a replica on each.
 * @param count at most 9
 * @throws as startLocalKafka
 */
export async function startLocalCluster(
  count: number,
  options: LocalKafkaOptions,
  downloads: Downloads,
): Promise<LocalCluster> {
  const nodes = await startNodes(count, options, downloads)
  return {
    brokers: nodes.flatMap(({ brokers }) => brokers),
    nodes,
    stop: async () => void (await Promise.all(nodes.map((node) => node.stop()))),
  }
}

type NodePorts = [client: number, internal: number, controller: number]

async function startNodes(count: number, options: LocalKafkaOptions, downloads: Downloads): Promise<LocalKafka[]> {
  await requireJava(downloads.signal)
  const jars = await kafkaJars(options.version ?? KAFKA_VERSION, downloads)
  return withFreePorts(3 * count, async (ports) => {
    const ofNodes = Array.from({ length: count }, (_, index) => ports.slice(3 * index, 3 * index + 3) as NodePorts)
    if (options.port !== undefined && ofNodes[0] !== undefined) ofNodes[0][0] = options.port
    const clusterId = newClusterId()
    const starting = ofNodes.map((_, index) =>
      startNode({ index, ofNodes, clusterId, classPath: `${jars}/*` }, options, downloads.signal),
    )
    const started = await Promise.allSettled(starting)
    const failed = started.find((each) => each.status === 'rejected')
    const nodes = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    if (failed === undefined) return nodes
    await Promise.all(nodes.map((node) => node.stop()))
    throw failed.reason as Error
  })
}

interface NodePlace {
  index: number
  ofNodes: NodePorts[]
  clusterId: string
  classPath: string
}

async function startNode(
  { index, ofNodes, clusterId, classPath }: NodePlace,
  options: LocalKafkaOptions,
  signal: AbortSignal,
): Promise<LocalKafka> {
  const [client, internal] = ofNodes[index] as NodePorts
  const dir = await mkdtemp(join(tmpdir(), 'resume-scoring-kafka-'))
  const file = join(dir, 'server.properties')
  const properties = { ...serverProperties(dir, index, ofNodes), ...options.properties }
  await writeFile(
    file,
    Object.entries(properties)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  )
  const heap = ofNodes.length === 1 ? HEAP : CLUSTER_HEAP
  // The codecs unpack native libraries there, and a killed broker does not remove them.
  const java = [heap, ...JVM, QUIET, `-Djava.io.tmpdir=${dir}`, '-cp', classPath]
  const format = ['kafka.tools.StorageTool', 'format', '--cluster-id', clusterId, '--config', file]
  for (const { name, password, mechanism } of options.scramUsers ?? []) {
    format.push('--add-scram', `${mechanism}=[name="${name}",password="${password}"]`)
  }
  const guarded = await startGuarded(
    {
      name: `Kafka ${options.version ?? KAFKA_VERSION}`,
      command: 'java',
      args: [...(options.jvm ?? []), ...java, 'kafka.Kafka', file],
      dir,
      prepare: () => run('java', [...java, ...format], { signal, timeout: FORMAT_LIMIT_MS }),
      isReady: () => brokerAnswers(`127.0.0.1:${internal}`, clusterId),
      startLimitMs: START_LIMIT_MS,
    },
    signal,
  )
  const insideBrokers = [`127.0.0.1:${internal}`]
  return Object.assign(guarded, { brokers: [`localhost:${client}`], port: client, insideBrokers })
}

function serverProperties(dir: string, index: number, ofNodes: NodePorts[]) {
  const [client, internal, controller] = ofNodes[index] as NodePorts
  const replicas = String(ofNodes.length)
  const inSync = String(Math.max(1, ofNodes.length - 1))
  return {
    'process.roles': 'broker,controller',
    'node.id': String(index + 1),
    'controller.quorum.voters': ofNodes.map((ports, each) => `${each + 1}@127.0.0.1:${ports[2]}`).join(','),
    listeners: `CLIENT://127.0.0.1:${client},INTERNAL://127.0.0.1:${internal},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `CLIENT://localhost:${client},INTERNAL://127.0.0.1:${internal}`,
    'listener.security.protocol.map': 'CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'INTERNAL',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(dir, 'data'),
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    // The defaults ask for three nodes, and for fifty partitions, which take seconds to create.
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': '2',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': '2',
    // A killed broker can rejoin only after its old session has expired: 9 s by default.
    'broker.session.timeout.ms': '4000',
    'broker.heartbeat.interval.ms': '1000',
    // By default a lone consumer waits 3 s for others before it gets its partitions.
    'group.initial.rebalance.delay.ms': '0',
  }
}

/**
 * Whether a broker answers here and is in its cluster's metadata.
 * @param clusterId of that cluster and no other, since another broker may have taken the port
 */
export async function brokerAnswers(broker: string, clusterId?: string): Promise<boolean> {
  const kafka = new Kafka({
    brokers: [broker],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1_000,
    requestTimeout: 5_000,
    retry: { retries: 0 },
  })
  const admin = kafka.admin()
  try {
    await admin.connect()
    const cluster = await admin.describeCluster()
    return cluster.brokers.length > 0 && (clusterId === undefined || cluster.clusterId === clusterId)
  } catch {
    // The broker is not up yet; the caller asks again, within its time limit.
    return false
  } finally {
    await admin.disconnect()
  }
}

/** @returns an id as Kafka's own tool makes it: a UUID in URL-safe base64 that does not begin with a dash */
function newClusterId(): string {
  const id = randomBytes(16).toString('base64url')
  return id.startsWith('-') ? newClusterId() : id
}

async function requireJava(signal: AbortSignal): Promise<void> {
  const output = await run('java', ['-version'], { signal }).then(
    ({ stderr }) => stderr,
    () => {
      signal.throwIfAborted()
      return ''
    },
  )
  const major = Number(/version "(\d+)/.exec(output)?.[1] ?? 0)
  if (major < 17) throw new MissingTool('Java 17 or newer (java)')
}
