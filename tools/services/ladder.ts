/**
 * Where the demo and the tests get a Kafka and a Redis from: addresses given by the environment, else containers, else local
 * processes. TEST_SERVICES forces one of the three, which then never falls through to another.
 */
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'

import { parse } from 'dotenv'

import { containerServices } from './containers.ts'
import { cacheDir, MissingTool } from './download.ts'
import { givenServices } from './given.ts'
import { KAFKA_VERSION, startLocalKafka } from './local-kafka.ts'
import { startLocalRedis } from './local-redis.ts'
import type { Rung, RungContext, Services } from './services.ts'
import { remedyFor, requireSpace } from './trouble.ts'

/** @returns the services, or in a few words why this rung is not available here */
type StartRung = (context: RungContext) => Promise<Services | string>

const RUNGS: Record<Rung, StartRung> = {
  given: givenServices,
  containers: containerServices,
  local: localServices,
}

/** No rung is available; the message says what to install. */
export class NoServices extends Error {}

/**
 * Gets a Kafka and a Redis, and prints from which rung of the ladder.
 * With `ports` it always starts them and ignores given services, which have ports of their own.
 * @param rungs replaced by tests
 * @throws NoServices when no rung is there, or not the forced one; Error when one is there and fails
 */
export async function getServices(context: RungContext, rungs: Record<Rung, StartRung> = RUNGS): Promise<Services> {
  const wanted = context.env['TEST_SERVICES'] || 'auto'
  if (wanted !== 'auto' && !Object.hasOwn(rungs, wanted)) {
    throw new NoServices('TEST_SERVICES must be one of auto, given, containers, local')
  }
  const startsAnyway = context.ports !== undefined
  if (wanted === 'given' && startsAnyway) {
    throw new NoServices('this command starts a Kafka and a Redis of its own: unset TEST_SERVICES=given')
  }
  const all: Rung[] = startsAnyway ? ['containers', 'local'] : ['given', 'containers', 'local']
  const order = wanted === 'auto' ? all : [wanted as Rung]
  const reasons: string[] = []
  for (const rung of order) {
    const services = await rungs[rung](context)
    if (typeof services !== 'string') {
      const redis = new URL(services.redisUrl).host
      context.say(`services: ${rung} (Kafka at ${services.kafkaBrokers.join(',')}, Redis at ${redis})`)
      return services
    }
    reasons.push(`${rung}: ${services}`)
  }
  const advice = order.map((rung) => ADVICE[rung]).join(', or ')
  throw new NoServices(`no Kafka and Redis here: ${advice} (${reasons.join('; ')})`)
}

const ADVICE: Record<Rung, string> = {
  given: 'set KAFKA_BOOTSTRAP_SERVERS and REDIS_HOST',
  containers: 'start Docker',
  local: 'install Java 17 and Maven (Debian: apt-get install openjdk-17-jre-headless maven redis-server)',
}

/**
 * Merges `.test.env` under the environment: variables of the process win.
 * @param file a file that need not exist
 */
export function withTestEnv(env: Record<string, string | undefined>, file = '.test.env') {
  try {
    return { ...parse(readFileSync(file)), ...env }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return env
    throw error
  }
}

async function localServices({ env, say, signal, ports }: RungContext): Promise<Services | string> {
  const downloads = { cacheDir: cacheDir(env), say, signal }
  await requireSpace(tmpdir())
  const version = env['TEST_KAFKA_VERSION'] || KAFKA_VERSION
  say(`starting Kafka ${version} and Redis as local processes`)
  const started = await Promise.allSettled([
    startLocalKafka({ version, ...(ports === undefined ? {} : { port: ports.kafka }) }, downloads),
    startLocalRedis(ports === undefined ? {} : { port: ports.redis }, downloads),
  ])
  const [kafka, redis] = started
  if (kafka.status === 'fulfilled' && redis.status === 'fulfilled') {
    const { port } = redis.value
    return {
      rung: 'local',
      kafkaBrokers: kafka.value.brokers,
      redisUrl: redis.value.url,
      env: {
        KAFKA_BOOTSTRAP_SERVERS: kafka.value.brokers.join(','),
        REDIS_HOST: 'localhost',
        REDIS_PORT: String(port),
      },
      stop: async () => void (await Promise.all([kafka.value.stop(), redis.value.stop()])),
    }
  }
  await Promise.all(started.flatMap((one) => (one.status === 'fulfilled' ? [one.value.stop()] : [])))
  const errors = started.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []))
  const failure = errors.find((error) => !(error instanceof MissingTool))
  if (failure) throw withRemedy(failure)
  return `missing: ${[...new Set(errors.map((error) => error.message))].join(', ')}`
}

/** Adds what to do to errors of the file system, whose own messages do not say it. */
function withRemedy(failure: Error): Error {
  const remedy = remedyFor(failure.message)
  return remedy === null || failure.message.includes(remedy) ? failure : new Error(remedy, { cause: failure })
}
