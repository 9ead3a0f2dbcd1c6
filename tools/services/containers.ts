/** The rung of containers, through testcontainers; images by KAFKA_IMAGE and REDIS_IMAGE. */
import type { StartedTestContainer, TestContainer } from 'testcontainers'

import { withFreePorts } from './guarded.ts'
import type { RungContext, Services } from './services.ts'
import { brokerAnswers, KAFKA_VERSION } from './local-kafka.ts'

const KAFKA_IMAGE = `apache/kafka:${KAFKA_VERSION}`
const REDIS_IMAGE = 'redis:7-alpine'

/** A first start pulls the images (some 250 MB). */
const START_LIMIT_MS = 10 * 60_000
const KAFKA_READY_LIMIT_MS = 180_000

/**
 * Starts Kafka and Redis in containers.
 * @returns the services, or why this rung is not there: no container runtime, or testcontainers is not installed
 * @throws Error when there is a runtime and an image cannot be pulled or a container does not start
 */
export async function containerServices({ env, say, signal, ports }: RungContext): Promise<Services | string> {
  const runtime = await openRuntime()
  if (typeof runtime === 'string') return runtime
  const { library, host } = runtime
  const [kafkaImage, redisImage] = [env['KAFKA_IMAGE'] || KAFKA_IMAGE, env['REDIS_IMAGE'] || REDIS_IMAGE]
  say(`starting containers of ${kafkaImage} and ${redisImage} (about 250 MB, pulled if missing)`)
  const started: StartedTestContainer[] = []
  const stop = async () => {
    await Promise.all(started.splice(0).map((container) => container.stop()))
  }
  const start = async (container: TestContainer) => {
    const running = await orAbort(container.withStartupTimeout(START_LIMIT_MS).start(), signal)
    started.push(running)
    return running
  }
  try {
    const redis = start(
      new library.GenericContainer(redisImage).withExposedPorts(
        ports === undefined ? 6379 : { container: 6379, host: ports.redis },
      ),
    )
    const kafka = withFreePorts(1, async ([free]) => {
      const port = ports?.kafka ?? free
      await start(kafkaContainer(library, kafkaImage, host, port as number))
      return `${host}:${port}`
    })
    // Wait for both, so that neither is still starting when the other has failed.
    await Promise.allSettled([kafka, redis])
    const [broker, redisContainer] = await Promise.all([kafka, redis])
    await untilBrokerAnswers(broker, signal)
    const redisPort = redisContainer.getMappedPort(6379)
    return {
      rung: 'containers',
      kafkaBrokers: [broker],
      redisUrl: `redis://${host}:${redisPort}`,
      env: { KAFKA_BOOTSTRAP_SERVERS: broker, REDIS_HOST: host, REDIS_PORT: String(redisPort) },
      stop,
    }
  } catch (error) {
    await stop()
    signal.throwIfAborted()
    throw new Error(`containers: ${(error as Error).message} (TEST_SERVICES=local does without)`, { cause: error })
  }
}

type Library = typeof import('testcontainers')

async function openRuntime(): Promise<{ library: Library; host: string } | string> {
  let library: Library
  try {
    library = await import('testcontainers')
  } catch {
    // A development dependency: absent from the image.
    return 'testcontainers is not installed'
  }
  const client = await library.getContainerRuntimeClient().catch(() => null)
  return client ? { library, host: client.info.containerRuntime.host } : 'no container runtime is running'
}

/** The port on the host is chosen before the start, since the broker must know the address that it tells its clients. */
function kafkaContainer(library: Library, image: string, host: string, port: number): TestContainer {
  return new library.GenericContainer(image)
    .withExposedPorts({ container: 9092, host: port })
    .withEnvironment({
      KAFKA_NODE_ID: '1',
      KAFKA_PROCESS_ROLES: 'broker,controller',
      KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
      KAFKA_LISTENERS: 'CLIENT://:9092,INTERNAL://localhost:9094,CONTROLLER://localhost:9093',
      KAFKA_ADVERTISED_LISTENERS: `CLIENT://${host}:${port},INTERNAL://localhost:9094`,
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'CLIENT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT',
      KAFKA_INTER_BROKER_LISTENER_NAME: 'INTERNAL',
      KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
      KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS: '2',
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
      KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS: '2',
      KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
    })
    .withWaitStrategy(library.Wait.forLogMessage('Kafka Server started'))
}

async function untilBrokerAnswers(broker: string, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.timeout(KAFKA_READY_LIMIT_MS)
  while (!(await brokerAnswers(broker))) {
    signal.throwIfAborted()
    if (limit.aborted) throw new Error(`the broker in the container does not answer at ${broker}`)
  }
}

/** testcontainers takes no signal: a container that comes up after the abort is stopped then. */
async function orAbort(starting: Promise<StartedTestContainer>, signal: AbortSignal): Promise<StartedTestContainer> {
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = () => {
    reject(signal.reason as Error)
    void starting.then((container) => container.stop()).catch(() => undefined)
  }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([starting, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
